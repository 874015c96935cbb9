# SPDX-License-Identifier: Apache-2.0
"""Sends lines to a syslog server over TLS, without ever making their writer wait.

TLS has no word for "received": what was sent shortly before a connection broke is sent again over
the next one, so a server may have a line twice, with the same `n`, but does not lack it.

Spec: RFC 5424 section 6 (the message); RFC 5425 section 4.3 (octet counting).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from msgspec import Struct

import evict
from evict.core.errors import EvictError

log = structlog.get_logger()

MOST: Final = 10_000
"""Messages that wait while nobody takes them: some 10 MB."""
_DOUBT_S: Final = 15.0
"""What was sent in so many seconds before a break is sent again."""
_SILENT_MS: Final = 5_000
"""After so long without an acknowledgement of the kernel at the other end it is away."""
_PAUSES: Final = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_LASTED_S: Final = 10.0
"""A connection that lasted so long was none that is refused at once, again and again."""
_CONNECT_S: Final = 10.0
_STUCK_S: Final = 30.0
_GOODBYE_S: Final = 2.0
_MSGID: Final = re.compile(r"[^!-~]")
_WARNING: Final = 4
_INFORMATIONAL: Final = 6


class Server(Struct, frozen=True, kw_only=True):
    """Where to send, and what its certificate must say."""

    host: str
    port: int
    name: str
    facility: int


class Syslog:
    """One connection, one bounded queue.

    Args:
        context: makes the TLS settings, anew for each connection: files may be renewed.

    Attributes:
        connected: whether lines are being taken.
        trouble: why not; "" while they are.
        sent, dropped: counted since the start.
    """

    def __init__(
        self,
        server: Server,
        context: Callable[[], ssl.SSLContext],
        *,
        most: int = MOST,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.connected = False
        self.trouble = "not connected yet"
        self.sent = self.dropped = 0
        self._server = server
        self._context = context
        self._most = most
        self._clock = clock
        self._queue: deque[bytes] = deque()
        self._in_doubt: deque[tuple[float, bytes]] = deque()
        self._untold = 0
        self._sequence = 0
        self._wake = asyncio.Event()
        self._ending = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="syslog")

    async def close(self) -> None:
        """Give what waits a moment to be sent, then say goodbye."""
        self._ending = True
        self._wake.set()
        if self._task is None:
            return
        await asyncio.wait({self._task}, timeout=_GOODBYE_S if self.connected else 0)
        self._task.cancel()
        await asyncio.wait({self._task})

    @property
    def waiting(self) -> int:
        return len(self._queue)

    def send(self, line: bytes) -> None:
        """Queue one JSON line. Never waits: where the queue is full the oldest gives way."""
        self._queue.append(self._message(json.loads(line)))
        if len(self._queue) > self._most:
            self._queue.popleft()
            self.dropped += 1
            self._untold += 1
        self._wake.set()

    async def _run(self) -> None:
        failures = 0
        while not (self._ending and not self._queue):
            began = self._clock()
            try:
                await self._session()
            except (OSError, TimeoutError, ValueError, EvictError) as error:
                self._lost(error)
            failures = 0 if self._clock() - began >= _LASTED_S else failures + 1
            if self._ending:
                return
            await asyncio.sleep(_PAUSES[min(failures, len(_PAUSES) - 1)])

    async def _session(self) -> None:
        server = self._server
        async with asyncio.timeout(_CONNECT_S):
            reader, writer = await asyncio.open_connection(
                server.host, server.port, ssl=self._context(), server_hostname=server.name
            )
        try:
            _notice_silence(writer)
            self._connected()
            goodbye = asyncio.create_task(_until_closed(reader), name="syslog peer")
            try:
                await self._pump(writer, goodbye)
            finally:
                goodbye.cancel()
                await asyncio.wait({goodbye})
        finally:
            self.connected = False
            self._again()
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(_GOODBYE_S):
                    await writer.wait_closed()

    async def _pump(self, writer: asyncio.StreamWriter, goodbye: asyncio.Task[None]) -> None:
        while True:
            self._tell_dropped()
            while self._queue:
                if goodbye.done():
                    goodbye.result()
                message = self._queue.popleft()
                self._in_doubt.append((self._clock(), message))
                writer.write(b"%d %b" % (len(message), message))
                async with asyncio.timeout(_STUCK_S):
                    await writer.drain()
                self.sent += 1
                self._forget_old()
            if self._ending:
                self._in_doubt.clear()
                return
            self._wake.clear()
            waking = asyncio.create_task(self._wake.wait())
            await asyncio.wait({waking, goodbye}, return_when=asyncio.FIRST_COMPLETED)
            waking.cancel()
            if goodbye.done():
                goodbye.result()

    def _connected(self) -> None:
        log.info("syslog.connected", waiting=len(self._queue), dropped=self.dropped)
        self.connected = True
        self.trouble = ""

    def _lost(self, error: Exception) -> None:
        text = str(error) or type(error).__name__
        if text != self.trouble:
            log.warning("syslog.away", text=text, waiting=len(self._queue))
        self.trouble = text

    def _again(self) -> None:
        """Put back what may not have arrived; it is older than whatever waits."""
        now = self._clock()
        doubtful = [message for at, message in self._in_doubt if now - at <= _DOUBT_S]
        self._in_doubt.clear()
        self._queue.extendleft(reversed(doubtful))

    def _forget_old(self) -> None:
        now = self._clock()
        while self._in_doubt and now - self._in_doubt[0][0] > _DOUBT_S:
            self._in_doubt.popleft()

    def _tell_dropped(self) -> None:
        if self._untold:
            at = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
            fields = {"at": at, "what": "syslog.dropped", "result": "failed", "count": self._untold}
            self._queue.appendleft(self._message(fields))
            self._untold = 0

    def _message(self, fields: dict[str, Any]) -> bytes:
        """One message; its text is ASCII, so that no byte-order mark is due before it."""
        self._sequence = self._sequence % 2_147_483_647 + 1
        well = fields.get("result") in ("done", "held")
        priority = self._server.facility * 8 + (_INFORMATIONAL if well else _WARNING)
        msgid = _MSGID.sub("?", str(fields.get("what", "")))[:32] or "-"
        head = (
            f"<{priority}>1 {fields['at']} {_hostname()} evict {os.getpid()} {msgid}"
            f' [meta sequenceId="{self._sequence}"]'
            f'[origin software="evict" swVersion="{evict.__version__}"]'
        )
        text = json.dumps(fields, ensure_ascii=True, separators=(",", ":"))
        return f"{head} {text}".encode("ascii", "replace")


async def _until_closed(reader: asyncio.StreamReader) -> None:
    """A syslog server says nothing; it only goes away."""
    while await reader.read(4096):
        pass
    raise ConnectionResetError("the syslog server closed the connection")


def _notice_silence(writer: asyncio.StreamWriter) -> None:
    """Have the kernel end a connection whose other end is silent (tcp(7), TCP_USER_TIMEOUT)."""
    plain = writer.get_extra_info("socket")
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _SILENT_MS)
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 5)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 2)


def _hostname() -> str:
    return _MSGID.sub("?", socket.gethostname())[:255] or "-"
