# SPDX-License-Identifier: Apache-2.0
"""Servers and disks that fail in the middle: what is said, done anyway, and made good."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from evict.control.cases.case import Case
from evict.control.cases.runner import CaseRunner
from evict.core.errors import ExitCode, LedgerFull
from evict.core.measure import Measure
from evict.systems.base import Connector
from tests.contract.fake_controller import Fault
from tests.fault.control.town import Town, town
from tests.fault.ledger.disk import plugged_in

HOST = "127.103.9.1"


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Town]:
    async with town(tmp_path, HOST) as made:
        yield made


async def test_without_faults_every_door_is_shut_and_each_write_is_made_once(place: Town) -> None:
    async with place.serving() as service:
        done = await place.revoke(service)
    assert (done.code, done.failures) == (ExitCode.OK, "")
    assert place.controller.writes == 3
    assert len(place.history) == 3
    assert not place.enabled
    assert place.dovecot.sessions == [("carol", "imap")]


@pytest.mark.parametrize("fault", [Fault.DIE_AFTER_WRITE, Fault.LOSE_WRITES])
@pytest.mark.parametrize("whole", [0, 1, 2])
async def test_a_directory_lost_at_a_write_holds_up_no_other_door_and_a_second_run_finishes(
    place: Town, fault: Fault, whole: int
) -> None:
    place.controller.fault = fault
    place.controller.after_writes = whole
    async with place.serving() as service:
        first = await place.revoke(service)
        if fault is Fault.LOSE_WRITES:
            assert first.code is ExitCode.FAILED
            assert "directory:" in first.failures
        assert place.dovecot.sessions == [("carol", "imap")]
        place.controller.fault = Fault.NONE
        second = await place.revoke(service, "r2")
    assert (second.code, second.failures) == (ExitCode.OK, "")
    assert not place.enabled
    assert len(place.history) == 3


async def test_an_uncertain_disable_is_settled_by_a_later_look_and_not_written_again(
    place: Town,
) -> None:
    place.controller.fault = Fault.DIE_AFTER_WRITE
    async with place.serving() as service:
        revoking = asyncio.create_task(place.revoke(service))
        while not place.controller.writes:
            await asyncio.sleep(0.01)
        place.controller.fault = Fault.NONE
        done = await revoking
    assert (done.code, done.failures) == (ExitCode.OK, "")
    assert done.effects["directory:disable"] == "done"
    assert place.controller.writes == 3


@pytest.mark.parametrize("mode", ["hang", "half", "drop", "rubbish", "busy"])
async def test_a_dovecot_that_fails_holds_up_no_other_door_and_a_second_run_finishes(
    place: Town, mode: str
) -> None:
    place.dovecot.mode = mode
    async with place.serving() as service:
        first = await place.revoke(service)
        assert first.code in (ExitCode.FAILED, ExitCode.NOT_PROVEN)
        assert first.doors["directory/ldap/password"] == "shut"
        assert first.doors["dovecot/sieve/grant"] == "unverifiable"
        assert not place.enabled
        await place.dovecot.stop()
        place.dovecot.mode = "ok"
        await place.dovecot.start()
        second = await place.revoke(service, "r2")
    assert second.code is ExitCode.OK
    assert place.dovecot.sessions == [("carol", "imap")]


async def test_a_full_disk_after_the_commit_puts_off_what_could_not_be_undone(
    tmp_path: Path,
) -> None:
    with plugged_in() as disk:
        async with town(tmp_path, HOST) as place, place.serving() as service:
            parts = service._parts
            parts.ledger.subscribe(lambda _: disk.break_from_now_on(apsw.FullError))
            first = await place.revoke(service)
            assert first.code is ExitCode.FAILED
            assert "was not written" in first.failures
            assert first.effects["directory:disable"] == "failed"
            assert place.enabled
            assert place.dovecot.sessions == [("carol", "imap")]
            with pytest.raises(LedgerFull, match="full"):
                await parts.ledger.journal.opened("someone", 1)
            disk.mend()
            second = await place.revoke(service, "r2")
            assert (second.code, second.failures) == (ExitCode.OK, "")
            account = next(iter(parts.ledger.standings))
            images = await parts.ledger.journal.images(account, 1)
            assert "directory:disable" in {image.measure for image in images}
            assert not place.enabled


async def test_killed_between_two_writes_a_new_process_goes_on_by_itself(place: Town) -> None:
    place.controller.fault = Fault.LOSE_WRITES
    place.controller.after_writes = 2
    async with place.serving() as service:
        revoking = asyncio.create_task(place.revoke(service))
        while place.controller.writes < 2:
            await asyncio.sleep(0.01)
        await service._parts.cases.stop()
        revoking.cancel()
        await asyncio.wait({revoking})
    assert len(place.history) == 2
    place.controller.fault = Fault.NONE
    async with place.serving() as service:
        await service.resume()
        while not place.controller.writes >= 3:
            await asyncio.sleep(0.01)
        await service.settle()
    assert len(place.history) == 3
    assert list((place.config.evidence.folder).iterdir())


class Forgetful(CaseRunner):
    """The sabotaged one: passes a measure over without a word."""

    async def _apply(self, case: Case, connector: Connector, measure: Measure) -> None:
        pass


async def test_a_measure_that_was_passed_over_in_silence_is_named_and_fails(place: Town) -> None:
    async with place.serving() as service:
        service._revoking.closer.work.runner = Forgetful(service._parts)
        done = await place.revoke(service)
    assert place.enabled
    assert done.code is ExitCode.FAILED
    assert "directory:disable: not carried out" in done.failures
