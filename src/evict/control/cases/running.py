# SPDX-License-Identifier: Apache-2.0
"""The cases that run now: one task each, any number of listeners, one evidence at the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog

from evict.control.cases.acknowledged import AgentSaid
from evict.control.cases.case import Case, Emit
from evict.control.progress import CaseReport, Event
from evict.core.errors import Bug, EvictError, Interrupted, LedgerConflict
from evict.ledger.feed import CutStep

log = structlog.get_logger()

Work = Callable[[Case], Coroutine[Any, Any, CaseReport]]

MOST_AT_ONCE = 16
"""Cases that run side by side; the hooks refuse the others all the same."""


class RunningCase:
    """A case, its task, and what it has told so far; a late listener hears it from the start."""

    def __init__(self, make: Callable[[Emit], Case]) -> None:
        self.report: CaseReport | None = None
        self._told: list[Event] = []
        self._news = asyncio.Event()
        self.case = make(self.tell)
        self.task: asyncio.Task[None] | None = None

    def tell(self, event: Event) -> None:
        self._told.append(event)
        self._news.set()

    def wake(self) -> None:
        """The task has ended."""
        self._news.set()

    async def listen(self) -> AsyncIterator[Event]:
        """Every event from the first to the report.

        Raises:
            Interrupted: it was stopped before there was a report.
        """
        heard = 0
        while True:
            while heard < len(self._told):
                heard += 1
                yield self._told[heard - 1]
            if self.task is not None and self.task.done():
                if self.report is None:
                    raise _ended_early(self.task)
                yield self.report
                return
            self._news.clear()
            await self._news.wait()


def _ended_early(task: asyncio.Task[None]) -> EvictError:
    if task.cancelled():
        return Interrupted(
            "stopped before anything was proven: a reinstatement, or the service ends"
        )
    return Bug("the case ended with a fault of ours: see the log")


class Cases:
    """Starts a case unless it runs already, and hands agents' messages to those concerned."""

    def __init__(self) -> None:
        self._running: dict[str, RunningCase] = {}
        self._by_seq: dict[int, Case] = {}
        self._held: set[str] = set()
        self._gate = asyncio.Semaphore(MOST_AT_ONCE)
        self._at_work = 0
        self.on_ended: Callable[[float, str], None] = _nobody_counts
        self.on_report: Callable[[Case, CaseReport], None] = _nobody_reads

    def counts(self) -> tuple[int, int]:
        """How many run, and how many wait for their turn."""
        return self._at_work, len(self._running) - self._at_work

    def get(self, account: str) -> RunningCase | None:
        return self._running.get(account)

    def is_held(self, account: str) -> bool:
        """Whether it is being reinstated at this moment."""
        return account in self._held

    def start(
        self, account: str, make: Callable[[Emit], Case], work: Work, *, join: bool = True
    ) -> RunningCase:
        """Make the case and run `work` on it, or join the run there is.

        The case hears agents from now on, though its work may have to wait its turn.

        Args:
            join: False: this order has wishes of its own: it waits for the run there is.

        Raises:
            LedgerConflict: the account is being reinstated.
        """
        if account in self._held:
            raise LedgerConflict(
                f"account {account} is being reinstated at this moment: order it again after that"
            )
        known = self._running.get(account)
        if known is not None and join:
            return known
        running = self._running[account] = RunningCase(make)
        self._by_seq[running.case.entry.body.seq] = running.case
        before = known.task if known is not None else None
        running.task = asyncio.create_task(self._run(running, work, before), name=f"case {account}")
        running.task.add_done_callback(partial(self._ended, running))
        return running

    def _ended(self, running: RunningCase, _: asyncio.Task[None]) -> None:
        """Also for a task that was cancelled before its first step."""
        account, seq = running.case.account.id, running.case.entry.body.seq
        if self._running.get(account) is running:
            del self._running[account]
        if self._by_seq.get(seq) is running.case:
            del self._by_seq[seq]
        if running.report is not None:
            self.on_report(running.case, running.report)
        running.wake()

    async def _run(
        self, running: RunningCase, work: Work, before: asyncio.Task[None] | None
    ) -> None:
        if before is not None:
            try:
                await asyncio.wait({before})
            except asyncio.CancelledError:
                before.cancel()
                await asyncio.wait({before})
                raise
        try:
            async with self._gate:
                await self._work(running, work)
        except Exception:
            log.exception("case.fault", seq=running.case.entry.body.seq)
            raise

    async def _work(self, running: RunningCase, work: Work) -> None:
        began = time.monotonic()
        self._at_work += 1
        try:
            running.report = await work(running.case)
        finally:
            self._at_work -= 1
            report = running.report
            verdict = str(report.verdict) if report is not None else "interrupted"
            self.on_ended(time.monotonic() - began, verdict)

    async def cancel(self, account: str) -> None:
        """Stop a running case: a reinstatement was ordered."""
        running = self._running.get(account)
        if running is not None and running.task is not None:
            running.task.cancel()
            await asyncio.wait({running.task})
            await asyncio.sleep(0)  # its callbacks

    @asynccontextmanager
    async def held(self, account: str) -> AsyncIterator[None]:
        """Stop this account's case and start none: one order at a time may work on an account.

        Raises:
            LedgerConflict: somebody else reinstates it at this moment.
        """
        if account in self._held:
            raise LedgerConflict(f"account {account} is being reinstated by somebody else")
        self._held.add(account)
        try:
            await self.cancel(account)
            yield
        finally:
            self._held.discard(account)

    async def settle(self) -> None:
        """Wait until no case runs."""
        while self._running:
            await asyncio.wait({r.task for r in self._running.values() if r.task is not None})
            await asyncio.sleep(0)  # their callbacks

    async def stop(self) -> None:
        """Cancel all, side by side; the ledger starts them again."""
        await asyncio.gather(*(self.cancel(account) for account in list(self._running)))

    def acknowledged(self, agent: str, hooks: tuple[str, ...], seq: int) -> None:
        """An agent's hooks refuse by everything up to `seq`."""
        at = datetime.now(UTC)
        for number, case in self._by_seq.items():
            told = any(m.step is None and m.agent == agent for m in case.said)
            if number <= seq and not told:
                case.heard(AgentSaid(agent=agent, hooks=hooks, at=at))

    def cut(self, agent: str, hooks: tuple[str, ...], step: CutStep) -> None:
        """An agent's cutter did one step for one entry."""
        case = self._by_seq.get(step.seq)
        if case is not None:
            case.heard(AgentSaid(agent=agent, hooks=hooks, at=datetime.now(UTC), step=step))


def _nobody_reads(_case: Case, _report: CaseReport) -> None:
    """What a case came to is told to nobody."""


def _nobody_counts(_seconds: float, _verdict: str) -> None:
    """How a case ended is told to nobody."""
