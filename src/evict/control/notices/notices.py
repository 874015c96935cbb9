# SPDX-License-Identifier: Apache-2.0
"""Tells people what they chose to be told, over every way that is configured."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog
from msgspec import Struct

from evict.config.notify import NotifySection
from evict.control import api
from evict.control.audit.record import Note
from evict.control.notices.lasting import hear, lasts
from evict.control.notices.mail import Mail
from evict.control.notices.news import News, NewsKind, writable
from evict.control.notices.notice import (
    GIVEN_UP_AFTER,
    Lasting,
    NotDelivered,
    Notice,
    Way,
    pause_s,
)
from evict.control.notices.outbox import Outbox
from evict.control.notices.recorded import noted
from evict.control.notices.trying import sent, try_all
from evict.control.notices.webhook import Webhook
from evict.core.access import Asker
from evict.core.errors import LedgerError
from evict.ledger.service import Ledger

log = structlog.get_logger()

WAYS: Final = ("mail", "webhook")
_MOST_HEARD: Final = 10_000
_RETRY_S: Final = 5.0
_TIDY_EVERY: Final = timedelta(hours=1)


class _State(Struct):
    """Of one way: failures in a row, not to be tried before, why it failed last."""

    failures: int = 0
    due: datetime = datetime.min.replace(tzinfo=UTC)
    why: str = ""


class Notices:
    """`tell` never waits: what is told goes to the outbox, and from there by a task for each way.

    Args:
        section: what is configured now.
        note: takes each thing that is told, whoever is told of it; None: nobody does.
        pause: how long to wait after so many failures; for tests.
    """

    def __init__(
        self,
        section: Callable[[], NotifySection],
        ledger: Ledger,
        *,
        note: Note | None = None,
        pause: Callable[..., float] = pause_s,
    ) -> None:
        self._note = note
        self._section = section
        self._outbox = Outbox(ledger)
        self._pause = pause
        self._heard: deque[News] = deque()
        self._overflow: Counter[NewsKind] = Counter()
        self._ear = asyncio.Event()
        self._due = {way: asyncio.Event() for way in WAYS}
        self._states = {way: _State() for way in WAYS}
        self._taken = asyncio.Event()
        self._taken.set()
        self._tried = asyncio.Event()
        self._tidied_at = datetime.now(UTC)
        self._task: asyncio.Task[None] | None = None

    def tell(self, news: News) -> None:
        """Never waits and never fails. Beyond all measure it is only counted, reports first."""
        log.info("news", kind=str(news.kind), key=news.key)
        most = _MOST_HEARD if news.kind is NewsKind.DONE else 2 * _MOST_HEARD
        if len(self._heard) < most:
            self._heard.append(writable(news))
        else:
            self._overflow[news.kind] += 1
        self._taken.clear()
        self._ear.set()

    @property
    def waiting(self) -> int:
        return len(self._outbox.waiting)

    async def run(self) -> None:
        """Until cancelled."""
        await self._loaded()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._take_in())
            for way in WAYS:
                group.create_task(self._deliver(way))

    def start(self) -> None:
        self._task = asyncio.create_task(self.run(), name="notices")

    async def stop(self) -> None:
        """What was told is kept first; what waits is delivered after the next start."""
        await self.flushed()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def flushed(self) -> None:
        """Wait until everything told so far is in the outbox."""
        await self._taken.wait()

    async def drained(self) -> None:
        """Wait until everything was tried once."""
        await self.flushed()
        while any(self._next(way, datetime.now(UTC))[0] is not None for way in WAYS):
            self._tried.clear()
            await self._tried.wait()

    async def _loaded(self) -> None:
        while True:
            try:
                await self._outbox.load()
            except LedgerError as error:
                log.error("notices.not_read", code=error.code)  # noqa: TRY400 - tried again
                await asyncio.sleep(_RETRY_S)
            else:
                return

    async def _take_in(self) -> None:
        while True:
            await self._ear.wait()
            self._ear.clear()
            while self._heard or self._overflow:
                try:
                    await self._take(list(self._heard), Counter(self._overflow))
                except LedgerError as error:
                    log.error("notices.not_kept", code=error.code)  # noqa: TRY400 - tried again
                    await asyncio.sleep(_RETRY_S)
            self._taken.set()
            for event in self._due.values():
                event.set()

    async def _take(self, heard: list[News], overflow: Counter[NewsKind]) -> None:
        now = datetime.now(UTC)
        ways = self._audiences()
        known = self._outbox.lasting
        lasting: dict[str, Lasting | None] = {}
        put: list[tuple[str, News]] = []
        told: list[News] = []
        for news in heard:
            came = hear(news, lasting.get(news.key, known.get(news.key)), now)
            lasting[news.key] = came.lasting
            if came.news is not None:
                told.append(came.news)
                put += [(w, came.news) for w, about in ways.items() if about & came.audience]
        for kind, count in overflow.items():
            news = News(kind=kind, key="overflow", subject=f"{count} more were told at one time")
            put += [(way, news) for way, about in ways.items() if kind in about]
        if now - self._tidied_at > _TIDY_EVERY:
            lasting |= {k: None for k, one in known.items() if not lasts(one, now)}
            await self._outbox.forget_lost(now)
            self._tidied_at = now
        await self._outbox.put(put, now)
        await self._outbox.remember(lasting)
        for _ in heard:
            self._heard.popleft()
        self._overflow -= overflow
        if self._note is not None:
            await noted(self._note, told)

    def _audiences(self) -> dict[str, frozenset[NewsKind]]:
        section = self._section()
        chosen = {"mail": section.mail, "webhook": section.webhook}
        return {w: frozenset(map(NewsKind, s.about)) for w, s in chosen.items() if s is not None}

    def way(self, name: str) -> Way | None:
        """Made of what is configured at this moment."""
        section = self._section()
        if name == "mail":
            return None if section.mail is None else Mail(section.mail)
        return None if section.webhook is None else Webhook(section.webhook)

    async def _deliver(self, name: str) -> None:
        """One notice after the other; a way that is down holds up nobody but itself."""
        while True:
            now = datetime.now(UTC)
            notice, wait_s = self._next(name, now)
            if notice is None:
                self._due[name].clear()
                try:
                    async with asyncio.timeout(wait_s):
                        await self._due[name].wait()
                except TimeoutError:
                    pass
                continue
            try:
                await self._try(name, notice)
                self._tried.set()
            except LedgerError as error:
                log.error("notices.not_kept", code=error.code)  # noqa: TRY400 - tried again
                await asyncio.sleep(_RETRY_S)

    def _next(self, name: str, now: datetime) -> tuple[Notice | None, float | None]:
        """The one that is due, the oldest first; or how long to wait for one."""
        mine = [n for n in self._outbox.waiting.values() if n.way == name]
        if not mine:
            return None, None
        state = self._states[name]
        soonest = min(mine, key=lambda n: (max(n.due, state.due), n.at))
        wait_s = (max(soonest.due, state.due) - now).total_seconds()
        return (soonest, None) if wait_s <= 0 else (None, min(wait_s, 60.0))

    async def _try(self, name: str, notice: Notice) -> None:
        way, state = self.way(name), self._states[name]
        if way is None:
            count = await self._outbox.drop(self._audiences())
            log.warning("notices.dropped", way=name, count=count)
            return
        try:
            with self._outbox.in_flight(notice):
                await sent(way, name, notice)
        except NotDelivered as error:
            await self._failed(name, notice, error)
            return
        state.failures, state.why = 0, ""
        await self._outbox.delivered(notice)

    async def _failed(self, name: str, notice: Notice, error: NotDelivered) -> None:
        now, state = datetime.now(UTC), self._states[name]
        state.why = error.text
        failures = notice.tries + 1
        if not error.alone:
            state.failures += 1
            failures = state.failures
        dice = random.random()  # noqa: S311 - spreads tries, guards nothing
        due = now + timedelta(seconds=self._pause(failures, dice=dice, wish_s=error.wait_s))
        if not error.alone:
            state.due = due
        log.warning("notices.failed", way=name, tries=notice.tries + 1, reason=error.text)
        if now - notice.at > GIVEN_UP_AFTER:
            log.error("notices.given_up", way=name, tries=notice.tries + 1, reason=error.text)
            await self._outbox.give_up(notice, error.text, now)
        else:
            await self._outbox.failed(notice, due if error.alone else notice.due)

    def status(self) -> list[dict[str, Any]]:
        """Each way for `evict status`: what waits, why, and what was lost."""
        rows = []
        for way in sorted({*self._audiences(), *self._outbox.lost}):
            lost = self._outbox.lost.get(way)
            waiting = [n for n in self._outbox.waiting.values() if n.way == way]
            rows.append(
                {
                    "way": way,
                    "waiting": len(waiting),
                    "oldest": min((n.at for n in waiting), default=None),
                    "trouble": self._states[way].why,
                    "lost": 0 if lost is None else lost.count,
                    "lost_why": "" if lost is None else lost.why,
                }
            )
        return rows

    def answer(self, call: api.NotifyTest, asker: Asker) -> AsyncIterator[api.Line]:
        """`evict notify test`."""
        ways = {name: way for name in WAYS if (way := self.way(name)) is not None}
        return try_all(ways, call, asker)
