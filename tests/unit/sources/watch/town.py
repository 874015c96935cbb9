# SPDX-License-Identifier: Apache-2.0
"""A directory in memory that is watched, and an intake that keeps what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path

from msgspec import structs

from evict.config.watch import WatchSection
from evict.core.account import Account
from evict.core.errors import EvictError
from evict.core.names import login_forms
from evict.core.presence import Presence
from evict.ledger.service import Ledger
from evict.sources.watch.intake import Left
from evict.sources.watch.shelves import WatchMemory
from evict.sources.watch.watcher import Watcher
from evict.systems.base import Glimpse, PositionLost
from tests.unit.sources.watch.people import NOON

PAGE = 2


class Directory:
    """Every record with the number of its last change, as `systems.base.DirectoryWatch`.

    Attributes:
        fault: raised by the next questions, while it is set.
        server: positions are bound to it.
    """

    def __init__(self) -> None:
        self.records: dict[str, tuple[int, Presence]] = {}
        self.fault: EvictError | None = None
        self.server = "dc1"
        self.number = 0
        self.questions = 0
        self.changed = asyncio.Event()

    def put(self, presence: Presence) -> None:
        self.number += 1
        self.records[presence.account.id] = (self.number, presence)
        self.changed.set()

    def _asked(self) -> None:
        self.questions += 1
        if self.fault is not None:
            raise self.fault

    async def everybody(self) -> AsyncIterator[Glimpse]:
        self._asked()
        position = self._position()
        people = [presence for _, presence in self.records.values()]
        for start in range(0, len(people), PAGE):
            self._asked()
            yield Glimpse(presences=tuple(people[start : start + PAGE]))
        yield Glimpse(presences=(), position=position)

    async def since(self, position: bytes) -> Glimpse:
        self._asked()
        server, number = position.decode().split()
        if server != self.server:
            raise PositionLost("a cookie of another server", system="directory")
        news = sorted((n, p.account.id) for n, p in self.records.values() if n > int(number))
        return Glimpse(
            presences=tuple(self.records[account][1] for _, account in news),
            position=self._position(),
        )

    def _position(self) -> bytes:
        return f"{self.server} {self.number}".encode()

    async def hint(self, timeout_s: float) -> None:
        self.changed.clear()
        try:
            async with asyncio.timeout(timeout_s):
                await self.changed.wait()
        except TimeoutError:
            return

    async def close(self) -> None:
        return


class Intake:
    """Attributes: `closed` accounts have refused forms, as the ledger would say."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self.closed: dict[str, frozenset[str]] = {}
        self.told: list[tuple[str, str]] = []
        self.troubles: dict[str, str] = {}
        self.fault: EvictError | None = None
        self.open_fault: EvictError | None = None
        self.reinstating: set[str] = set()

    def refused_forms(self, account: str) -> frozenset[str] | None:
        return self.closed.get(account)

    def login_forms(self, account: Account) -> tuple[str, ...]:
        return login_forms(account)

    async def confirm(self, account: str) -> Account | None:
        if self._directory.fault is not None:
            raise self._directory.fault
        found = self._directory.records.get(account)
        return None if found is None or found[1].deleted else found[1].account

    async def left(self, who: Sequence[Left]) -> None:
        if self.fault is not None:
            raise self.fault
        for one in who:
            self.closed[one.account.id] = frozenset(login_forms(one.account))
            self.told += [(str(sign), one.account.sam) for sign in one.signs]

    async def renamed(self, account: Account) -> None:
        self.closed[account.id] |= frozenset(login_forms(account))
        self.told.append(("renamed", account.sam))

    async def opened(self, presence: Presence) -> bool:
        if presence.account.id in self.reinstating:
            return False
        if self.open_fault is not None:
            raise self.open_fault
        self.told.append(("opened", presence.account.sam))
        disabled = structs.replace(presence.account, enabled=False)
        self._directory.put(structs.replace(presence, account=disabled))
        return True

    async def touched(self, account: Account) -> None:
        self.told.append(("touched", account.sam))

    async def returned(self, account: Account) -> None:
        self.told.append(("returned", account.sam))

    def trouble(self, key: str, text: str) -> None:
        self.troubles[key] = text

    def relieved(self, key: str) -> None:
        self.troubles.pop(key, None)


class Place:
    """A watched directory: `turn` lets the watch go round, `restart` ends and begins it anew."""

    def __init__(self, folder: Path, settings: WatchSection) -> None:
        self.directory = Directory()
        self.intake = Intake(self.directory)
        self.now = NOON
        self._path = folder / "ledger.db"
        self._settings = settings
        self.ledger: Ledger | None = None
        self.watcher: Watcher | None = None
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self.ledger = await Ledger.open(self._path)
        self.watcher = Watcher(
            "directory",
            self.directory,
            self.intake,
            WatchMemory(self.ledger, "directory"),
            lambda: self._settings,
            now=self._clock,
        )
        self._running = asyncio.create_task(self.watcher.run())

    def _clock(self) -> datetime:
        return self.now

    async def stop(self) -> None:
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait({self._running})
            if not self._running.cancelled():
                self._running.result()
        if self.ledger is not None:
            await self.ledger.close()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def turn(self, questions: int = 4) -> None:
        """Wait until the directory was asked so many times more."""
        until = self.directory.questions + questions
        while self.directory.questions < until:
            assert self._running is not None
            if self._running.done():
                self._running.result()
            await asyncio.sleep(0.002)
        await asyncio.sleep(0.01)
