# SPDX-License-Identifier: Apache-2.0
"""Stay evicted: who was revoked is looked at again, and what opened is closed again.

Looks are spread evenly over their period, each account at its own place in it, so that neither a
start nor an hour's turn is felt. A look writes nothing; only what it shows beyond the last rest of
the case starts one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog
from msgspec import Struct

from evict.control.audit.record import Record, Result
from evict.control.cases.case import Case
from evict.control.orders.revoking import Revoking
from evict.control.parts import Parts
from evict.control.progress import CaseReport
from evict.control.staying.at_rest import Rest, last_look, rest_of
from evict.control.staying.lookback import Look, Lookback
from evict.control.staying.pace import BETWEEN_LOOKS_S, Pace
from evict.control.staying.rounds import go_round
from evict.control.staying.stories import Stories
from evict.core.access import Asker
from evict.core.account import Account
from evict.core.errors import AuditNotWritten, EvictError
from evict.core.revocation import Entry, Kind
from evict.ledger.order import How, Receipt

log = structlog.get_logger()

ASKER: Final = Asker(name="staying", where="looked at again")
AT_ONCE: Final = 4
"""Accounts that are looked at side by side."""
ASKED_AT_ONCE: Final = 8
"""The same for accounts of which somebody says that something changed: beside the round."""
_LONGEST: Final = timedelta(days=1)

Hold = Callable[..., Awaitable[None]]
"""`Gate.hold_reinstatement(account, *, source, why)`."""


class _Needed(Struct, frozen=True, kw_only=True):
    """What a look came to.

    Attributes:
        look: with what is open again, or with systems that showed nothing; None: the case is to be
            run to its end, as it never was, or not with success.
    """

    account: Account
    entry: Entry
    look: Look | None = None


class Staying:
    """The watch over everybody who was closed.

    Args:
        hold: offers a reinstatement to people, where the directory says that somebody is back.
    """

    def __init__(self, parts: Parts, revoking: Revoking, hold: Hold) -> None:
        self._parts = parts
        self._ledger = parts.ledger
        self._revoking = revoking
        self._hold = hold
        self._lookback = Lookback(parts)
        self._rests = parts.ledger.shelf("rest", Rest, account_of=lambda rest: rest.account.id)
        self._stories = Stories(parts.tell)
        self._round = asyncio.Semaphore(AT_ONCE)
        self._asked = asyncio.Semaphore(ASKED_AT_ONCE)
        self._urgent: set[str] = set()
        self._paces: dict[str, Pace] = {}
        self._attending: dict[str, asyncio.Task[None]] = {}
        self._resting: set[str] = set()
        self._wanted: set[str] = set()
        self._mine: set[str] = set()
        self._background: set[asyncio.Task[None]] = set()
        self._stopped = False
        parts.cases.on_report = self._ended
        self._unsubscribe = parts.ledger.subscribe(self._stored)

    async def run(self) -> None:
        """Go round until cancelled."""
        await go_round(self._parts, self._want)

    async def look_now(self, account: str, why: str) -> None:
        """Look at once, or as soon as its pace allows; never not at all. Waits for nothing."""
        if account not in self._urgent:
            log.info("staying.asked", reason=why)
        self._urgent.add(account)
        self._want(account)

    @property
    def busy(self) -> bool:
        """Whether somebody is looked at, or is about to be; whose turn comes later counts not."""
        return self._attending.keys() > self._resting

    async def remembered(self) -> None:
        """Wait until every case that has ended is remembered and told."""
        while self._background:
            await asyncio.wait(set(self._background))
            await asyncio.sleep(0)

    async def stop(self) -> None:
        """Call when the cases are stopped."""
        self._unsubscribe()
        self._stopped = True
        left = set(self._attending.values())
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)
        await self.remembered()

    def _want(self, account: str) -> None:
        if self._stopped:
            return
        self._wanted.add(account)
        if account not in self._attending:
            task = asyncio.create_task(self._attend(account), name=f"look at {account}")
            self._attending[account] = task

    async def _attend(self, account: str) -> None:
        """One at a time for each account; what is asked meanwhile is one look more."""
        quiet_s = self._parts.config.staying.flapping_minutes * 60.0
        pace = self._paces.setdefault(account, Pace(quiet_s=quiet_s))
        try:
            while account in self._wanted:
                wait_s = pace.wait_s(time.monotonic())
                if wait_s > BETWEEN_LOOKS_S:
                    self._resting.add(account)
                await asyncio.sleep(wait_s)
                self._resting.discard(account)
                self._wanted.discard(account)
                await self._one(account, pace)
        finally:
            self._resting.discard(account)
            del self._attending[account]
            if pace.quiet(time.monotonic()):
                self._paces.pop(account, None)

    async def _one(self, account: str, pace: Pace) -> None:
        running = self._parts.cases.get(account)
        if running is not None and running.task is not None:
            await asyncio.wait({running.task})
        asked = account in self._urgent
        self._urgent.discard(account)
        try:
            async with self._asked if asked else self._round:
                pace.looked(time.monotonic())
                needed = await self._look(account)
            if needed is None:
                return
            if needed.look is not None and needed.look.reopened:
                pace.closed(time.monotonic())
                self._wanted.add(account)  # one look more: what opens at once is seen at once
                await self._close_again(needed.entry, needed.look)
            elif needed.look is not None:
                if asked:  # somebody says that something changed, and nobody could see what
                    pace.closed(time.monotonic())
                    self._urgent.add(account)
                    self._wanted.add(account)
            else:
                await self._run(needed.account, needed.entry)
        except EvictError as error:
            log.warning("staying.waits", code=error.code)
        except Exception:
            log.exception("staying.fault")

    async def _look(self, account: str) -> _Needed | None:
        """Look at one account; None where nothing is to be done."""
        standing = self._ledger.standing(account)
        if standing is None or not standing.revoked:
            await self._rests.change(remove=[account])
            return None
        entry = await self._ledger.entry(standing.seq)
        rest = await self._rests.get(account)
        if rest is None or rest.generation != standing.generation:
            # Nothing is known of its rest: the case is run once more, without a word.
            found = await self._parts.orders.account_of(entry)
            return _Needed(account=found, entry=entry)
        now = datetime.now(UTC)
        look = await self._lookback.look(entry, rest, now)
        cases = self._parts.cases
        if cases.get(account) is not None or cases.is_held(account):
            return None  # somebody works on it: the end of that is looked at
        if look.reopened:
            return _Needed(account=look.account, entry=entry, look=look)
        if self._is_due(rest, now):
            return _Needed(account=look.account, entry=entry)
        if rest.overdue:
            self._stories.still_overdue(look.account, rest)
        return _Needed(account=look.account, entry=entry, look=look) if look.blind else None

    def _is_due(self, rest: Rest, now: datetime) -> bool:
        """Whether what did not settle is to be tried once more, or a bounded door's time is up."""
        if rest.until is not None and rest.until <= now:
            return True
        every = timedelta(minutes=self._parts.config.staying.every_minutes)
        pause = min(every * 2 ** min(rest.tries, 10), _LONGEST)
        return not rest.settled and now - rest.at >= pause / 2

    async def _close_again(self, entry: Entry, look: Look) -> None:
        account, generation = look.account, entry.body.generation
        why = "; ".join(one.what for one in look.reopened)
        log.warning("staying.reopened", seq=entry.body.seq, count=len(look.reopened))
        if look.enabled:
            await self._offer(account)
        await self._note(account, why, generation)
        report = await self._run(account, entry, look)
        self._stories.reopened(
            account, look.reopened, report, minutes=self._parts.config.staying.flapping_minutes
        )

    async def _offer(self, account: Account) -> None:
        try:
            why = "enabled in the directory while it is revoked"
            await self._hold(account, source=ASKER, why=why)
        except EvictError as error:
            log.warning("staying.not_offered", code=error.code)

    async def _note(self, account: Account, why: str, generation: int) -> None:
        record = Record(
            who=ASKER.name,
            what="close.again",
            result=Result.DONE,
            on=(account.id,),
            why=why,
            where=ASKER.where,
            case=generation,
        )
        try:
            await self._parts.note(record)
        except AuditNotWritten as error:
            log.error("staying.not_noted", code=error.code)  # noqa: TRY400 - closing goes on

    async def _run(
        self, account: Account, entry: Entry, look: Look | None = None
    ) -> CaseReport | None:
        """Run a case to its end; None where it was stopped."""
        self._mine.add(account.id)
        try:
            running = self._revoking.start(account, Receipt(how=How.STANDING, entry=entry))
            if look is not None:
                running.case.reopened = (*running.case.reopened, *look.reopened)
            if running.task is not None:
                await asyncio.wait({running.task})
            await asyncio.sleep(0)  # its callbacks
            return running.report
        finally:
            self._mine.discard(account.id)

    def _ended(self, case: Case, report: CaseReport) -> None:
        """A case, whoever started it, has a report."""
        work = self._remember(case, report, mine=case.account.id in self._mine)
        self._in_background(work)

    def _stored(self, entries: Sequence[Entry]) -> None:
        """Whoever was let in again has no rest, and nothing of it is overdue any more."""
        back = [e.body.account for e in entries if e.body.kind is Kind.REINSTATEMENT]
        if back:
            self._in_background(self._forget(back))

    async def _forget(self, accounts: Sequence[str]) -> None:
        for account in accounts:
            rest = await self._rests.get(account)
            if rest is not None:
                self._stories.reinstated(rest)
        await self._rests.change(remove=accounts)

    async def _remember(self, case: Case, report: CaseReport, *, mine: bool) -> None:
        account = case.account
        last = last_look(case, self._parts.systems.all)
        try:
            before = await self._rests.get(account.id)
            rest = rest_of(case, report, last, before, datetime.now(UTC))
            await self._rests.change({account.id: rest})
        except EvictError as error:
            log.warning("staying.not_remembered", code=error.code)
            return
        self._stories.ended(case, report, rest, before, mine=mine)
        if last.undone:
            self._want(account.id)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
