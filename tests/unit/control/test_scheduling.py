# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec import structs

from evict.control import api
from evict.control.notices.news import News
from evict.control.schedule.planned import Planned
from evict.control.schedule.schedules import Schedule, Schedules
from evict.control.schedule.scheduling import Scheduling
from evict.core.errors import ExitCode, UsageError
from evict.sources.instant import BadInstant, spoken
from tests.contract.fake_controller import Fault
from tests.contract.fake_entries import BASE_DN
from tests.fault.control.town import ASKER, UPN, Town, town
from tests.unit.control.desk import LATER, Clock, desk, line

HOST = "127.164.1.1"
LIST = api.ScheduleList()


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Town]:
    async with town(tmp_path, HOST) as made:
        yield made


def add(place: Town, *names: str) -> list[str]:
    """More people; their ids."""
    return [
        place.controller.store.person(n, "Old-Pass-1", userPrincipalName=f"{n}@corp.test")
        for n in names
    ]


def leaver(place: Town) -> str:
    """The id of the account that the town has from the start."""
    (raw,) = place.controller.store.entries[f"CN=bob,{BASE_DN}"]["objectguid"]
    return str(uuid.UUID(bytes_le=raw))


async def test_it_is_carried_out_at_its_instant_and_not_before(place: Town) -> None:
    async with desk(place) as at:
        name = await at.schedule(UPN, reason="left")
        (row,) = (await at.ask(LIST))[0]["schedules"]
        assert (row["id"], row["at"], row["by"]) == (name, spoken(LATER), "uid:1000(erika)")
        at.clock.go(minutes=59, seconds=59)
        await asyncio.sleep(0.7)
        assert at.standing(leaver(place)) is None
        at.clock.go(seconds=1)
        await at.closed(leaver(place))
        await at.emptied()
        (entry,) = await at.service._parts.ledger.entries_since(0)
        assert entry.personal is not None
        assert entry.personal.actor == "schedule"
        assert entry.personal.reason == f"left (scheduled by uid:1000(erika) for {spoken(LATER)})"


async def test_a_clock_that_jumps_over_it_runs_it_once_whichever_way_it_goes_then(
    place: Town,
) -> None:
    async with desk(place) as at:
        await at.schedule(UPN)
        at.clock.go(days=30)
        await at.closed(leaver(place))
        await at.emptied()
        at.clock.go(days=-31)
        await asyncio.sleep(0.7)
        at.clock.go(days=31)
        await asyncio.sleep(0.7)
        assert await at.entries() == 1


async def test_what_was_overdue_at_a_restart_runs_at_once(place: Town) -> None:
    clock = Clock()
    async with desk(place, clock) as at:
        await at.schedule(UPN)
    clock.go(days=3)
    async with desk(place, clock) as at:
        await at.closed(leaver(place))
        await at.emptied()


async def test_killed_between_the_entry_and_the_shelf_it_is_not_done_again(
    place: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    change = Schedules.change
    async with desk(place, clock) as at:
        await at.schedule(UPN)
        monkeypatch.setattr(Schedules, "change", _never)
        clock.go(hours=1)
        await at.closed(leaver(place))
    monkeypatch.setattr(Schedules, "change", change)
    async with desk(place, clock, runs=False) as at:
        assert len(at.planned.schedules.all) == 1
        reinstated = api.Reinstate(name=UPN, request="back")
        async for _ in at.service.answer(reinstated, ASKER):
            pass
        at.planned.begin()
        await at.emptied()
        standing = at.standing(leaver(place))
        assert standing is not None
        assert not standing.revoked
        assert await at.entries() == 2


async def _never(*_: object, **__: object) -> None:
    await asyncio.Event().wait()


async def test_it_can_be_moved_and_cancelled_until_then(place: Town) -> None:
    add(place, "carol")
    async with desk(place) as at:
        one, two = await at.schedule(UPN), await at.schedule("carol@corp.test")
        moved = api.ScheduleMove(name=one, at="2030-05-06T16:00 Europe/Berlin")
        (row,) = (await at.ask(moved))[0]["schedules"]
        assert (row["id"], row["at"]) == (one, "2030-05-06T14:00:00Z")
        (row,) = (await at.ask(api.ScheduleCancel(names=("CAROL@corp.test",))))[0]["schedules"]
        assert row["id"] == two
        at.clock.go(minutes=90)
        await asyncio.sleep(0.7)
        assert await at.entries() == 0
        assert len(at.planned.schedules.all) == 1
        at.clock.go(minutes=30)
        await at.closed(leaver(place))
        with pytest.raises(UsageError, match="nothing is scheduled"):
            await at.ask(api.ScheduleCancel(names=(one,)))
        with pytest.raises(BadInstant, match="has passed"):
            await at.ask(api.ScheduleMove(name=one, at="2030-05-06T12:00Z"))


async def test_a_deleted_account_is_closed_by_the_names_that_are_kept(place: Town) -> None:
    async with desk(place) as at:
        account = leaver(place)
        await at.schedule(UPN)
        del place.controller.store.entries[f"CN=bob,{BASE_DN}"]
        at.clock.go(hours=1)
        await at.closed(account)
        (entry,) = await at.service._parts.ledger.entries_since(0)
        assert entry.personal is not None
        assert UPN in entry.personal.forms


async def test_a_renamed_account_is_closed_by_the_names_it_has_then(place: Town) -> None:
    async with desk(place) as at:
        await at.schedule(UPN)
        place.controller.store.put(f"CN=bob,{BASE_DN}", userPrincipalName="robert@corp.test")
        at.clock.go(hours=1)
        await at.closed(leaver(place))
        (entry,) = await at.service._parts.ledger.entries_since(0)
        assert entry.personal is not None
        assert "robert@corp.test" in entry.personal.forms


async def test_a_directory_that_hangs_delays_it_by_no_more_than_the_look(place: Town) -> None:
    async with desk(place) as at:
        account = leaver(place)
        await at.schedule(UPN)
        place.controller.fault = Fault.HANG
        at.clock.go(hours=1)
        await at.closed(account)
        place.controller.fault = Fault.NONE
        place.controller.cut()


async def test_a_directory_that_is_needed_and_away_delays_it_and_loses_nothing(
    place: Town,
) -> None:
    """`sales@other.example` is the login `sales` here, which may be somebody else's."""
    place.controller.store.put(f"CN=bob,{BASE_DN}", proxyAddresses="smtp:sales@other.example")
    async with desk(place) as at:
        await at.schedule(UPN)
        place.controller.fault = Fault.NOISE
        at.clock.go(hours=1)
        await asyncio.sleep(1.0)
        assert at.standing(leaver(place)) is None
        assert len(at.planned.schedules.all) == 1
        place.controller.fault = Fault.NONE
        await at.closed(leaver(place))
        await at.emptied()


async def test_without_a_loop_that_carries_it_out_nothing_is_scheduled(place: Town) -> None:
    async with desk(place, runs=False) as at:
        with pytest.raises(UsageError, match="`evict serve` must run"):
            await at.order(line(UPN, LATER))
        assert at.planned.schedules.all == ()


async def test_without_the_loop_nothing_happens_at_the_instant(place: Town) -> None:
    """The twin of the first."""
    async with desk(place) as at:
        await at.schedule(UPN)
        await at.planned.stop()
        at.clock.go(hours=2)
        await asyncio.sleep(0.7)
        assert at.standing(leaver(place)) is None


async def test_one_fault_of_ours_ends_no_other_schedule(
    place: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    carry_out = Scheduling._carry_out
    failed = asyncio.Event()

    async def fail_once(self: Scheduling, due: Sequence[Schedule]) -> None:
        if not failed.is_set():
            failed.set()
            raise RuntimeError("a fault")
        await carry_out(self, due)

    monkeypatch.setattr(Scheduling, "_carry_out", fail_once)
    async with desk(place) as at:
        await at.schedule(UPN)
        at.clock.go(hours=1)
        await at.closed(leaver(place))
        assert failed.is_set()


async def test_erased_names_are_forgotten_here_too(place: Town) -> None:
    async with desk(place) as at:
        await at.schedule(UPN)
        (name,) = [schedule.id for schedule in at.planned.schedules.all]
        await at.service._parts.ledger.shelf("schedules", Schedule).change(remove=[name])
        at.clock.go(hours=1)
        await at.emptied()
        assert await at.entries() == 0


async def test_an_account_is_scheduled_once(place: Town) -> None:
    async with desk(place) as at:
        name = await at.schedule(UPN)
        (same,), code = await at.order(line("bob", LATER))
        assert (same["fate"], same["schedule"], code) == ("already scheduled", name, ExitCode.OK)
        (other,), code = await at.order(line("bob", LATER + timedelta(hours=1)))
        assert (other["fate"], code) == ("scheduled for another instant", ExitCode.USAGE)
        assert name in other["text"]
        assert len(at.planned.schedules.all) == 1


async def test_zone_rules_that_changed_under_a_schedule_are_told(place: Town) -> None:
    clock = Clock()
    told: list[News] = []
    async with desk(place, clock) as at:
        await at.schedule(UPN)
        await at.planned.stop()
        shelf = at.service._parts.ledger.shelf("schedules", Schedule)
        (schedule,) = at.planned.schedules.all
        await at.planned.schedules.change(
            [structs.replace(schedule, written="2030-05-06T13:00 Europe/Berlin")]
        )
        assert len(await shelf.all()) == 1
        parts = replace(at.service._parts, tell=told.append)
        again = Planned(parts, at.service._revoking, clock=clock)
        await again.open()
        (news,) = told
        assert "2030-05-06T13:00:00Z" in news.lines[0]
        assert "2030-05-06T11:00:00Z" in news.lines[0]
        assert again.schedules.all[0].at == LATER
