# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from evict.systems.postgres import Database
from evict.systems.sogo.inventory import Shares
from evict.systems.sogo.shares import Tables

_WITHIN_S: Final = 60.0
_REST: Final = 19.0
"""A search is kept for so many times as long as it took: it takes a twentieth of the time."""


class Found(Struct, frozen=True, kw_only=True):
    """Attributes: `started`: when the search began, which is what it tells of."""

    shares: Shares
    started: datetime
    until: float


class Search:
    """Looks for rights in folders; where there are many, not at each look again."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._found: dict[str, Found] = {}

    async def of(self, database: Database, uid: str) -> Found:
        """Raises a `SystemFault`."""
        kept = self._found.get(uid)
        if kept is not None and time.monotonic() < kept.until:
            return kept
        started, began = datetime.now(UTC), time.monotonic()
        async with database.read(_WITHIN_S) as transaction:
            shares = await self._tables.read(transaction, uid)
        ended = time.monotonic()
        until = ended + _REST * (ended - began)
        found = self._found[uid] = Found(shares=shares, started=started, until=until)
        return found

    def forget(self) -> None:
        """Something was written."""
        self._found.clear()
