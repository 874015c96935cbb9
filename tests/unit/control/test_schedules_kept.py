# SPDX-License-Identifier: Apache-2.0
"""What is scheduled where there is too much of it, and where the directory hangs at its instant."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from evict.config.model import Protected
from evict.control import api
from evict.control.guard.held import HeldKind
from evict.control.notices.news import News
from evict.control.orders.revoking import Closing, Revoking
from evict.core.account import Account
from evict.sources.instant import spoken
from evict.systems.active_directory.connector import ActiveDirectory
from tests.contract.fake_controller import Fault
from tests.fault.control.town import UPN, Town, town
from tests.unit.control.desk import LATER, desk, line
from tests.unit.control.test_scheduling import add, leaver

HOST = "127.61.1.2"


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Town]:
    async with town(tmp_path, HOST) as made:
        yield made


async def test_a_protected_account_is_held_at_its_instant_also_while_the_directory_hangs(
    place: Town,
) -> None:
    """Who is in a protected group is known from the order then."""
    place.config = structs.replace(
        place.config,
        guard=structs.replace(place.config.guard, approvers=2),
        protected=Protected(groups=("Domain Users",)),
    )
    async with desk(place) as at:
        (fate,), _ = await at.order(line(UPN, LATER))
        assert fate["fate"] == "held by the guard at its instant"
        place.controller.fault = Fault.HANG
        at.clock.go(hours=1)
        await at.emptied()
        place.controller.fault = Fault.NONE
        place.controller.cut()
        assert at.standing(leaver(place)) is None
        (held,) = at.service._revoking.gate.waiting.all
        assert held.kind is HeldKind.PROTECTED


async def test_more_than_the_most_by_orders_at_one_moment_is_moved_cancelled_and_carried_out(
    place: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(place, "carol", "dave")
    async with desk(place) as at:
        await at.order(line("bob", LATER), line("carol", LATER), line("dave", LATER))
        made = at.planned.schedules.all
        await at.planned.schedules.change(remove=made)
        monkeypatch.setattr("evict.control.schedule.schedules.MOST", 2)
        await asyncio.gather(*(at.planned.schedules.change([one]) for one in made))
        assert len(at.planned.schedules.all) == 3
        await at.ask(api.ScheduleMove(name="dave", at=spoken(LATER + timedelta(hours=1))))
        await at.ask(api.ScheduleCancel(names=("carol",)))
        at.clock.go(hours=2)
        await at.emptied()
        assert await at.entries() == 2


async def test_an_order_that_trips_over_a_fault_of_ours_is_told_and_holds_up_no_other(
    place: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    close, read = Revoking.close, ActiveDirectory.read

    async def trip(self: Revoking, accounts: Sequence[Account], **order: Any) -> Closing:
        if accounts[0].sam == "bob":
            raise RuntimeError("a fault")
        return await close(self, accounts, **order)

    async def trip_too(self: ActiveDirectory, account_id: str) -> Account:
        if account_id == leaver(place):
            raise RuntimeError("a fault")
        return await read(self, account_id)

    (carol,) = add(place, "carol")
    async with desk(place) as at:
        told: list[News] = []
        object.__setattr__(at.service._parts, "tell", told.append)
        await at.order(line(UPN, LATER))
        await at.order(line("carol", LATER), request="r2")
        monkeypatch.setattr(Revoking, "close", trip)
        monkeypatch.setattr(ActiveDirectory, "read", trip_too)
        at.clock.go(hours=1)
        await at.closed(carol)
        assert at.standing(leaver(place)) is None
        assert any("cannot be carried out" in news.subject for news in told)
        monkeypatch.undo()
        await at.closed(leaver(place))
        await at.emptied()
