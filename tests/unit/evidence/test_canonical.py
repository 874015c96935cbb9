# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from evict.core.errors import Bug
from evict.evidence import canonical
from evict.evidence.statement import payload
from tests.unit.evidence import sample

GOLDEN = Path("tests/golden/evidence/statement.json")


def test_keys_are_sorted_by_utf_16_units_as_rfc_8785_section_3_2_3_says() -> None:
    keys = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\x80": 6, "\u00f6": 7}
    text = canonical.encode(keys).decode()
    order = [text.index(f":{n}") for n in (2, 4, 6, 7, 1, 5, 3)]
    assert order == sorted(order)


def test_milliseconds_keep_three_decimals_and_whole_numbers_none() -> None:
    assert canonical.encode([1.23456, 12.0, 0.1 + 0.2]) == b"[1.235,12,0.3]"


def test_an_instant_is_written_in_utc_with_microseconds() -> None:
    east = timezone(timedelta(hours=2))
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=east)
    assert canonical.encode([at]) == b'["2026-01-02T01:04:05.000000Z"]'


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, 2**53, datetime(2026, 1, 1), object()],  # noqa: DTZ001 - the case
    ids=["nan", "inf", "too-large", "naive", "object"],
)
def test_what_json_cannot_say_is_a_bug_and_not_an_output(value: object) -> None:
    with pytest.raises(Bug):
        canonical.encode([value])


def test_a_lone_surrogate_of_a_servers_answer_is_escaped() -> None:
    assert canonical.encode(["\udc80"]) == b'["\\\\udc80"]'


def test_the_statement_of_the_sample_case_is_the_golden_file() -> None:
    assert payload(sample.statement()) == GOLDEN.read_bytes()
