# SPDX-License-Identifier: Apache-2.0
"""The watch over one directory: asks what changed, judges, hands on, and only then moves on.

One task does it all, in turns: whatever is judged was read last of all, so that a page of a long
comparison cannot overrule a change that came after it was read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from evict.config.watch import WatchSection
from evict.core.errors import EvictError, RemoteProtocolError
from evict.sources.watch.dealing import Dealing
from evict.sources.watch.intake import Intake
from evict.sources.watch.judge import Rules, rules_of
from evict.sources.watch.shelves import Position, WatchMemory
from evict.sources.watch.state import WatchState
from evict.systems.base import DirectoryWatch, Glimpse, PositionLost

log = structlog.get_logger()

_BLIND_AFTER_S: Final = 30.0
"""A directory that could not be asked for so long is an alarm."""
_LONGEST_PAUSE_S: Final = 5.0

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


class Watcher:
    """Runs until cancelled. A fault of the directory closes nobody and moves nothing on.

    Args:
        watch: the directory's side; closed by whoever made it.
        settings: those in force; asked for at each turn.
        now: the wall clock, aware; expiry and the age of a comparison go by it.
    """

    def __init__(  # noqa: PLR0913 - what a watch goes between
        self,
        directory: str,
        watch: DirectoryWatch,
        intake: Intake,
        memory: WatchMemory,
        settings: Callable[[], WatchSection],
        *,
        now: Clock = utc_now,
    ) -> None:
        self.state = WatchState(directory=directory)
        self._watch = watch
        self._intake = intake
        self._memory = memory
        self._settings = settings
        self._now = now
        self._dealing = Dealing(intake, memory, self._rules, self.state, now=now)
        self._ruled: tuple[WatchSection, Rules] | None = None
        self._key = f"watch {directory}"
        self._failing_since: datetime | None = None
        self._compare = True
        """At each start: what every account is called must be known before it is deleted."""

    @property
    def _pause_s(self) -> float:
        return self._settings().poll_ms / 1000

    def _rules(self) -> Rules:
        """Of the settings in force."""
        section = self._settings()
        if self._ruled is None or self._ruled[0] is not section:
            self._ruled = (section, rules_of(section))
        return self._ruled[1]

    async def run(self) -> None:
        await self._memory.load()
        self.state.started(self._now())
        failures = 0
        while True:
            try:
                await self._turn()
            except PositionLost as error:
                log.warning("watch.position_lost", reason=error.text)
                self._compare = True
                self._memory.forget_position()
            except EvictError as error:
                failures += 1
                self._blind(error, failures)
                await asyncio.sleep(min(self._pause_s * 2 ** min(failures, 8), _LONGEST_PAUSE_S))
                continue
            if failures:
                log.info("watch.sees_again", after=failures)
                self._intake.relieved(f"{self._key} blind")
                failures = 0
                self._failing_since = None
            await self._watch.hint(self._pause_s)

    async def _turn(self) -> None:
        """What changed first; then, where it is due, everything."""
        if self._memory.position is not None:
            await self._changes()
        if self._compare or self._memory.position is None or self._is_due():
            await self._everything()

    async def _changes(self) -> None:
        position = self._memory.position
        if position is None:
            return
        glimpse = await self._watch.since(position.cookie)
        self.state.answered(self._now())
        moved = Position(
            cookie=glimpse.position or position.cookie, compared_at=position.compared_at
        )
        await self._dealing.deal(glimpse.presences, position=moved)
        # After what changed: an expiry that was put off must not be acted on.
        due = self._memory.expired(self._now())
        if due:
            await self._dealing.expired(due)
        await self._dealing.again()

    async def _everything(self) -> None:
        """Compare every account with the ledger and with what is remembered.

        The first time ever there is nothing to compare with: who had left before is remembered, or
        closed, as the estate wishes.
        """
        first = not self._memory.compared_before
        remember = first and self._settings().first_comparison == "remember"
        started = self._now()
        position = b""
        seen = 0
        async for glimpse in self._pages():
            seen += len(glimpse.presences)
            await self._dealing.deal(glimpse.presences, confirm=True, remember=remember)
            position = glimpse.position or position
            if self._memory.position is not None:
                await self._changes()
        if not position:
            raise RemoteProtocolError("it ended without a position", system=self.state.directory)
        known = self._memory.position
        cookie = position if known is None else known.cookie
        await self._memory.keep({}, Position(cookie=cookie, compared_at=started))
        self._compare = False
        self.state.compared(self._now())
        log.info("watch.compared", accounts=seen)

    async def _pages(self) -> AsyncIterator[Glimpse]:
        async for glimpse in self._watch.everybody():
            self.state.answered(self._now())
            yield glimpse

    def _is_due(self) -> bool:
        position = self._memory.position
        every = timedelta(hours=self._settings().compare_every_hours)
        if position is None:
            return False
        # One that lies ahead is of a clock that ran ahead: no word of when it was.
        return not timedelta(0) <= self._now() - position.compared_at < every

    def _blind(self, error: EvictError, failures: int) -> None:
        self.state.failed(error.text)
        if failures == 1:
            log.warning("watch.failed", code=error.code, reason=error.text)
        now = self._now()
        self._failing_since = self._failing_since or now
        # It may answer each time, and what it says come to nothing: nobody is closed then either.
        age = max(self.state.silent_s(now), (now - self._failing_since).total_seconds())
        if age >= _BLIND_AFTER_S:
            text = f"the directory could not be watched for {age:.0f} s: {error.text}"
            self._intake.trouble(f"{self._key} blind", text)
