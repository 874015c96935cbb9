# SPDX-License-Identifier: Apache-2.0
"""Carries out what is scheduled at its instant, by the wall clock, whatever happens to the clock.

The clock is looked at several times a second, so an instant that it jumps over is carried out at
once; what was carried out is taken off the shelf and has its request id in the ledger, so a clock
that goes back, or a restart in the middle, does nothing twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from evict.control.audit.record import Record, Result
from evict.control.guard.demand import parted
from evict.control.notices.news import News, NewsKind
from evict.control.orders.revoking import Closing, Revoking
from evict.control.parts import Parts
from evict.control.schedule.schedules import Schedule, Schedules
from evict.core.access import Asker, Role
from evict.core.account import Account
from evict.core.errors import AuditNotWritten, Bug, EvictError, Retry, UsageError

GLANCE_S: Final = 0.5
READ_S: Final = 2.0
"""So long the directory may take to show the accounts once more; then they are as ordered."""
FIRST_RETRY_S: Final = 1.0
LONGEST_RETRY_S: Final = 30.0
_READERS: Final = 16
MOST_TOLD: Final = 20
"""Alarms of one order that failed."""

MACHINE: Final = Asker(name="schedule", where="schedule")

log = structlog.get_logger()


def utc_now() -> datetime:
    return datetime.now(UTC)


class Scheduling:
    """The loop.

    Args:
        clock: wall clock; aware UTC.

    Attributes:
        runs: whether somebody carries out what is scheduled.
        one: held while something is carried out, moved or cancelled.
    """

    def __init__(
        self,
        parts: Parts,
        revoking: Revoking,
        schedules: Schedules,
        *,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._parts = parts
        self._revoking = revoking
        self._schedules = schedules
        self._clock = clock
        self._changed = asyncio.Event()
        self._retry: dict[str, tuple[float, float]] = {}
        self.runs = False
        self.one = asyncio.Lock()

    def changed(self) -> None:
        """Something was scheduled, moved or cancelled."""
        self._changed.set()

    async def run(self) -> None:
        """Work until cancelled."""
        self.runs = True
        try:
            while True:
                self._changed.clear()
                if due := self._due():
                    await self._try(due)
                    continue
                try:
                    async with asyncio.timeout(self._pause_s()):
                        await self._changed.wait()
                except TimeoutError:
                    continue
        finally:
            self.runs = False

    def _due(self) -> list[Schedule]:
        up = asyncio.get_running_loop().time()
        due = self._schedules.due(self._clock())
        return [s for s in due if self._retry.get(s.id, (0.0, 0.0))[0] <= up]

    def _pause_s(self) -> float:
        at = self._schedules.next_at
        left = GLANCE_S if at is None else (at - self._clock()).total_seconds()
        return left if 0 < left < GLANCE_S else GLANCE_S

    async def _try(self, due: Sequence[Schedule]) -> None:
        """A fault of ours ends no other schedule."""
        try:
            async with self.one:
                await self._carry_out(due)
        except Exception:
            log.exception("schedule.fault", number=len(due))
            self._again(due)

    async def _carry_out(self, due: Sequence[Schedule]) -> None:
        """One order for all that were ordered together; one that fails holds up no other."""
        try:
            due = await self._schedules.still_kept(due)
        except EvictError as error:
            log.error("schedule.shelf", code=error.code)  # noqa: TRY400 - expected
            self._again(due)
            return
        fresh = await self._read(due)
        groups: dict[tuple[str, ...], list[Schedule]] = {}
        for schedule in due:
            groups.setdefault(_together(schedule), []).append(schedule)
        for group in groups.values():
            try:
                wrong = await self._close(group, fresh)
            except Exception as error:  # ours: it comes again, and the others have their turn
                log.exception("schedule.fault", number=len(group))
                self._failed(group, Bug(f"a fault of Evict's own: {type(error).__name__}"))
                continue
            if wrong is None:
                continue
            if len(group) == 1 or wrong.retry is Retry.LATER:
                self._failed(group, wrong)
                continue
            for one in group:
                if (alone := await self._close([one], fresh)) is not None:
                    self._failed([one], alone)

    async def _read(self, due: Iterable[Schedule]) -> dict[str, Account]:
        """The accounts as they are now; who is deleted, or cannot be read in time, is left out."""
        found: dict[str, Account] = {}
        gate = asyncio.Semaphore(_READERS)

        async def read(account: str) -> None:
            async with gate:
                try:
                    found[account] = await self._parts.systems.directory.read(account)
                except EvictError as error:
                    log.warning("schedule.as-ordered", account=account, code=error.code)

        reading = [asyncio.create_task(read(schedule.account.id)) for schedule in due]
        _, late = await asyncio.wait(reading, timeout=READ_S)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
        for task in reading:
            if not task.cancelled() and (fault := task.exception()) is not None:
                log.error("schedule.fault", exc_info=fault)
        return found

    async def _close(
        self, group: Sequence[Schedule], fresh: dict[str, Account]
    ) -> EvictError | None:
        """What went wrong: then it came to nothing."""
        first = group[0]
        try:
            closing = await self._revoking.close(
                [fresh.get(s.account.id, s.account) for s in group],
                asker=MACHINE if first.counted else _orderer(first),
                request=f"schedule/{first.order}",
                reason=_reason(first),
                hold_queue=first.hold_queue,
                allow_bounce=first.allow_bounce,
                single=first.single,
                approved=first.counted,
            )
            await self._schedules.change(remove=group)
        except EvictError as error:
            if len(group) > 1 or not self._was_done(first, error):
                return error
            await self._schedules.change(remove=group)
            return None
        for schedule in group:
            self._retry.pop(schedule.id, None)
        await self._told(group, closing)
        return None

    def _was_done(self, schedule: Schedule, error: EvictError) -> bool:
        """It was carried out before a restart; the account may have been reinstated since."""
        standing = self._parts.ledger.standing(schedule.account.id)
        return (
            isinstance(error, UsageError) and standing is not None and standing.since >= schedule.at
        )

    def _failed(self, group: Sequence[Schedule], error: EvictError) -> None:
        log.error("schedule.failed", code=error.code, text=error.text, number=len(group))
        self._again(group)
        subject = "a scheduled revocation cannot be carried out; it is tried again"
        for schedule in group[:MOST_TOLD]:
            self._alarm(schedule, subject, error.text)

    def _again(self, group: Sequence[Schedule]) -> None:
        up = asyncio.get_running_loop().time()
        for schedule in group:
            _, before = self._retry.get(schedule.id, (0.0, 0.0))
            pause = min(max(FIRST_RETRY_S, before * 2), LONGEST_RETRY_S)
            self._retry[schedule.id] = (up + pause, pause)

    async def _told(self, group: Sequence[Schedule], closing: Closing) -> None:
        """Note it; what the guard refused after all is an alarm."""
        late = self._clock() - group[0].at
        committed = {account.id for account, _ in closing.committed}
        refused = {r.name: r.text for r in closing.refused}
        held = {h.account.id for h in closing.held}
        log.info("schedule.done", number=len(committed), held=len(held), late=str(late))
        notes: dict[tuple[Result, str], list[str]] = {}
        for schedule in group:
            account = schedule.account
            if account.id in committed:
                key = (Result.DONE, _late(late))
            elif account.id in held:
                key = (Result.HELD, "more than the allowance of who ordered it")
            else:
                text = refused.get(account.upn, "it was refused")
                key = (Result.REFUSED, text)
                self._alarm(schedule, "a scheduled revocation was refused", text)
            notes.setdefault(key, []).append(account.id)
        for (result, detail), accounts in notes.items():
            for part in parted(accounts):
                await self._note(part, _reason(group[0]), result, detail)

    def _alarm(self, schedule: Schedule, subject: str, text: str) -> None:
        self._parts.tell(
            News(
                kind=NewsKind.ALARM,
                key=f"schedule {schedule.id}",
                subject=subject,
                lines=(f"{schedule.account.upn}, {schedule.written}: {text}",),
                account=schedule.account.id,
            )
        )

    async def _note(self, on: tuple[str, ...], why: str, result: Result, detail: str) -> None:
        record = Record(
            who=MACHINE.name,
            what="schedule.due",
            result=result,
            on=on,
            why=why,
            where=MACHINE.where,
            detail=detail,
        )
        try:
            await self._parts.note(record)
        except AuditNotWritten as error:
            log.error("schedule.not-noted", code=error.code)  # noqa: TRY400 - expected


def _together(schedule: Schedule) -> tuple[str, ...]:
    wishes = (schedule.hold_queue, schedule.allow_bounce, schedule.counted, schedule.single)
    return (schedule.order, _reason(schedule), schedule.by, *map(str, wishes))


def _reason(schedule: Schedule) -> str:
    ordered = f"scheduled by {schedule.by} for {schedule.written}"
    return f"{schedule.reason} ({ordered})" if schedule.reason else ordered


def _orderer(schedule: Schedule) -> Asker:
    """Whose allowance it is."""
    return Asker(
        name=schedule.by,
        person=schedule.person,
        roles=frozenset({Role.OPERATOR}),
        where=schedule.where,
    )


def _late(late: timedelta) -> str:
    return f"{late.total_seconds():.0f} s after its instant" if late.total_seconds() > 1 else ""
