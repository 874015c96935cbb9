# SPDX-License-Identifier: Apache-2.0
"""One connection: reads requests, answers them one after the other, keeps the time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from typing import Final, cast

from evict.lab.http.limits import Limits
from evict.lab.http.messages import Connection, Handler, Request, Response
from evict.lab.http.parser import Parsed, Phase, Refused, RequestParser

_log = logging.getLogger(__name__)
_FAREWELL_S: Final = 0.1
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class HttpConnection(asyncio.Protocol):
    """Protocol of one connection.

    Handlers run one at a time and are not cut short when the client goes (assumed of IIS too):
    one that waits watches `Connection.closed`.
    """

    def __init__(
        self,
        find: Callable[[str], Handler | None],
        limits: Limits,
        live: set[HttpConnection],
    ) -> None:
        self._find = find
        self._limits = limits
        self._live = live
        self._waiting: deque[Parsed] = deque()
        self._wake = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._last: Response | None = None
        self._busy = False
        self._ending = False
        self._timer: asyncio.TimerHandle | None = None

    # --- the transport calls ---
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast("asyncio.Transport", transport)  # whatever the loop's own class is
        self._transport = transport
        self.connection = Connection(
            _host(transport.get_extra_info("peername")),
            local=_host(transport.get_extra_info("sockname")),
            secure=transport.get_extra_info("sslcontext") is not None,
            abort=transport.abort,
        )
        self._parser = RequestParser(self.connection, self._limits)
        self._live.add(self)
        self._set_timer(self._limits.header_timeout_s)
        self.task = asyncio.get_running_loop().create_task(self._serve())

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._ending = True
        self._set_timer(None)
        self._live.discard(self)
        self._writable.set()
        self._wake.set()
        self.connection.set_closed()

    def data_received(self, data: bytes) -> None:
        if self._last is not None or self._ending:
            return
        before = self._parser.phase
        try:
            self._waiting.extend(self._parser.feed(data))
        except Refused as refused:
            self._waiting.extend(self._parser.taken())
            self._last = Response(refused.status, close=True)
        if self._parser.wants_continue and not self._busy and not self._waiting:
            self._parser.wants_continue = False
            self._transport.write(CONTINUE)
        if len(self._waiting) > self._limits.max_waiting:
            self._transport.pause_reading()
        self._watch(before)
        self._wake.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    # --- time ---
    def _set_timer(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = None if seconds is None else loop.call_later(seconds, self._late)

    def _watch(self, before: Phase) -> None:
        """A head has its time from its first byte, a body from its last piece."""
        phase = self._parser.phase
        if phase is Phase.BODY:
            self._set_timer(self._limits.body_timeout_s)
        elif phase is Phase.HEAD and before is not Phase.HEAD:
            self._set_timer(self._limits.header_timeout_s)
        elif phase is Phase.IDLE:
            self._set_timer(None)

    def _late(self) -> None:
        if self._parser.phase is Phase.IDLE and not self._busy:
            self._transport.close()
        elif self._last is None:
            self._last = Response(408, close=True)
            self._wake.set()

    # --- answering ---
    async def _serve(self) -> None:
        with contextlib.suppress(ConnectionError):
            while not self._ending:
                self._wake.clear()
                if self._waiting:
                    self._busy = True
                    await self._answer(self._waiting.popleft())
                    self._busy = False
                    self._next()
                elif self._last is not None:
                    await self._write(self._last.encode(close=True))
                    break
                else:
                    await self._wake.wait()
        self._transport.close()

    def _next(self) -> None:
        if self._waiting or self._ending:
            return
        self._transport.resume_reading()
        if self._parser.wants_continue:
            self._parser.wants_continue = False
            self._transport.write(CONTINUE)
        if self._parser.phase is Phase.IDLE and self._last is None:
            self._set_timer(self._limits.idle_timeout_s)

    async def _answer(self, parsed: Parsed) -> None:
        request = parsed.request
        response = await self._handle(request)
        close = response.close or not parsed.keep or self._ending
        head = request.method == "HEAD"
        try:
            data = response.encode(head_only=head, close=close, old=parsed.old)
        except ValueError:
            _log.exception("an answer that cannot be written")
            data = Response(500).encode(head_only=head, close=close, old=parsed.old)
        await self._write(data)
        if close:
            self._ending = True

    async def _handle(self, request: Request) -> Response:
        handler = self._find(request.path)
        if handler is None:
            return Response(404)
        try:
            return await handler(request)
        except Exception:  # noqa: BLE001 - whatever a handler does, the client gets an answer
            _log.exception("a handler failed")
            return Response(500)

    async def _write(self, data: bytes) -> None:
        if self.connection.closed.is_set():
            return
        self._transport.write(data)
        try:
            async with asyncio.timeout(self._limits.write_timeout_s):
                await self._writable.wait()
        except TimeoutError:
            self._transport.abort()

    # --- stopping ---
    def finish(self) -> None:
        """Take no further request; close as soon as the one being answered is."""
        self._ending = True
        self._wake.set()

    async def ended(self) -> None:
        """Wait for the end of what is being answered, and a moment for the peer's part in it."""
        await self.task
        try:
            async with asyncio.timeout(_FAREWELL_S):
                await self.connection.closed.wait()
        except TimeoutError:  # over TLS, a client at rest does not say goodbye in turn
            self._transport.abort()
            await self.connection.closed.wait()

    def cut(self) -> None:
        self.task.cancel()
        self._transport.abort()


def _host(name: object) -> str:
    return str(name[0]) if isinstance(name, tuple) and name else ""
