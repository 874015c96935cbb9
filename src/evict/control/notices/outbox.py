# SPDX-License-Identifier: Apache-2.0
"""What is still to be delivered, kept over restarts, and bounded: a flood becomes one notice."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from msgspec import structs

from evict.control.notices.news import News, NewsKind
from evict.control.notices.notice import Lasting, Lost, Notice
from evict.ledger.service import Ledger

BURST: Final = 30
"""Notices of one way in `WINDOW`, for case reports and for all else apart; the rest is folded."""
WINDOW: Final = timedelta(minutes=10)
MOST_WAITING: Final = 200
_MOST_SUBJECTS: Final = 40
_LOST_SAID_FOR: Final = timedelta(days=30)


class Outbox:
    """Three shelves, read once and then kept in step. Used by one event loop."""

    def __init__(self, ledger: Ledger) -> None:
        self._notices = ledger.shelf("notices", Notice, account_of=lambda n: n.news.account)
        self._lastings = ledger.shelf("notices-lasting", Lasting, account_of=lambda x: x.account)
        self._losts = ledger.shelf("notices-lost", Lost)
        self.waiting: dict[str, Notice] = {}
        self.lasting: dict[str, Lasting] = {}
        self.lost: dict[str, Lost] = {}
        self._in_flight: set[str] = set()
        self._put_at: dict[tuple[str, bool], deque[datetime]] = {}

    async def load(self) -> None:
        """Raises `LedgerDamaged`."""
        self.waiting = await self._notices.all()
        self.lasting = await self._lastings.all()
        self.lost = await self._losts.all()

    async def forget_lost(self, now: datetime) -> None:
        """What was lost long ago is said no more."""
        old = [way for way, lost in self.lost.items() if now - lost.last_at > _LOST_SAID_FOR]
        if old:
            await self._losts.change(remove=old)
            for way in old:
                del self.lost[way]

    async def put(self, news: Iterable[tuple[str, News]], now: datetime) -> None:
        """Take these in, each for its way; durable when it returns. Raises `LedgerFull`."""
        changed: dict[str, Notice] = {}
        for way, one in news:
            notice = self._fold(way, one, now, changed) or _notice(way, one, now)
            changed[notice.id] = notice
        await self._notices.change(changed)
        self.waiting |= changed

    def _fold(
        self, way: str, news: News, now: datetime, changed: dict[str, Notice]
    ) -> Notice | None:
        """The notice that sums up a flood, with this one in it; None where there is no flood."""
        put_at = self._put_at.setdefault((way, news.kind is NewsKind.DONE), deque())
        while put_at and now - put_at[0] > WINDOW:
            put_at.popleft()
        waiting = sum(notice.way == way for notice in self.waiting.values())
        if len(put_at) < BURST and waiting + len(changed) < MOST_WAITING:
            put_at.append(now)
            return None
        everything = {**self.waiting, **changed}
        sums = (n for n in everything.values() if n.way == way and n.folded)
        known = next((n for n in sums if n.id not in self._in_flight), None)
        if known is None:
            due = put_at[0] + WINDOW if put_at else now
            known = _notice(way, news, now, due=due)
        return _with(known, news)

    @contextmanager
    def in_flight(self, notice: Notice) -> Iterator[None]:
        """What is being sent is not added to."""
        self._in_flight.add(notice.id)
        try:
            yield
        finally:
            self._in_flight.discard(notice.id)

    async def delivered(self, notice: Notice) -> None:
        await self._notices.change(remove=[notice.id])
        self.waiting.pop(notice.id, None)

    async def failed(self, notice: Notice, due: datetime) -> None:
        later = structs.replace(notice, tries=notice.tries + 1, due=due)
        await self._notices.change({notice.id: later})
        self.waiting[notice.id] = later

    async def give_up(self, notice: Notice, why: str, now: datetime) -> None:
        """It is not tried again; that it was lost is kept, to be said."""
        before = self.lost.get(notice.way)
        count = sum(notice.folded.values()) or 1
        lost = Lost(count=count + (before.count if before else 0), last_at=now, why=why)
        await self._losts.change({notice.way: lost})
        self.lost[notice.way] = lost
        await self.delivered(notice)

    async def drop(self, ways: Iterable[str]) -> int:
        """Forget what waits for other ways than these; how many that were."""
        kept = set(ways)
        gone = [n.id for n in self.waiting.values() if n.way not in kept]
        if gone:
            await self._notices.change(remove=gone)
            for name in gone:
                del self.waiting[name]
        return len(gone)

    async def remember(self, lasting: dict[str, Lasting | None]) -> None:
        kept = {key: known for key, known in lasting.items() if known is not None}
        gone = [key for key, known in lasting.items() if known is None and key in self.lasting]
        if kept or gone:
            await self._lastings.change(kept, gone)
            self.lasting |= kept
            for key in gone:
                del self.lasting[key]


def _notice(way: str, news: News, now: datetime, *, due: datetime | None = None) -> Notice:
    return Notice(id=f"msg_{uuid4().hex}", way=way, news=news, at=now, due=due or now)


def _with(notice: Notice, news: News) -> Notice:
    """One more in it: the counts are whole, of the subjects the first are kept, alarms first."""
    folded = {**notice.folded, str(news.kind): notice.folded.get(str(news.kind), 0) + 1}
    total = sum(folded.values())
    subjects = notice.news.lines[1:] if notice.folded else ()
    mine = news.subject
    if news.kind is NewsKind.DONE:
        subjects = (*subjects, mine)[:_MOST_SUBJECTS]
    else:
        subjects = (mine, *subjects)[:_MOST_SUBJECTS]
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(folded.items()))
    kinds = {notice.news.kind, news.kind} if notice.folded else {news.kind}
    return structs.replace(
        notice,
        folded=folded,
        news=News(
            kind=next((k for k in _GRAVEST if k in kinds), news.kind),
            key="folded",
            subject=f"{total} more since {notice.at:%H:%M} UTC: {counts}",
            lines=("The first of them:", *subjects),
        ),
    )


_GRAVEST: Final = (
    NewsKind.ALARM,
    NewsKind.OVERDUE,
    NewsKind.REOPENED,
    NewsKind.HELD,
    NewsKind.DONE,
)
