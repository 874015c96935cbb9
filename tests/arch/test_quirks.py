# SPDX-License-Identifier: Apache-2.0
"""Each `Quirk:` of the code names a product of docs/quirks.md, whose section names the file."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.arch.tree import ROOT, files, python

PAGE = ROOT / "docs" / "quirks.md"
QUIRK = re.compile(r"Quirk: ((?:.|\n){1,160})")
SECTION = re.compile(r"^## (\S+) (\d[\d.]*)\n((?:(?!^## ).*\n?)*)", re.MULTILINE)
NAMED = re.compile(r"`([a-z_0-9/-]+\.(?:py|cf))`")
TEST = re.compile(r"`(test_[a-z_0-9]+)`")


def sections(page: str) -> dict[str, tuple[str, str]]:
    """Product -> version, text of its section."""
    return {m[1]: (m[2], m[3]) for m in SECTION.finditer(page)}


def homeless(sources: dict[str, str], page: str) -> Iterator[str]:
    """Quirks of a product or of a version without a section, or in a file that none names.

    Args:
        sources: path below src/evict -> text.
    """
    known = sections(page)
    for path, text in sources.items():
        for match in QUIRK.finditer(text):
            said = " ".join(match[1].split())
            products = [p for p in known if re.search(rf"\b{p}\b", said)]
            if not products:
                yield f"{path}: no product with a section: {said[:60]}"
            elif not any(f"`{path}`" in known[p][1] for p in products):
                yield f"{path}: not named under {products}: {said[:60]}"
            for product in products:
                told = re.search(rf"\b{product} (\d[\d.]*\d)", said)
                if told and not f"{known[product][0]}.".startswith(f"{told[1]}."):
                    yield f"{path}: {product} {told[1]} is not {known[product][0]}"


def lost(page: str) -> Iterator[str]:
    """Files and tests that a row names and that are not there."""
    for name in NAMED.findall(page):
        below = ROOT if name.startswith(("estate/", "tests/")) else ROOT / "src" / "evict"
        if not (below / name).exists():
            yield name
    tests = "\n".join(path.read_text() for path in python(ROOT, ("tests",)))
    for name in TEST.findall(page):
        if f"def {name}(" not in tests:
            yield name


def code() -> dict[str, str]:
    base = ROOT / "src" / "evict"
    return {str(p.relative_to(base)): p.read_text() for p in files(base, (".",)) if p.suffix}


def test_every_quirk_of_the_code_has_its_row() -> None:
    assert list(homeless(code(), PAGE.read_text())) == []


def test_every_file_and_test_that_a_row_names_is_there() -> None:
    assert list(lost(PAGE.read_text())) == []


SAMPLE = "## Samba 4.17.12\n\n| a | b | `x/y.py` |\n\n## Dovecot 2.3.19.1\n\n| c | d | `z.py` |\n"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("x/y.py", "Quirk: Exim 4 says so."),
        ("x/z.py", "Quirk: Samba 4.17 says so."),
        ("z.py", "Quirk: Samba 4.17 says so."),
        ("x/y.py", "Quirk: Samba 4.1 says so."),
        ("x/y.py", "Quirk: Samba 4.18 says so."),
    ],
    ids=["product", "file", "another product's file", "half a version", "version"],
)
def test_the_check_sees_a_quirk_without_a_row(path: str, said: str) -> None:
    assert list(homeless({path: said}, SAMPLE))


def test_the_check_takes_a_quirk_with_its_row() -> None:
    good = {"x/y.py": "# Quirk: Samba 4.17\n# and", "z.py": "Quirk: of Dovecot 2.3.19, Samba 4.17"}
    assert not list(homeless(good, SAMPLE))


def test_the_check_sees_a_file_and_a_test_that_are_gone() -> None:
    page = "`estate/none.py` `core/none.py` `" + "test_that_is_nowhere`"
    assert list(lost(page)) == ["estate/none.py", "core/none.py", "test_that_is_nowhere"]
