# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

from tests.arch.tree import ROOT, python

FOLDERS = ("src", "tests", "estate", "bench")
CEILING = 500
NEEDS_A_REASON = 300
MEDIAN = 130


def too_long(path: Path) -> Iterator[str]:
    text = path.read_text()
    lines = text.count("\n")
    if lines > CEILING:
        yield f"{path}: {lines} lines, {CEILING} at most"
    elif lines > NEEDS_A_REASON and "Long:" not in (ast.get_docstring(ast.parse(text)) or ""):
        yield f"{path}: {lines} lines and no reason (`Long:` in the module's docstring)"


def median_of(lengths: list[int]) -> float:
    return statistics.median(lengths)


def test_no_file_is_longer_than_its_reason() -> None:
    assert [said for path in python(ROOT, FOLDERS) for said in too_long(path)] == []


def test_the_median_file_of_the_product_is_short() -> None:
    lengths = [path.read_text().count("\n") for path in python(ROOT, ("src",))]
    assert median_of([n for n in lengths if n > 1]) <= MEDIAN


def test_the_checks_see_an_offender(tmp_path: Path) -> None:
    def said(lines: int, docstring: str = '"""Short."""\n') -> list[str]:
        file = tmp_path / "sample.py"
        file.write_text(docstring + "x = 1\n" * lines)
        return list(too_long(file))

    assert said(500)
    assert said(300)
    assert said(300, "# Long: a comment is no docstring\n")
    assert not said(300, '"""Long: one table."""\n')
    assert not said(299)
    assert median_of([10, MEDIAN + 1, 400]) > MEDIAN
