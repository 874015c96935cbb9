# SPDX-License-Identifier: Apache-2.0
"""Words that must not be in the repository. They are spelled in pieces here, not to find itself."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.arch.tree import ROOT, files, python

FOLDERS = ("src", "tests", "estate", "bench", "tools", "docs", "packaging", ".ci")
TOP = ("Makefile", "pyproject.toml", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
LOCKS = ("requirements.lock", "requirements-kerberos.lock")


def _joined(pieces: str) -> re.Pattern[str]:
    return re.compile(pieces.replace("~", ""))


UNDONE = _joined(r"\b(?:TO~DO|FIX~ME|XX~X|NotImplemented~Error)\b")
MACHINE = _joined(r"(?<![\w.])/(?:wo~rk|ro~ot)/|/tmp/~w(?:/|\b)")
REGISTRY = _joined(
    r"\b(?:py~pi\.org|python~hosted\.org|npm~js\.(?:com|org)|crates~\.io|proxy\.go~lang\.org"
    r"|rubygems~\.org|docker~\.io)\b"
)
SKIPS = ("skip", "skipif", "xfail")
WORDS = {"undone work": UNDONE, "a path of one machine": MACHINE, "a registry": REGISTRY}


def offences(text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), 1):
        for what, word in WORDS.items():
            if word.search(line):
                yield f"{number}: {what}: {line.strip()[:80]}"


def bare_skips(source: str) -> Iterator[str]:
    """A skip or an expected failure without a reason.

    Accepted: `pytest.skip("why")`, `mark.skip(reason=...)`, `mark.skipif(..., reason=...)`,
    `mark.xfail(..., reason=...)`.
    """
    called: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = node.func.attr
            reasons = [k.value for k in node.keywords if k.arg == "reason"]
            if name == "skip":
                reasons += node.args
            if name in SKIPS:
                called.add(id(node.func))
                if not any(_says_something(r) for r in reasons):
                    yield f"{node.lineno}: {name} without a reason"
        elif isinstance(node, ast.Attribute) and id(node) not in called and node.attr in SKIPS:
            yield f"{node.lineno}: {node.attr} without a reason"


def _says_something(reason: ast.expr) -> bool:
    return not isinstance(reason, ast.Constant) or bool(reason.value)


def texts() -> Iterator[Path]:
    yield from files(ROOT, FOLDERS)
    yield from (ROOT / name for name in (*TOP, *LOCKS) if (ROOT / name).exists())


def test_no_undone_work_no_path_of_one_machine_and_no_registry_is_named() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{offence}"
        for path in texts()
        for offence in offences(path.read_text(errors="replace"))
    ]
    assert found == []


def test_no_test_is_skipped_without_a_reason() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{said}"
        for path in python(ROOT, ("tests",))
        for said in bare_skips(path.read_text())
    ]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "# TO~DO: later",
        "raise NotImplemented~Error",
        "open('/wo~rk/x')",
        "cd /ro~ot/x",
        "LAB=/tmp/~w/lab",
        "https://py~pi.org/simple",
        "files.python~hosted.org",
    ],
)
def test_the_check_sees_an_offending_line(text: str) -> None:
    assert list(offences(f"fine\n{text.replace('~', '')}\n"))


def test_the_check_leaves_ordinary_lines_alone() -> None:
    assert not list(offences("the framework/root/ of all\n/var/tmp/estate\n/tmp/work\n"))


@pytest.mark.parametrize(
    "source",
    [
        "pytest.skip()",
        "pytest.skip('')",
        "@pytest.mark.skip\ndef test_x(): ...",
        "@pytest.mark.skip()\ndef test_x(): ...",
        "@pytest.mark.skipif(True)\ndef test_x(): ...",
        "pytestmark = pytest.mark.xfail",
    ],
)
def test_the_check_sees_a_bare_skip(source: str) -> None:
    assert list(bare_skips(source))


def test_the_check_accepts_a_skip_that_says_why() -> None:
    said = "pytest.skip('no Kerberos here')\nx = pytest.mark.skipif(a, reason='b')\n"
    assert not list(bare_skips(said))
