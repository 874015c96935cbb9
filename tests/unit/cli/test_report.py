# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from evict.cli.report import conclude
from evict.control.progress import CaseReport
from evict.core.door import Credential, Door, Nature
from evict.core.errors import ExitCode
from evict.core.verdict import Judgement, Verdict

DOOR = Door(system="dovecot", protocol="imap", credential=Credential.SESSION)


def said(code: ExitCode, failures: tuple[str, ...] = ()) -> list[str]:
    stream = io.StringIO()
    judgement = Judgement.SHUT if code is ExitCode.OK else Judgement.UNVERIFIABLE
    verdict = Verdict(door=DOOR, nature=Nature.PROVABLE, judgement=judgement, why="x " * 120)
    report = CaseReport(
        account="1",
        label="bob@corp.test",
        generation=1,
        verdict=judgement,
        exit_code=code,
        commit_at=datetime(2026, 1, 2, tzinfo=UTC),
        doors=(verdict,),
        plan=(),
        effects=(),
        failures=failures,
    )
    conclude(Console(file=stream, width=80), report)
    return stream.getvalue().splitlines()


def test_nothing_is_said_where_all_is_proven() -> None:
    assert said(ExitCode.OK) == []


def test_each_failure_is_one_line_of_stderr_and_the_last_says_what_to_do() -> None:
    *why, last = said(ExitCode.FAILED, ("dovecot: it is down " * 20, "postfix: it hangs"))
    assert [line.split(":")[:3] for line in why] == [
        ["evict", " bob@corp.test", " dovecot"],
        ["evict", " bob@corp.test", " postfix"],
    ]
    assert "`evict revoke bob@corp.test` looks again" in last


@pytest.mark.parametrize("code", [ExitCode.NOT_PROVEN, ExitCode.DOOR_OPEN])
def test_without_a_failure_the_doors_are_named(code: ExitCode) -> None:
    why, _ = said(code)
    assert "dovecot/imap/session: unverifiable" in why
