# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path

import pytest

from evict.cli.app import main
from evict.control.audit.log import AuditLog
from evict.control.audit.record import Record, Result
from evict.ledger.service import Ledger
from tests.unit.ledger.made import revoke


@pytest.fixture
async def copies(tmp_path: Path) -> list[str]:
    """A log of three lines and its ledger, as options."""
    ledger = await Ledger.open(tmp_path / "ledger.db")
    log = await AuditLog.open(tmp_path / "audit.jsonl", ledger)
    for number in range(3):
        await ledger.append(revoke(f"a{number}"))
        await log.note(Record(who="w", what="revoke", result=Result.DONE, on=(f"a{number}",)))
    await log.close()
    await ledger.close()
    return ["--file", str(tmp_path / "audit.jsonl"), "--ledger", str(tmp_path / "ledger.db")]


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_copies_are_verified_where_nothing_runs(
    copies: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("audit", "verify", *copies) == 0
    assert capsys.readouterr().out == (
        "intact: lines 1 to 3 in one file; they stand by a ledger of 3 entries\n"
    )
    assert run("audit", "verify", *copies, "--json") == 0
    assert json.loads(capsys.readouterr().out)["last"] == 3


def test_damage_is_exit_code_78_with_the_line(
    copies: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path(copies[1])
    path.write_text(path.read_text().replace('"a1"', '"a7"'))
    assert run("audit", "verify", *copies) == 78
    told = capsys.readouterr()
    assert told.out == ""
    assert "audit.jsonl: line 2: it was changed" in told.err
    assert told.err.endswith("[audit-damaged]\n")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["audit", "verify", "--file", "/nowhere"], 2),
        (["audit", "show", "--since", "yesterday"], 2),
        (["token", "create", "a", "--hours", "1", "--owner", "root"], 2),
        (["token", "create", "a", "--scope", "all", "--hours", "1", "--owner", "root"], 2),
        (["status", "--token-file"], 2),
    ],
)
def test_senseless_arguments_are_told(arguments: list[str], code: int) -> None:
    assert run(*arguments) == code


def test_no_log_where_one_was_named_is_told(copies: list[str]) -> None:
    assert run("audit", "verify", "--file", "/nowhere/audit.jsonl", *copies[2:]) == 78
