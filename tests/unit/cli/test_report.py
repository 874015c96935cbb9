# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from evict.cli.report import conclude, print_report
from evict.control.progress import CaseReport
from evict.core.door import Credential, Door, Nature
from evict.core.errors import ExitCode
from evict.core.verdict import Judgement, Verdict

DOOR = Door(system="dovecot", protocol="imap", credential=Credential.SESSION)


def reported(verdict: Verdict, code: ExitCode, failures: tuple[str, ...] = ()) -> CaseReport:
    return CaseReport(
        account="1",
        label="bob@corp.test",
        generation=1,
        verdict=verdict.judgement,
        exit_code=code,
        commit_at=datetime(2026, 1, 2, tzinfo=UTC),
        doors=(verdict,),
        plan=(),
        effects=(),
        failures=failures,
    )


def concluded(report: CaseReport) -> list[str]:
    stream = io.StringIO()
    conclude(Console(file=stream, width=80), report)
    return stream.getvalue().splitlines()


def said(code: ExitCode, failures: tuple[str, ...] = ()) -> list[str]:
    judgement = Judgement.SHUT if code is ExitCode.OK else Judgement.UNVERIFIABLE
    verdict = Verdict(door=DOOR, nature=Nature.PROVABLE, judgement=judgement, why="x " * 120)
    return concluded(reported(verdict, code, failures))


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


BOUNDED = Verdict(
    door=DOOR,
    nature=Nature.PROVABLE,
    judgement=Judgement.BOUNDED,
    why="its time-out ends it",
    until=datetime(2026, 1, 2, 0, 10, tzinfo=UTC),
)


def test_of_what_is_bounded_it_is_said_when_it_ends_and_nothing_is_asked_of_anybody() -> None:
    report = reported(BOUNDED, ExitCode.DOOR_OPEN)
    why, last = concluded(report)
    ends = "its time-out ends it; it ends by itself, at the latest 2026-01-02 00:10:00 UTC"
    assert why.endswith(f"dovecot/imap/session: bounded: {ends}")
    assert "`evict revoke" not in last
    assert "what is bounded ends by itself" in last
    page = io.StringIO()
    print_report(Console(file=page, width=160), report)
    assert f"  dovecot/imap/session: {ends}\n" in page.getvalue()


def test_beside_a_failure_what_is_bounded_is_no_excuse() -> None:
    _, last = concluded(reported(BOUNDED, ExitCode.FAILED, ("dovecot: it is down",)))
    assert "`evict revoke bob@corp.test` looks again" in last
