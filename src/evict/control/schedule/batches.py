# SPDX-License-Identifier: Apache-2.0
"""An order of many lines, each now or at an instant: what becomes of each, and doing it.

Nothing is done unless every line makes sense, or those that do not are to be skipped.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Final

from msgspec import structs

from evict.control import api
from evict.control.audit.record import Record, Result
from evict.control.guard.demand import Admission, Demand, parted
from evict.control.guard.held import HeldKind
from evict.control.orders.revoking import Revoking
from evict.control.orders.telling import worst
from evict.control.parts import Parts
from evict.control.schedule.batch_reading import BatchReading, Meant, fate_of
from evict.control.schedule.fates import Fate, LineFate, counted
from evict.control.schedule.schedules import Schedule, Schedules, new_id
from evict.control.schedule.scheduling import Scheduling, utc_now
from evict.core.access import Asker
from evict.core.account import Account
from evict.core.errors import ExitCode, UsageError
from evict.sources.batch import MOST_LINES

LISTED_S: Final = 2.0
"""So long it is waited for agents to say that they have the new list."""


class Batches:
    """Answers `api.Batch`."""

    def __init__(
        self,
        parts: Parts,
        revoking: Revoking,
        schedules: Schedules,
        scheduling: Scheduling,
        *,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._parts = parts
        self._revoking = revoking
        self._gate = revoking.gate
        self._schedules = schedules
        self._scheduling = scheduling
        self._clock = clock

    async def answer(self, call: api.Batch, asker: Asker) -> tuple[object, ExitCode]:
        """The fate of every line, and the exit code for all of them.

        Raises:
            UsageError: nothing is to be done at all.
            LedgerFull: nothing could be kept; what was closed at once is closed.
        """
        if not call.lines:
            raise UsageError("the order names nobody")
        if len(call.lines) > MOST_LINES:
            raise UsageError(f"the order has {len(call.lines)} lines; {MOST_LINES} are the most")
        if any(line.at for line in call.lines) and not (self._scheduling.runs or call.dry_run):
            raise UsageError("`evict serve` must run: it is what carries out a schedule")
        reading = BatchReading(self._parts, self._gate, self._schedules, self._clock())
        meant = await reading.read(call.lines)
        fates = reading.fates
        bad = [fate for fate in fates.values() if fate.fate.is_bad]
        if call.dry_run:
            self._foresee(fates, meant, self._demand(call, asker, meant))
        elif bad and not call.skip_bad:
            self._untouched(fates, meant)
        else:
            await self._do(fates, meant, call, asker)
        return self._told(fates, call, done=not call.dry_run and (call.skip_bad or not bad))

    def _told(
        self, fates: dict[int, LineFate], call: api.Batch, *, done: bool
    ) -> tuple[object, ExitCode]:
        lines = [fates[number] for number in sorted(fates)]
        codes = [fate.exit_code for fate in lines]
        if done:
            codes += [ExitCode.NOT_PROVEN for f in lines if f.fate is Fate.CLOSED]
        data = {
            "lines": lines,
            "counts": counted(lines),
            "written": done,
            "dry_run": call.dry_run,
            "agents": self._schedules.agents(),
        }
        return data, worst(codes)

    def _demand(self, call: api.Batch, asker: Asker, meant: list[Meant]) -> Demand:
        return Demand(
            asker=asker,
            request=call.request,
            reason=call.reason or next((m.line.reason for m in meant), ""),
            hold_queue=call.hold_queue,
            allow_bounce=call.allow_bounce,
            single=len(call.lines) == 1,
        )

    def _foresee(self, fates: dict[int, LineFate], meant: list[Meant], demand: Demand) -> None:
        """In the order in which it would be done: those at once first."""
        ordered = sorted(meant, key=lambda one: one.at is not None)
        admission = self._gate.preview([one.account for one in ordered], demand)
        for one in ordered:
            fates[one.line.number] = self._guarded(one, admission, would=True)

    def _guarded(self, one: Meant, admission: Admission, *, would: bool) -> LineFate:
        held = {h.account.id: h for h in admission.held}
        refused = {account.id: text for account, text in admission.refused}
        if one.account.id in refused:
            return fate_of(one, Fate.PROTECTED, refused[one.account.id])
        if one.account.id in held and one.at is None:
            known = held[one.account.id]
            return fate_of(one, Fate.HELD, known.why)
        if one.account.id in held:
            text = f"{held[one.account.id].why}: asked again at the instant, and held then"
            return fate_of(one, Fate.HELD_THEN, text)
        if one.at is None:
            return fate_of(one, Fate.WOULD_CLOSE if would else Fate.CLOSED)
        return fate_of(one, Fate.WOULD_SCHEDULE if would else Fate.SCHEDULED)

    def _untouched(self, fates: dict[int, LineFate], meant: list[Meant]) -> None:
        text = "nothing was done, since other lines make no sense"
        for one in meant:
            fates[one.line.number] = fate_of(one, Fate.NOT_DONE, text)

    async def _do(
        self,
        fates: dict[int, LineFate],
        meant: list[Meant],
        call: api.Batch,
        asker: Asker,
    ) -> None:
        """Close first, then schedule."""
        by_reason: dict[str, list[Meant]] = {}
        for one in meant:
            if one.at is None:
                by_reason.setdefault(one.line.reason or call.reason, []).append(one)
        for reason, group in by_reason.items():
            closing = await self._revoking.close(
                [one.account for one in group],
                asker=asker,
                request=call.request,
                reason=reason,
                hold_queue=call.hold_queue,
                allow_bounce=call.allow_bounce,
                single=len(call.lines) == 1,
            )
            held = {h.account.id: h for h in closing.held}
            refused = {r.name: r.text for r in closing.refused}
            for one in group:
                fate = fate_of(one, Fate.CLOSED)
                if one.account.id in held:
                    fate = fate_of(one, Fate.HELD, held[one.account.id].why)
                elif one.account.upn in refused:
                    fate = fate_of(one, Fate.PROTECTED, refused[one.account.upn])
                fates[one.line.number] = fate
        later = [one for one in meant if one.at is not None]
        if later:
            await self._schedule(fates, later, call, asker)

    async def _schedule(
        self,
        fates: dict[int, LineFate],
        meant: list[Meant],
        call: api.Batch,
        asker: Asker,
    ) -> None:
        """Ask the allowance now: what passes is counted, and on the agents' lists from now on."""
        demand = self._demand(call, asker, meant)
        foreseen = self._gate.preview([one.account for one in meant], demand)
        # Judged and counted before anybody else has a turn: so nothing of it is held.
        await self._gate.admit(foreseen.passed, demand)
        passed = {account.id for account in foreseen.passed}
        protected = {h.account.id for h in foreseen.held if h.kind is HeldKind.PROTECTED}
        order = f"{call.request}-{secrets.token_hex(4)}"
        forms = await self._forms([one.account for one in meant])
        made: list[Schedule] = []
        now = self._clock()
        for one in meant:
            fate = self._guarded(one, foreseen, would=False)
            if one.at is None or fate.fate is Fate.PROTECTED:
                fates[one.line.number] = fate
                continue
            schedule = Schedule(
                id=new_id(),
                order=order,
                account=_kept(one.account, whole=one.account.id in protected),
                forms=forms[one.account.id],
                at=one.at.at,
                written=one.at.written,
                by=asker.name,
                person=asker.person,
                where=asker.where,
                ordered_at=now,
                number=one.line.number,
                reason=one.line.reason or call.reason,
                hold_queue=call.hold_queue,
                allow_bounce=call.allow_bounce,
                counted=one.account.id in passed,
                single=demand.single,
            )
            made.append(schedule)
            fates[one.line.number] = structs.replace(fate, schedule=schedule.id)
        await self._schedules.change(made)
        self._scheduling.changed()
        await self._note(made, demand)
        await self._schedules.listed(LISTED_S)

    async def _forms(self, accounts: list[Account]) -> dict[str, tuple[str, ...]]:
        forms = await asyncio.gather(*map(self._parts.orders.own_forms, accounts))
        return {account.id: found for account, found in zip(accounts, forms, strict=True)}

    async def _note(self, made: list[Schedule], demand: Demand) -> None:
        by_instant: dict[str, list[str]] = {}
        for schedule in made:
            by_instant.setdefault(schedule.written, []).append(schedule.account.id)
        for written, accounts in by_instant.items():
            for part in parted(accounts):
                record = Record(
                    who=demand.asker.name,
                    what="schedule",
                    result=Result.DONE,
                    on=part,
                    why=demand.reason,
                    where=demand.asker.where,
                    detail=f"for {written}",
                )
                await self._gate.noted(record)


def _kept(account: Account, *, whole: bool) -> Account:
    """Its groups say that it is protected, where the directory cannot at the instant."""
    return account if whole else structs.replace(account, groups=())
