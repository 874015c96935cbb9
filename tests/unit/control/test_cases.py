# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio

import pytest

from evict.control.cases.case import Case, Emit
from evict.control.cases.running import Cases, RunningCase
from evict.control.progress import CaseReport, Note
from evict.core.errors import ExitCode, Interrupted, LedgerConflict
from evict.core.verdict import Judgement
from tests.unit.control.test_case import AT, a_case

ACCOUNT = a_case().account.id
REPORT = CaseReport(
    account=ACCOUNT,
    label="alice@corp.test",
    generation=1,
    verdict=Judgement.SHUT,
    exit_code=ExitCode.OK,
    commit_at=AT,
    doors=(),
    plan=(),
    effects=(),
)


def make(emit: Emit) -> Case:
    case = a_case()
    case.emit = emit
    return case


async def at_once(_: Case) -> CaseReport:
    return REPORT


async def for_ever(_: Case) -> CaseReport:
    await asyncio.Event().wait()
    return REPORT


async def heard(running: RunningCase) -> list[object]:
    return [event async for event in running.listen()]


async def test_a_late_listener_hears_everything_from_the_start_and_the_report() -> None:
    cases = Cases()

    async def work(case: Case) -> CaseReport:
        case.emit(Note(account=ACCOUNT, text="one"))
        return REPORT

    running = cases.start(ACCOUNT, make, work)
    await cases.settle()
    assert await heard(running) == [Note(account=ACCOUNT, text="one"), REPORT]


async def test_a_case_cancelled_before_its_first_step_leaves_nothing_behind() -> None:
    cases = Cases()
    running = cases.start(ACCOUNT, make, for_ever)
    await cases.cancel(ACCOUNT)
    assert cases.get(ACCOUNT) is None
    with pytest.raises(Interrupted):
        await heard(running)
    assert await heard(cases.start(ACCOUNT, make, at_once)) == [REPORT]


async def test_a_second_order_joins_the_run_there_is_unless_it_has_wishes_of_its_own() -> None:
    cases = Cases()
    first = cases.start(ACCOUNT, make, for_ever)
    assert cases.start(ACCOUNT, make, at_once) is first
    second = cases.start(ACCOUNT, make, at_once, join=False)
    await asyncio.sleep(0.01)
    assert second is not first
    assert second.report is None
    assert first.task is not None
    first.task.cancel()
    assert await heard(second) == [REPORT]


async def test_nobody_starts_a_case_while_the_account_is_reinstated() -> None:
    cases = Cases()
    running = cases.start(ACCOUNT, make, for_ever)
    async with cases.held(ACCOUNT):
        assert running.task is not None
        assert running.task.cancelled()
        with pytest.raises(LedgerConflict):
            cases.start(ACCOUNT, make, at_once)
        with pytest.raises(LedgerConflict):
            async with cases.held(ACCOUNT):
                pass
    assert await heard(cases.start(ACCOUNT, make, at_once)) == [REPORT]
