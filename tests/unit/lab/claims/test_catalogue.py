# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import msgspec
import pytest

from evict.lab.claims.catalogue import catalogue, parse
from evict.lab.model.profile import Version

CLAIM = """
[[claims]]
id = "one"
claim = "Something lasts."
source = "page"
versions = ["2010", "2013"]
demonstration = "hours"
rule = ["user_token_ttl_s"]
mark = "documented"
"""
CORRECTION = """
[claims.corrected_by]
says = "It does not."
source = "page"
versions = ["2013"]
"""
SOURCES = '[sources.page]\nname = "A page"\n'


def test_what_is_written_is_read() -> None:
    read = parse(SOURCES + CLAIM + CORRECTION)
    claim = read.claims[0]
    assert claim.versions == (Version.V2010, Version.V2013)
    assert claim.corrected_by is not None
    assert claim.corrected_by.versions == (Version.V2013,)
    assert read.sources["page"].name == "A page"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SOURCES + CLAIM + 'because = "so"\n', "because"),
        (SOURCES + CLAIM.replace('mark = "documented"', 'mark = "known"'), "known"),
        (SOURCES + CLAIM.replace('source = "page"\n', ""), "source"),
        (SOURCES + CLAIM.replace('"2013"', '"2014"'), "2014"),
        (SOURCES.replace("name", "title") + CLAIM, "title"),
        (CLAIM, "sources"),
    ],
)
def test_a_key_or_a_word_that_none_has_is_named(text: str, said: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=said):
        parse(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SOURCES + CLAIM + CLAIM, "two claims have the id one"),
        (SOURCES + CLAIM.replace('"page"', '"book"'), "one: there is no source book"),
        (
            SOURCES + CLAIM + CORRECTION.replace('"page"', '"book"'),
            "one: there is no source book",
        ),
        (SOURCES + CLAIM + CORRECTION.replace('"2013"', '"2019"'), "one: its versions"),
        (SOURCES + CLAIM.replace('"2010", "2013"', ""), "one: its versions"),
    ],
)
def test_what_makes_no_sense_is_said(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse(text)


def test_every_source_is_used() -> None:
    read = catalogue()
    used = {claim.source for claim in read.claims}
    used |= {claim.corrected_by.source for claim in read.claims if claim.corrected_by}
    assert used == set(read.sources)
