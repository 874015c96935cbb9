# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.arch.tree import ROOT, files

FOLDERS = ("src", "tests", "estate", "bench", "tools", "packaging", ".ci")
TOP = ("Makefile", "pyproject.toml")
LINE = "SPDX-License-Identifier: Apache-2.0"
DATA = {".json", ".md", ".tsv", ".txt", ".bin", ".eml", ".svg", ".lock", ".pem", ".typed"}
"""Data has no comments, or must stay as it was recorded; prose falls under LICENSE."""


def without_line(path: Path) -> bool:
    """The first line must carry it, or the second after a `#!`, once in the head."""
    if path.suffix in DATA:
        return False
    lines = path.read_text(errors="replace").splitlines()[:5]
    first = lines[1:2] if lines and lines[0].startswith("#!") else lines[:1]
    return not (first and LINE in first[0]) or sum(LINE in line for line in lines) != 1


def sources() -> Iterator[Path]:
    yield from files(ROOT, FOLDERS)
    yield from (ROOT / name for name in TOP)


def test_every_source_begins_with_one_spdx_line() -> None:
    assert [str(p.relative_to(ROOT)) for p in sources() if without_line(p)] == []


@pytest.mark.parametrize(
    "text",
    ["", "x = 1\n", f"\n# {LINE}\n", f"# {LINE}\n# {LINE}\n", "# SPDX-License-Identifier: MIT\n"],
)
def test_the_check_sees_an_offender(tmp_path: Path, text: str) -> None:
    file = tmp_path / "sample.py"
    file.write_text(text)
    assert without_line(file)
    file.write_text(f"#!/bin/sh\n# {LINE}\n")
    assert not without_line(file)
