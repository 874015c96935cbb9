# SPDX-License-Identifier: Apache-2.0
"""A wire that can be cut, or fall silent, after what was sent has arrived."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Self


def never() -> bool:
    return False


def always() -> bool:
    return True


class Cutter:
    """Carries bytes both ways between a client and a server on one address.

    Attributes:
        cut_when: what the client sends arrives; while this is so, the connection ends instead of
            the answer.
        silent: what the client sends arrives; no answer comes.
    """

    def __init__(self, address: str, target: int) -> None:
        self._address = address
        self._target = target
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        self.cut_when: Callable[[], bool] = never
        self.silent = False

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._carry, self._address, 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._address, self._target)
        ways = [
            asyncio.create_task(self._one_way(reader, back)),
            asyncio.create_task(self._one_way(there, writer, answers=True)),
        ]
        self._tasks.update(ways)
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        for end in (back, writer):
            end.close()

    async def _one_way(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, answers: bool = False
    ) -> None:
        with suppress(ConnectionError):
            while data := await source.read(65_536):
                if answers and self.cut_when():
                    return
                if answers and self.silent:
                    continue
                sink.write(data)
                await sink.drain()
