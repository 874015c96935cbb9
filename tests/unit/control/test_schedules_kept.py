# SPDX-License-Identifier: Apache-2.0
"""What is scheduled where there is too much of it, and where the directory hangs at its instant."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec import structs

from evict.config.model import Protected
from evict.control import api
from evict.control.guard.held import HeldKind
from evict.sources.instant import spoken
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
