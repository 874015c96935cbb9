# SPDX-License-Identifier: Apache-2.0
"""Counts what happens in the control plane, and says how it stands now. Numbers, never names."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Final

from msgspec import Struct

from evict.control import api
from evict.control.audit.record import Note, Record
from evict.control.health.readiness import Readiness, Trouble, WatchAge
from evict.control.notices.news import News, Tell
from evict.control.parts import Parts
from evict.control.stopping import Answerer
from evict.core.access import Asker
from evict.core.errors import AuditNotWritten, Bug, EvictError, LedgerError
from evict.core.revocation import Entry, Kind
from evict.obs.observer import Observer
from evict.obs.snapshot import Snapshot

SHELVES: Final = {
    "held": "held",
    "scheduled": "schedules",
    "notices_waiting": "notices",
    "notice_ways_lost": "notices-lost",
}
"""Field of the snapshot -> the shelf whose things it counts."""


_COUNTED_S: Final = 5.0
_DISK_S: Final = 1.0


class _Counted(Struct, frozen=True, kw_only=True):
    """What is counted on the disk: `kept` by field of the snapshot."""

    open_cases: int = 0
    kept: dict[str, int] = {}


class Health:
    """Counts from its making on."""

    def __init__(
        self, parts: Parts, observer: Observer, *, watch_age: WatchAge, audit_trouble: Trouble
    ) -> None:
        self._parts = parts
        self._observer = observer
        self._watch_age = watch_age
        self._readiness = Readiness(parts, watch_age, audit_trouble)
        self._generations = {a: s.generation for a, s in parts.ledger.standings.items()}
        self._revoked = sum(generation % 2 for generation in self._generations.values())
        self._counted = _Counted()
        self._counted_at = -_COUNTED_S
        self.missing = self._readiness.missing
        parts.ledger.subscribe(self._entries)
        parts.ledger.on_appended = observer.appended
        parts.cases.on_ended = observer.case_ended

    def _entries(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            body = entry.body
            kind = str(body.kind)
            known = self._generations.get(body.account)
            if body.kind is Kind.REVOCATION and known == body.generation:
                kind = "widening"
            if body.kind is not Kind.ADOPTION:
                self._revoked += body.generation % 2 - (known or 0) % 2
                self._generations[body.account] = body.generation
            self._observer.entry(kind, entry.personal.actor if entry.personal else "")

    async def snapshot(self) -> Snapshot:
        """As it is now; what must be counted on the disk may be some seconds old."""
        parts = self._parts
        agents = parts.publisher.agents()
        head = parts.ledger.head.seq
        settings = parts.settings
        running, waiting = parts.cases.counts()
        counted = await self._from_the_disk()
        return Snapshot(
            ready=not await self.missing(),
            revoked=self._revoked,
            entries=head,
            cases={"running": running, "waiting": waiting, "open": counted.open_cases},
            agents_connected=len(agents),
            agents_lost=len(parts.publisher.lost_agents()),
            behind=max((head - a.acknowledged_seq for a in agents), default=0),
            watch_age_s=self._watch_age(),
            config_refused=bool(settings.refused),
            restart_needed=bool(settings.restart_needed),
            **counted.kept,
        )

    async def _from_the_disk(self) -> _Counted:
        """Appends wait behind it: not asked each time. A disk that fails leaves what was."""
        now = time.monotonic()
        if now - self._counted_at >= _COUNTED_S:
            self._counted_at = now
            with suppress(TimeoutError, LedgerError):
                async with asyncio.timeout(_DISK_S):
                    self._counted = await self._count()
        return self._counted

    async def _count(self) -> _Counted:
        ledger = self._parts.ledger
        kept = {field: await ledger.shelf_count(shelf) for field, shelf in SHELVES.items()}
        return _Counted(open_cases=await ledger.unfinished_count(), kept=kept)


def counted_answers(answer: Answerer, observer: Observer, way: str) -> Answerer:
    """The same, counting how each came to its end."""

    async def counted(request: api.Request, asker: Asker) -> AsyncIterator[api.Line]:
        outcome = "left"
        try:
            async for line in answer(request, asker):
                yield line
            outcome = "ok"
        except EvictError as error:
            outcome = error.code
            raise
        except Exception:
            outcome = Bug.code
            raise
        finally:
            observer.answered(way, outcome)

    return counted


def counted_note(note: Note, observer: Observer) -> Note:
    """The same, counting what could not be written."""

    async def counted(record: Record) -> None:
        try:
            await note(record)
        except AuditNotWritten:
            observer.noted(written=False)
            raise
        observer.noted(written=True)

    return counted


def counted_tell(tell: Tell, observer: Observer) -> Tell:
    """The same, counting by kind."""
    return partial(_tell, tell, observer)


def _tell(tell: Tell, observer: Observer, news: News) -> None:
    observer.told(str(news.kind))
    tell(news)
