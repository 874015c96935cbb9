# SPDX-License-Identifier: Apache-2.0
"""Everything about orders that wait for an instant, put together: batches, the list, the loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime

from evict.control import api
from evict.control.notices.news import News, NewsKind
from evict.control.orders.revoking import Revoking
from evict.control.parts import Parts
from evict.control.schedule.batches import Batches
from evict.control.schedule.calls import ScheduleCalls
from evict.control.schedule.schedules import Schedule, Schedules, means_now
from evict.control.schedule.scheduling import Scheduling, utc_now
from evict.core.access import Asker
from evict.core.errors import ExitCode
from evict.sources.instant import spoken

Call = api.Batch | api.ScheduleList | api.ScheduleCancel | api.ScheduleMove


class Planned:
    """Use after `open`; nothing is carried out before `begin`."""

    def __init__(
        self, parts: Parts, revoking: Revoking, *, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self.schedules = Schedules(parts.ledger, parts.publisher)
        self._scheduling = Scheduling(parts, revoking, self.schedules, clock=clock)
        self._batches = Batches(parts, revoking, self.schedules, self._scheduling, clock=clock)
        self._calls = ScheduleCalls(parts, self.schedules, self._scheduling, clock=clock)
        self._running: asyncio.Task[None] | None = None
        self._tell = parts.tell

    async def open(self) -> None:
        """Read what is scheduled, and give it to the agents. Raises `LedgerDamaged`."""
        await self.schedules.load()
        for schedule in self.schedules.all:
            if (now := means_now(schedule)) != schedule.at:
                self._tell(_drifted(schedule, now))

    def begin(self) -> None:
        """Carry out what is overdue, and from now on what becomes due."""
        self._running = asyncio.create_task(self._scheduling.run(), name="schedules")

    @property
    def lives(self) -> bool:
        """Whether what becomes due is carried out."""
        return self._running is not None and not self._running.done()

    async def stop(self) -> None:
        """What is not carried out by then is so at the next start."""
        running, self._running = self._running, None
        if running is not None:
            running.cancel()
            await asyncio.wait([running])

    async def answer(self, call: Call, asker: Asker) -> AsyncIterator[api.Line]:
        """Raises as `Batches` and `ScheduleCalls`."""
        code = ExitCode.OK
        if isinstance(call, api.Batch):
            data, code = await self._batches.answer(call, asker)
        else:
            data = await self._calls.answer(call, asker)
        yield api.Answer(data=data)
        yield api.End(exit_code=code)


def _drifted(schedule: Schedule, now: datetime) -> News:
    before = f"{schedule.written} was {spoken(schedule.at)} when it was ordered"
    return News(
        kind=NewsKind.ALARM,
        key=f"schedule {schedule.id} zone",
        subject="the rules of a time zone changed under a schedule",
        lines=(
            f"{schedule.account.upn}: {before}, and would be {spoken(now)} by now",
            f"It is kept as it was: `evict schedule move {schedule.id} --at ...` changes it",
        ),
        account=schedule.account.id,
    )
