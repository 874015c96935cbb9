# SPDX-License-Identifier: Apache-2.0
"""Client of the front's runtime socket: who has a live request, and ending it.

A line a command, as HAProxy's runtime API has it; an empty line ends each answer. `show sessions`
gives a line `id login age` for each live request that is identified (the login percent-encoded,
the age in seconds); `shutdown session <id>` gives nothing, or a line that says what is wrong.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from msgspec import Struct

from evict.core.errors import RemoteProtocolError, Uncertain, Unreachable
from evict.systems.forward_auth.names import read_shown

MAX_LINE: Final = 4096
MAX_LINES: Final = 1_000_000
_ID: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")


class Live(Struct, frozen=True):
    """One live request."""

    id: str
    login: str
    age_s: float


class Runtime:
    """One front. Each call is a connection of its own.

    Args:
        address: path of a Unix socket, or host:port.
    """

    def __init__(self, address: str, *, system: str, timeout_s: float = 5.0) -> None:
        self._address = address
        self._system = system
        self._timeout_s = timeout_s

    async def sessions(self) -> list[Live]:
        """Everybody's. Raises a `SystemFault`."""
        async with self._talk() as (reader, writer):
            lines = await self._ask(reader, writer, "show sessions")
        return [self._parse(line) for line in lines]

    async def shutdown(self, ids: Sequence[str]) -> int:
        """End these; give how many were there. Raises a `SystemFault`."""
        ended = 0
        async with self._talk() as (reader, writer):
            for number in ids:
                ended += not await self._ask(reader, writer, f"shutdown session {number}")
        return ended

    @asynccontextmanager
    async def _talk(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        try:
            async with asyncio.timeout(self._timeout_s):
                reader, writer = await self._connect()
        except (OSError, TimeoutError) as error:
            text = f"no connection to the runtime socket {self._address}: {error}"
            raise Unreachable(text, system=self._system) from error
        try:
            async with asyncio.timeout(self._timeout_s):
                yield reader, writer
        except (OSError, TimeoutError) as error:
            text = "the runtime socket gave no answer"
            raise Uncertain(text, system=self._system) from error
        finally:
            writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if "/" in self._address:
            return await asyncio.open_unix_connection(self._address, limit=MAX_LINE)
        host, _, port = self._address.rpartition(":")
        return await asyncio.open_connection(host.strip("[]"), int(port), limit=MAX_LINE)

    async def _ask(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, command: str
    ) -> list[str]:
        writer.write(command.encode("ascii") + b"\n")
        await writer.drain()
        lines: list[str] = []
        while True:
            try:
                raw = await reader.readuntil(b"\n")
            except asyncio.IncompleteReadError as error:
                text = "the front ended its answer in the middle"
                raise Uncertain(text, system=self._system) from error
            except asyncio.LimitOverrunError as error:
                raise self._broken("a line is too long") from error
            line = raw.rstrip(b"\r\n").decode("ascii", "replace")
            if not line:
                return lines
            lines.append(line)
            if len(lines) > MAX_LINES:
                raise self._broken("there are too many lines")

    def _parse(self, line: str) -> Live:
        words = line.split(" ")
        try:
            number, login, age = words
            live = Live(number, read_shown(login), float(age))
        except ValueError as error:
            raise self._broken("a line is not `id login age`") from error
        if not _ID.fullmatch(number):
            raise self._broken("a session's id is none")
        return live

    def _broken(self, what: str) -> RemoteProtocolError:
        return RemoteProtocolError(f"runtime socket: {what}", system=self._system)
