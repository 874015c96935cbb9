# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from evict.systems.ldap.connection import Connection

SIZE: Final = 4
IDLE_S: Final = 60.0
"""A connection that rested longer is not used again: MaxConnIdleTime is 900 s, firewalls less."""


class Pool:
    """At most four connections to one server, opened when needed, given back after use.

    Args:
        bound: opens one that is bound as the service account.
    """

    def __init__(self, bound: Callable[[], Awaitable[Connection]]) -> None:
        self._bound = bound
        self._idle: list[Connection] = []
        self._slots = asyncio.Semaphore(SIZE)

    @property
    def rested(self) -> bool:
        """Whether the next one may be one that was used before."""
        return bool(self._idle)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """One for the caller alone; whatever he raises ends it."""
        async with self._slots:
            connection = await self._take()
            try:
                yield connection
            except BaseException:
                connection.abort()
                raise
            self._idle.append(connection)

    async def _take(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if connection.fresh(IDLE_S):
                return connection
            await connection.close()
        return await self._bound()

    async def close(self) -> None:
        while self._idle:
            await self._idle.pop().close()
