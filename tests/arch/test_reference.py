# SPDX-License-Identifier: Apache-2.0
"""docs/reference is what the code prints: `make docs` renews it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.arch.tree import ROOT

STORED = ROOT / "docs" / "reference"


def stale(stored: Path, printed: Path) -> Iterator[str]:
    """Files that are not as they are printed, are missing, or that nobody prints."""
    names = {path.name for folder in (stored, printed) for path in folder.iterdir()}
    for name in sorted(names):
        here, there = stored / name, printed / name
        if not (here.exists() and there.exists() and here.read_bytes() == there.read_bytes()):
            yield name


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reference")
    subprocess.run([ROOT / "tools" / "reference", folder], check=True, timeout=60)
    return folder


def test_the_reference_is_what_the_code_prints(printed: Path) -> None:
    assert list(stale(STORED, printed)) == []


def test_the_check_sees_what_is_stale_missing_or_nobodys(printed: Path, tmp_path: Path) -> None:
    (tmp_path / "cli.md").write_text((printed / "cli.md").read_text().replace("revoke", "close"))
    (tmp_path / "old.md").write_text("")
    assert list(stale(tmp_path, printed)) == ["cli.md", "evict.toml", "old.md"]


def test_every_command_is_in_it(printed: Path) -> None:
    text = (printed / "cli.md").read_text()
    for command in ("revoke", "reinstate", "ledger adopt", "evidence sign", "agent snippet"):
        assert f" evict {command}\n" in text
