# SPDX-License-Identifier: Apache-2.0
"""What the code cites stands in docs/specs.tsv, and what that table claims the code cites."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import Struct

from tests.arch.tree import ROOT, files

TABLE = ROOT / "docs" / "specs.tsv"
HEAD = "spec\ttitle\tsupport\tdeviation"
SPEC_LINE = re.compile(r"Spec: (.+)")
NUMBERED = re.compile(r"\bRFC ?(\d{3,5})\b|\b(MS-[A-Z][A-Z0-9]+)\b")


class Row(Struct, frozen=True):
    spec: str
    title: str
    support: str
    deviation: str


def read_table(text: str) -> list[Row]:
    """Raises `ValueError` on a line that is no row."""
    head, *lines = text.removesuffix("\n").split("\n")
    if head != HEAD:
        raise ValueError(f"the first line is not {HEAD!r}")
    rows = [Row(*line.split("\t")) for line in lines if line.count("\t") == 3]
    bad = len(lines) - len(rows)
    wrong = [r.spec for r in rows if r.support not in ("yes", "part") or not r.title]
    twice = len(rows) - len({r.spec for r in rows})
    silent = [r.spec for r in rows if r.support == "part" and not r.deviation]
    if bad or wrong or twice or silent:
        raise ValueError(f"{bad} lines, {wrong}, {twice} twice, part of what: {silent}")
    return rows


def citations(text: str) -> Iterator[str]:
    """Every numbered document in a text, and whatever a `Spec:` begins with."""
    for match in NUMBERED.finditer(text):
        yield f"RFC {match[1]}" if match[1] else match[2]
    for match in SPEC_LINE.finditer(text):
        yield match[1]


def unknown(texts: dict[str, str], rows: list[Row]) -> list[str]:
    known = tuple(row.spec for row in rows)
    return [
        f"{where}: {cited[:60]}"
        for where, text in texts.items()
        for cited in citations(text)
        if not any(re.match(rf"{re.escape(spec)}(?!\w)", cited) for spec in known)
    ]


def uncited(texts: dict[str, str], rows: list[Row]) -> list[str]:
    cited = [c for text in texts.values() for c in citations(text)]
    return [
        row.spec
        for row in rows
        if not any(re.match(rf"{re.escape(row.spec)}(?!\w)", c) for c in cited)
    ]


def sources() -> dict[str, str]:
    return {
        str(path.relative_to(ROOT)): path.read_text(errors="replace")
        for path in files(ROOT, ("src",))
    }


def test_every_citation_names_a_row_of_the_table() -> None:
    assert unknown(sources(), read_table(TABLE.read_text())) == []


def test_every_row_of_the_table_is_cited() -> None:
    assert uncited(sources(), read_table(TABLE.read_text())) == []


ROWS = [Row("RFC 1939", "POP3", "yes", ""), Row("MS-ADTS", "AD", "part", "x")]


@pytest.mark.parametrize(
    "text", ["see RFC 1938", "RFC 19391", "MS-SAMR 3", "Spec: some page", "(RFC3501)"]
)
def test_the_check_sees_an_unknown_citation(text: str) -> None:
    assert unknown({"sample": text}, ROWS)
    assert not unknown({"sample": "Spec: RFC 1939 section 3. MS-ADTS 5.1"}, ROWS)


def test_the_check_sees_a_claim_that_no_code_cites() -> None:
    assert uncited({"sample": "RFC 1939"}, ROWS) == ["MS-ADTS"]


@pytest.mark.parametrize(
    "text",
    [
        "RFC 1\tx\tyes\t",
        f"{HEAD}\nRFC 1\tx\tyes",
        f"{HEAD}\nRFC 1\tx\tmaybe\t",
        f"{HEAD}\nRFC 1\tx\tpart\t",
        f"{HEAD}\nRFC 1\tx\tyes\t\nRFC 1\tx\tyes\t",
    ],
    ids=["head", "columns", "support", "part", "twice"],
)
def test_a_table_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"first line|lines"):
        read_table(text)


def test_the_sample_rows_are_read_back(tmp_path: Path) -> None:
    file = tmp_path / "specs.tsv"
    file.write_text(f"{HEAD}\nRFC 1939\tPOP3\tyes\t\nMS-ADTS\tAD\tpart\tx\n")
    assert read_table(file.read_text()) == ROWS
