# SPDX-License-Identifier: Apache-2.0
"""Live requests, and the socket on which somebody may list and end them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MAX_COMMAND: Final = 1024


@dataclass(slots=True)
class Live:
    login: str
    since: float
    end: Callable[[], None]


class LiveRequests:
    """By number; only those whose login is known."""

    def __init__(self) -> None:
        self._live: dict[str, Live] = {}
        self._next = 0

    @contextmanager
    def kept(self, login: str, end: Callable[[], None]) -> Iterator[None]:
        """While it runs. Args: end: called where it is to end now."""
        if not login:
            yield
            return
        self._next += 1
        number = str(self._next)
        self._live[number] = Live(login, time.monotonic(), end)
        try:
            yield
        finally:
            self._live.pop(number, None)

    def lines(self) -> list[str]:
        now = time.monotonic()
        return [f"{n} {live.login} {now - live.since:.3f}" for n, live in self._live.items()]

    def shutdown(self, number: str) -> bool:
        live = self._live.pop(number, None)
        if live is not None:
            live.end()
        return live is not None


class RuntimeSocket:
    """Answers `show sessions` and `shutdown session <id>`; an empty line ends each answer.

    Args:
        address: path of a Unix socket, or host:port.
    """

    def __init__(self, address: str, requests: LiveRequests) -> None:
        self.address = address
        self._requests = requests
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        if "/" in self.address:
            self._server = await asyncio.start_unix_server(
                self._serve, self.address, limit=MAX_COMMAND
            )
            return
        host, _, port = self.address.rpartition(":")
        self._server = await asyncio.start_server(self._serve, host, int(port), limit=MAX_COMMAND)
        self.address = f"{host}:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for writer in tuple(self._open):
            writer.transport.abort()
        await server.wait_closed()
        if "/" in self.address:
            await asyncio.to_thread(Path(self.address).unlink, missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while line := await reader.readline():
                writer.write("".join(f"{said}\n" for said in self._answer(line)).encode() + b"\n")
                await writer.drain()
        except (OSError, ValueError):  # a line that is too long is a ValueError
            return
        finally:
            self._open.discard(writer)
            writer.close()

    def _answer(self, line: bytes) -> list[str]:
        words = line.decode("ascii", "replace").split()
        if words == ["show", "sessions"]:
            return self._requests.lines()
        if len(words) == 3 and words[:2] == ["shutdown", "session"]:
            return [] if self._requests.shutdown(words[2]) else ["No such session."]
        return ["Unknown command."]
