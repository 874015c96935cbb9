# SPDX-License-Identifier: Apache-2.0
"""A listening server of line connections: starts, counts, ends them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from abc import ABC, abstractmethod
from collections.abc import Callable

from evict.lab.mail.logins import Door
from evict.lab.mail.wire import Gone, MailLimits, TooLong, Wire

_log = logging.getLogger(__name__)


class LineServer(ABC):
    """Serves while its loop runs; the model is only touched on it."""

    def __init__(self, door: Door, limits: MailLimits | None) -> None:
        self.door = door
        self.limits = limits or MailLimits()
        self._server: asyncio.Server | None = None
        self._tasks: dict[asyncio.Task[None], Wire] = {}

    async def start(
        self, host: str, port: int, tls: ssl.SSLContext, *, starttls: bool = False
    ) -> int:
        """Listen, with TLS from the first octet, or from STARTTLS on; the port."""
        first = None if starttls else tls
        self._server = await listen(lambda: _Accepted(self, tls), host, port, first, self.limits)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stop listening and end every connection."""
        if self._server is None:
            return
        self._server.close()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    def accept(self, wire: Wire, tls: ssl.SSLContext) -> None:
        """A connection came; none is taken by a server that is down."""
        if self.door.down or len(self._tasks) >= self.limits.connections:
            wire.end()
            return
        task = asyncio.get_running_loop().create_task(self._run(wire, tls))
        self._tasks[task] = wire
        task.add_done_callback(lambda done: self._tasks.pop(done, None) and None)

    async def _run(self, wire: Wire, tls: ssl.SSLContext) -> None:
        try:
            with contextlib.suppress(Gone, TooLong, TimeoutError):
                await self.serve(wire, tls)
        finally:
            await wire.closed()

    @abstractmethod
    async def serve(self, wire: Wire, tls: ssl.SSLContext) -> None:
        """Talk until the client leaves."""


async def listen(
    factory: Callable[[], asyncio.Protocol],
    host: str,
    port: int,
    tls: ssl.SSLContext | None,
    limits: MailLimits,
) -> asyncio.Server:
    """Listen, with TLS from the first octet where a context is given."""
    return await asyncio.get_running_loop().create_server(
        factory,
        host,
        port,
        ssl=tls,
        ssl_handshake_timeout=None if tls is None else limits.command_s,
    )


class _Accepted(Wire):
    """Tells its server once it is connected."""

    def __init__(self, server: LineServer, tls: ssl.SSLContext) -> None:
        super().__init__(server.limits)
        self._accept = server.accept
        self._tls = tls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._accept(self, self._tls)
