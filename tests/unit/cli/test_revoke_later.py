# SPDX-License-Identifier: Apache-2.0
"""`evict revoke --at` and `--file`, as far as the command itself decides."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pytest

from evict.cli import batch
from evict.cli.app import main
from evict.cli.output import Output
from evict.core.errors import UsageError
from evict.sources.instant import BadInstant

SOON = "2999-12-31T17:00 Europe/Berlin"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["alice", "--at", ""], "is no instant"),
        (["alice", "--at", "2999-12-31T17:00"], "names no time zone"),
        (["--at", SOON], "name at least one account"),
        (["--dryrun", "alice", "--at", SOON], "no option is called"),
        (["alice", "--file", "x.csv"], "--file has the accounts"),
        (["--file", "x.csv", "--at", SOON], "--file has the accounts"),
        (["--file", "/nonexistent/x.csv"], "cannot be read"),
        (["alice", "--at", SOON, "--witness"], "carried out now"),
        (["alice", "--skip-bad"], "--skip-bad goes with"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anybody_is_asked(
    arguments: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["revoke", *arguments, "--config", "/nonexistent/evict.toml"])
    assert raised.value.code == 2
    assert why in capsys.readouterr().err


def test_an_empty_instant_is_never_taken_for_now() -> None:
    """A shell's empty variable: `--at "$AT"`."""
    with pytest.raises(BadInstant):
        batch.lines_of(["alice"], "")
    (line,) = batch.lines_of(["alice"], SOON)
    assert (line.number, line.account, line.at) == (1, "alice", SOON)


def test_a_file_is_read_from_standard_input_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    data = b"account\nalice\n"
    (tmp_path / "leavers.csv").write_bytes(data)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert batch.read_file(Path("-")) == batch.read_file(tmp_path / "leavers.csv")
    with pytest.raises(UsageError, match="cannot be read"):
        batch.read_file(tmp_path)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"dry_run": True, "counts": {"unknown": 2}}, ["Nothing was written. 2 unknown."]),
        ({"written": False, "counts": {"unknown": 1, "not done": 3}}, ["--skip-bad", "3 not done"]),
        ({"counts": {"scheduled": 1}, "agents": ["a1"]}, ["on the lists of a1"]),
        ({"counts": {"scheduled": 1}, "agents": []}, ["on no agent's list yet"]),
        ({"counts": {"closed": 4}}, ["4 closed.", "`evict status`"]),
    ],
)
def test_the_last_words_say_what_was_done(
    found: dict[str, Any], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    batch._conclude(Output(), {"dry_run": False, "written": True, "agents": [], **found})
    said = " ".join(capsys.readouterr().err.split())
    for word in words:
        assert word in said
