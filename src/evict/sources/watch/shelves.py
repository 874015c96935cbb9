# SPDX-License-Identifier: Apache-2.0
"""What a watch keeps over a restart."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from evict.ledger.service import Ledger
from evict.ledger.shelf import Shelf
from evict.sources.watch.judge import NOTHING, Memory


class Position(Struct, frozen=True, kw_only=True):
    """How far the watch came.

    Attributes:
        cookie: the directory's own; opaque.
        compared_at: when everything was compared last.
    """

    cookie: bytes
    compared_at: datetime


class WatchMemory:
    """Memory of one directory's accounts, in the ledger's file; read once, then kept in step."""

    def __init__(self, ledger: Ledger, directory: str) -> None:
        self._positions: Shelf[Position] = ledger.shelf("watch-position", Position)
        self._shelf: Shelf[Memory] = ledger.shelf(f"watch-memory {directory}", Memory)
        self._directory = directory
        self._known: dict[str, Memory] = {}
        self._expiries: dict[str, datetime] = {}
        self._soonest: datetime | None = None
        self.position: Position | None = None
        self.compared_before = False
        """Whether everything was ever compared: what is not remembered was no sign then."""

    async def load(self) -> None:
        """Raises `LedgerDamaged`."""
        self._known = await self._shelf.all()
        self._expiries = {a: m.expires_at for a, m in self._known.items() if m.expires_at}
        self._soonest = min(self._expiries.values(), default=None)
        self.position = await self._positions.get(self._directory)
        self.compared_before = self.position is not None

    def forget_position(self) -> None:
        """Nothing is written: what is stored serves a restart as badly, and is told so again."""
        self.position = None

    def of(self, account: str) -> Memory:
        return self._known.get(account, NOTHING)

    def expired(self, now: datetime) -> list[str]:
        """Accounts whose expiry has passed and was in the future when they were last seen."""
        if self._soonest is None or now < self._soonest:
            return []
        return [account for account, expires_at in self._expiries.items() if expires_at <= now]

    async def keep(self, memories: dict[str, Memory], position: Position | None = None) -> None:
        """Remember, and then move on; in this order, so that a crash repeats and skips nothing."""
        news = {a: m for a, m in memories.items() if self.of(a) != m}
        if news:
            gone = [account for account, memory in news.items() if not memory]
            await self._shelf.change({a: m for a, m in news.items() if m}, gone)
            for account, memory in news.items():
                self._take(account, memory)
            self._soonest = min(self._expiries.values(), default=None)
        if position is not None and position != self.position:
            await self._positions.change({self._directory: position})
            self.position = position
            self.compared_before = True

    def _take(self, account: str, memory: Memory) -> None:
        if memory:
            self._known[account] = memory
        else:
            self._known.pop(account, None)
        if memory.expires_at is not None:
            self._expiries[account] = memory.expires_at
        else:
            self._expiries.pop(account, None)
