# SPDX-License-Identifier: Apache-2.0
"""Lists, moves and cancels what is scheduled."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from msgspec import structs

from evict.control import api
from evict.control.audit.record import Record, Result
from evict.control.parts import Parts
from evict.control.schedule.schedules import Schedule, Schedules, view
from evict.control.schedule.scheduling import Scheduling, utc_now
from evict.core.access import Asker
from evict.core.errors import UsageError
from evict.sources import instant
from evict.sources.instant import spoken

LISTED_S: Final = 2.0

Call = api.ScheduleList | api.ScheduleCancel | api.ScheduleMove


class ScheduleCalls:
    """A record in the audit log comes first: whoever is taken off the list is let in for longer."""

    def __init__(
        self,
        parts: Parts,
        schedules: Schedules,
        scheduling: Scheduling,
        *,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._parts = parts
        self._schedules = schedules
        self._scheduling = scheduling
        self._clock = clock

    async def answer(self, call: Call, asker: Asker) -> object:
        """Plain data.

        Raises:
            UsageError: there is no such schedule; the instant is none, or has passed.
            AuditNotWritten: nothing changed.
            LedgerFull: nothing changed.
        """
        match call:
            case api.ScheduleList():
                return self._rows(self._schedules.all)
            case api.ScheduleCancel():
                return await self._cancel(call, asker)
            case api.ScheduleMove():
                return await self._move(call, asker)

    async def _cancel(self, call: api.ScheduleCancel, asker: Asker) -> object:
        if not call.names:
            raise UsageError("say which schedule: its id, or a name of the account")
        async with self._scheduling.one:
            found = list({s.id: s for s in map(self._schedules.find, call.names)}.values())
            for schedule in found:
                detail = f"was for {schedule.written}"
                await self._note("schedule-cancel", schedule, call.reason, asker, detail)
            await self._schedules.change(remove=found)
        return await self._changed(found)

    async def _move(self, call: api.ScheduleMove, asker: Asker) -> object:
        to = instant.parse(call.at)
        instant.refuse_past(to, self._clock())
        async with self._scheduling.one:
            schedule = self._schedules.find(call.name)
            detail = f"from {schedule.written} to {to.written}"
            await self._note("schedule-move", schedule, call.reason, asker, detail)
            moved = structs.replace(schedule, at=to.at, written=to.written)
            await self._schedules.change([moved])
        return await self._changed([moved])

    async def _changed(self, schedules: list[Schedule]) -> object:
        self._scheduling.changed()
        await self._schedules.listed(LISTED_S)
        return self._rows(schedules)

    def _rows(self, schedules: list[Schedule] | tuple[Schedule, ...]) -> object:
        agents = self._schedules.agents()
        return {
            "schedules": [view(schedule, agents=agents) for schedule in schedules],
            "now": spoken(self._clock()),
            "runs": self._scheduling.runs,
        }

    async def _note(
        self, what: str, schedule: Schedule, reason: str, asker: Asker, detail: str
    ) -> None:
        await self._parts.note(
            Record(
                who=asker.name,
                what=what,
                result=Result.DONE,
                on=(schedule.account.id,),
                why=reason,
                where=asker.where,
                detail=detail,
            )
        )
