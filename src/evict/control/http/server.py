# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 for monitoring and for orders with a token. Logs no target, no header field, no body."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from evict.control.http.messages import (
    LAST_CHUNK,
    Answer,
    Limits,
    Request,
    chunk,
    head,
    plain,
)
from evict.control.http.reading import Bodies, Malformed, Requests
from evict.core.errors import ConfigError

log = structlog.get_logger()

Handler = Callable[[Request], Awaitable[Answer]]

_DEFAULT: Final = Limits()
_GOODBYE_S: Final = 0.3
"""For what a stopped stream has left to say."""
_HANDSHAKE_S: Final = 10.0


class HttpServer:
    """One address, one handler; each connection is a task of its own."""

    def __init__(self, handler: Handler, *, limits: Limits = _DEFAULT) -> None:
        self._handler = handler
        self._limits = limits
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._bodies = Bodies()
        self._stopping = False

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> int:
        """Listen, and say on which port. Raises `ConfigError` where the address cannot be had."""
        handshake_s = None if tls is None else _HANDSHAKE_S
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._server = await asyncio.start_server(
                self._accept,
                host,
                port,
                family=family,
                ssl=tls,
                ssl_handshake_timeout=handshake_s,
            )
        except OSError as error:
            raise ConfigError(
                f"http.listen: cannot listen on {host}:{port}: {error.strerror}"
            ) from error
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def connections(self) -> int:
        return len(self._tasks)

    async def stop(self) -> None:
        """Listen no more; streams are told why they end, connections at rest are closed."""
        self._stopping = True
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=3 * _GOODBYE_S)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio runs this callback as a task
        if len(self._tasks) >= self._limits.connections or self._stopping:
            log.warning("http.too_many")
            writer.transport.abort()
            return
        self._tasks.add(task)
        try:
            await self._serve(reader, writer)
        except asyncio.CancelledError:
            pass  # the server stops; asyncio's own callback would log it as an error
        except (OSError, TimeoutError):
            writer.transport.abort()
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests = Requests(reader, _peer(writer), self._limits, self._bodies)
        try:
            await self._serve_all(requests, writer)
        finally:
            requests.close()

    async def _serve_all(self, requests: Requests, writer: asyncio.StreamWriter) -> None:
        keep = True
        while keep:
            try:
                request = await requests.next()
            except Malformed as malformed:
                await self._write(writer, plain(malformed.status), keep=False)
                return
            if request is None:
                return
            answer = await self._answer(request)
            keep = request.keep and not answer.close and not self._stopping
            if request.method == "HEAD":
                writer.write(head(answer, close=not keep, chunked=False))
            elif answer.pieces is not None:
                keep = await self._stream(writer, answer, keep=keep, chunked=not request.old)
            else:
                await self._write(writer, answer, keep=keep)
            requests.answered(request)

    async def _answer(self, request: Request) -> Answer:
        try:
            return await self._handler(request)
        except Exception:  # the edge: the client is told that it is ours, the log says what
            log.exception("http.fault")
            return plain(500, close=True)

    async def _write(self, writer: asyncio.StreamWriter, answer: Answer, *, keep: bool) -> None:
        writer.write(head(answer, close=not keep, chunked=False) + answer.body)
        await self._drain(writer)

    async def _stream(
        self, writer: asyncio.StreamWriter, answer: Answer, *, keep: bool, chunked: bool
    ) -> bool:
        """Whether the connection goes on. HTTP/1.0 is told the end by the connection's."""
        assert answer.pieces is not None  # noqa: S101 - the caller looked
        keep = keep and chunked
        writer.write(head(answer, close=not keep, chunked=chunked))
        try:
            async for piece in answer.pieces:
                writer.write(chunk(piece) if chunked else piece)
                await self._drain(writer)
        except asyncio.CancelledError:
            if not self._stopping:
                raise
            writer.write(chunk(answer.last) if chunked else answer.last)
            keep = False
        writer.write(LAST_CHUNK if chunked else b"")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_S if self._stopping else self._limits.write_s):
                await writer.drain()
        return keep

    async def _drain(self, writer: asyncio.StreamWriter) -> None:
        """Raises `TimeoutError` for a client that does not read."""
        async with asyncio.timeout(self._limits.write_s):
            await writer.drain()


def _peer(writer: asyncio.StreamWriter) -> str:
    name = writer.get_extra_info("peername")
    return str(name[0]) if isinstance(name, tuple) and name else ""
