# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from evict.core.errors import SystemFault
from evict.systems.sogo.cache import Cache


class Owed:
    """Keys of memcached whose value is of before a write, until they are deleted.

    Not kept over a restart: they end by themselves after SOGoCacheCleanupInterval.
    """

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._keys: dict[str, set[bytes]] = {}

    def of(self, account: str) -> tuple[bytes, ...]:
        return tuple(sorted(self._keys.get(account, ())))

    async def settle(self, account: str, *keys: bytes) -> str:
        """Delete them now; what is to be added to an effect's sentence where it did not go."""
        if not self._cache.configured:
            return "; SOGo reads it when what it has cached ends"
        try:
            await self._cache.forget(keys)
        except SystemFault as fault:
            self._keys.setdefault(account, set()).update(keys)
            return f"; SOGo may go on with what it has cached: {fault.text}"
        return ""

    async def pay(self, account: str) -> int:
        """Delete what is owed; how many of them SOGo still had. Raises a `SystemFault`."""
        keys = self._keys.get(account, set())
        gone = await self._cache.forget(tuple(keys)) if keys else 0
        self._keys.pop(account, None)
        return gone
