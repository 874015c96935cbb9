# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 server: one site after IIS's manner, virtual directories behind one port."""

from __future__ import annotations

import asyncio
import ssl
from typing import Final

from evict.lab.http.connection import HttpConnection
from evict.lab.http.limits import Limits
from evict.lab.http.messages import Handler

DEFAULT_LIMITS: Final = Limits()
_GOODBYE_S: Final = 1.0
"""For a client to answer the end of TLS."""


class HttpServer:
    """Routes by the longest prefix of whole path segments, without regard to case."""

    def __init__(self, *, limits: Limits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._routes: list[tuple[str, Handler]] = []
        self._servers: list[asyncio.Server] = []
        self._live: set[HttpConnection] = set()

    def route(self, prefix: str, handler: Handler) -> None:
        """A later handler of the same prefix replaces the former."""
        key = prefix.lower().rstrip("/")
        self._routes = [(known, old) for known, old in self._routes if known != key]
        self._routes.append((key, handler))
        self._routes.sort(key=lambda route: len(route[0]), reverse=True)

    def find(self, path: str) -> Handler | None:
        low = path.lower()
        for prefix, handler in self._routes:
            if low.startswith(prefix) and low[len(prefix) :][:1] in ("", "/"):
                return handler
        return None

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> int:
        """Listen there too, and say on which port. May be called for several addresses."""
        server = await asyncio.get_running_loop().create_server(
            lambda: HttpConnection(self.find, self._limits, self._live),
            host,
            port,
            ssl=tls,
            ssl_shutdown_timeout=None if tls is None else _GOODBYE_S,
        )
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    @property
    def connections(self) -> int:
        return len(self._live)

    def abort_all(self) -> None:
        """Cut every connection, as a server does that loses its power; it still listens."""
        for connection in list(self._live):
            connection.cut()

    async def stop(self, grace_s: float = 2.0) -> None:
        """Stop listening, let what is being answered end within `grace_s`, cut the rest."""
        servers, self._servers = self._servers, []
        for server in servers:
            server.close()
        live = list(self._live)
        for connection in live:
            connection.finish()
        waits = [asyncio.ensure_future(connection.ended()) for connection in live]
        if waits:
            _, late = await asyncio.wait(waits, timeout=grace_s)
            if late:
                for connection in live:
                    connection.cut()
                await asyncio.wait(late)
            await asyncio.gather(*waits, return_exceptions=True)
        for server in servers:
            await server.wait_closed()
