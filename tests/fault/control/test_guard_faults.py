# SPDX-License-Identifier: Apache-2.0
"""Approvals on disks that are full, over crashes, and without a directory or an audit log."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from evict.config.guard import GuardSection
from evict.control import api
from evict.control.guard.approving import Approving
from evict.control.guard.held import Held
from evict.control.guard.waiting import Waiting
from evict.core.errors import AuditNotWritten, ExitCode, LedgerFull
from tests.fault.control.answers import (
    ERIKA,
    PEOPLE,
    answer,
    ask,
    close,
    configure,
    entries,
    held,
    is_enabled,
    refuse_to_note,
    replace,
)
from tests.fault.control.guarded import Time, accounts, guarded
from tests.fault.control.town import NAME, UPN, Town, town
from tests.fault.ledger.disk import plugged_in

HOST = "127.165.1.4"
ROOT_FOLDER = Path(__file__).parents[3]


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Town]:
    async with town(tmp_path, HOST) as made:
        for name in PEOPLE:
            made.controller.store.person(
                name, f"Pass-{name}-1", userPrincipalName=f"{name}@corp.test"
            )
        configure(made, GuardSection(an_hour=1, a_minute=1))
        yield made


async def test_an_audit_log_that_fails_stops_approvals_and_reinstatements_but_no_closing(
    place: Town,
) -> None:
    async with place.serving() as service:
        replace(service, note=refuse_to_note)
        done = await place.revoke(service)
        assert done.code is ExitCode.OK
        await close(service, "anna", "bernd")
        for request in (
            api.Approve(source="directory:corp"),
            api.Dismiss(source="directory:corp", reason="no"),
            api.Reinstate(name=UPN, request="b1"),
        ):
            with pytest.raises(AuditNotWritten):
                await ask(service, request, ERIKA)
        assert len(await held(service)) == 1
    assert not place.enabled


async def test_an_approval_that_the_audit_log_does_not_wait_for_would_close(
    place: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin."""

    async def not_noted(*_: object) -> None:
        pass

    monkeypatch.setattr(Approving, "_note", not_noted)
    async with place.serving() as service:
        replace(service, note=refuse_to_note)
        await close(service, "anna", "bernd")
        assert len((await answer(service, api.Approve(source="directory:corp")))["closed"]) == 1


async def test_approved_again_after_a_crash_nothing_is_done_twice(
    place: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with place.serving() as service:
        await close(service, "anna", "bernd")
        with monkeypatch.context() as patched:
            patched.setattr(Waiting, "remove", full)
            with pytest.raises(LedgerFull):
                await answer(service, api.Approve(source="directory:corp"))
    async with place.serving() as service:
        assert len(await held(service)) == 1
        await answer(service, api.Approve(source="directory:corp"), ERIKA)
        assert await held(service) == []
        labels = [row["label"] for row in await entries(service)]
        assert labels == ["anna@corp.test", "bernd@corp.test"]


async def full(_: Waiting, things: list[Held]) -> None:
    raise LedgerFull(f"{len(things)} were not removed")


async def test_a_directory_that_is_gone_holds_up_no_approval(place: Town) -> None:
    async with place.serving() as service:
        await close(service, "anna", "bernd")
        await place.controller.stop()
        lines = await ask(service, api.Approve(source="directory:corp"))
        assert lines[-1] == api.End(exit_code=ExitCode.OK)
        bernd = next(r for r in await entries(service) if r["label"] == "bernd@corp.test")
        assert bernd["kind"] == "revocation"


async def test_on_a_full_disk_an_approval_closes_nobody_and_it_is_held_still(
    tmp_path: Path,
) -> None:
    with plugged_in() as disk:
        async with town(tmp_path, HOST) as place:
            place.controller.store.person("anna", "Pass-1", userPrincipalName="anna@corp.test")
            configure(place, GuardSection(an_hour=1, a_minute=1))
            async with place.serving() as service:
                await close(service, NAME, "anna")
                await service.settle()
                disk.break_from_now_on(apsw.FullError)
                with pytest.raises(LedgerFull):
                    await answer(service, api.Approve(source="directory:corp"))
                disk.mend()
                assert [row["label"] for row in await held(service)] == ["anna@corp.test"]
                found = await answer(service, api.Approve(source="directory:corp"))
                assert len(found["closed"]) == 1
                await service.settle()
            assert not is_enabled(place, "anna")


async def test_what_was_approved_goes_on_after_a_restart(place: Town) -> None:
    async with place.serving() as service:
        await close(service, "anna", "bernd")
        await answer(service, api.Approve(source="directory:corp"))
    async with place.serving() as service:
        assert await held(service) == []
        await service.resume()
        async with asyncio.timeout(20):
            while is_enabled(place, "bernd"):
                await asyncio.sleep(0.02)
    assert not is_enabled(place, "bernd")


COUNTS = """
import asyncio, sys
from pathlib import Path
from evict.config.guard import GuardSection
from evict.control.guard.demand import Demand
from tests.fault.control.guarded import CORP, Time, accounts, guarded

async def main():
    async with guarded(Path(sys.argv[1]), Time(), GuardSection()) as here:
        await here.gate.admit(accounts(30), Demand(asker=CORP, request="r"))
        print("counted", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_killed_before_the_append_the_allowance_is_spent_and_the_rest_is_held(
    tmp_path: Path,
) -> None:
    path = tmp_path / "ledger.db"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", COUNTS, str(path)), stdout=asyncio.subprocess.PIPE, cwd=ROOT_FOLDER
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"counted\n"
    process.kill()
    await process.wait()
    async with guarded(path, Time(up=1.0)) as here:
        assert here.labels == [f"u{n}" for n in range(10, 30)]
        assert len(here.news) == 1
        assert (await here.ask(accounts(5, "other"))).passed == ()
        assert len((await here.ask(accounts(10))).passed) == 10
