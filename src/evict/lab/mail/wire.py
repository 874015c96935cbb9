# SPDX-License-Identifier: Apache-2.0
"""One line connection as its server sees it: bounded in size and time, ended from anywhere."""

from __future__ import annotations

import asyncio
import ssl
from typing import Final, cast

from msgspec import Struct

_HIGH_WATER: Final = 64 * 1024


class MailLimits(Struct, frozen=True, kw_only=True):
    """Real seconds, octets and counts.

    Attributes:
        before_login_s: between two commands (Set-ImapSettings PreAuthenticatedConnectionTimeout,
            default 00:01:00).
        command_s: from the first octet of a line, or between two of a literal, to its end.
        write_s: for a client that does not read.
        max_line: octets of a line (Set-ImapSettings MaxCommandSize is 10,240).
        max_literal: octets of a literal, and of a mail that is handed in.
        connections: of one server at one time.
    """

    before_login_s: float = 60.0
    command_s: float = 30.0
    write_s: float = 30.0
    max_line: int = 10_240
    max_literal: int = 10 * 1024 * 1024
    connections: int = 2000


class Gone(Exception):
    """The connection ended."""


class TooLong(Exception):
    """The client sent more than is taken."""


class Wire(asyncio.Protocol):
    """Lines in, octets out.

    A protocol of its own rather than asyncio's streams: what came in clear is never taken for
    something that came over TLS (RFC 3207 section 6, for all of these protocols).
    """

    def __init__(self, limits: MailLimits) -> None:
        self.limits = limits
        self.secure = False
        self.peer = ""
        self._buffer = bytearray()
        self._wake = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._lost = asyncio.Event()
        self._ended = False
        self._poked = False
        self._paused = False
        self._transport: asyncio.Transport | None = None

    # --- the transport calls ---
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not an instance of asyncio's class on every loop (see submission.py).
        self._transport = cast("asyncio.Transport", transport)
        self.secure = transport.get_extra_info("sslcontext") is not None
        peer = transport.get_extra_info("peername")
        self.peer = str(peer[0]) if peer else ""

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > _HIGH_WATER and not self._paused and self._transport:
            self._paused = True
            self._transport.pause_reading()
        self._wake.set()

    def eof_received(self) -> None:
        self._ended = True
        self._wake.set()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._ended = True
        self._wake.set()
        self._writable.set()
        self._lost.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    # --- reading ---
    async def line(self, wait_s: float | None) -> bytes:
        """One line without its end.

        Args:
            wait_s: for its first octet; None: as long as it takes.

        Raises:
            Gone, TooLong, TimeoutError.
        """
        line = await self.line_or_poke(wait_s, pokes=False)
        if line is None:
            raise Gone
        return line

    async def line_or_poke(self, wait_s: float | None, *, pokes: bool = True) -> bytes | None:
        """As `line`; None where `poke` was called before one came."""
        async with asyncio.timeout(wait_s):
            while not self._buffer:
                if pokes and self._poked:
                    self._poked = False
                    return None
                await self._more()
        async with asyncio.timeout(self.limits.command_s):
            while (end := self._buffer.find(b"\n", 0, self.limits.max_line + 2)) < 0:
                if len(self._buffer) > self.limits.max_line + 1:
                    raise TooLong
                await self._more()
        return self._take(end + 1).removesuffix(b"\n").removesuffix(b"\r")

    async def exactly(self, count: int) -> bytes:
        """So many octets. Raises as `line`."""
        if count > self.limits.max_literal:
            raise TooLong
        taken = bytearray()
        while len(taken) < count:
            async with asyncio.timeout(self.limits.command_s):
                while not self._buffer:
                    await self._more()
            taken += self._take(min(len(self._buffer), count - len(taken)))
        return bytes(taken)

    async def _more(self) -> None:
        if self._ended:
            raise Gone
        self._wake.clear()
        await self._wake.wait()

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        if self._paused and len(self._buffer) <= _HIGH_WATER and self._transport:
            self._paused = False
            self._transport.resume_reading()
        return taken

    def poke(self) -> None:
        """Wake whoever waits in `line_or_poke`."""
        self._poked = True
        self._wake.set()

    # --- writing and ending ---
    def write(self, data: bytes) -> None:
        """Send, where the connection has not ended."""
        if self._transport is not None and not self._ended:
            self._transport.write(data)

    async def send(self, data: bytes) -> None:
        """Send, and wait until the client reads. Raises `TimeoutError`."""
        self.write(data)
        async with asyncio.timeout(self.limits.write_s):
            await self._writable.wait()

    def end(self, farewell: bytes = b"") -> None:
        """The server ends it, now; whoever reads hears of it."""
        self.write(farewell)
        self._ended = True
        self._wake.set()
        if self._transport is not None:
            self._transport.close()

    async def closed(self) -> None:
        """End it, politely for a moment."""
        self.end()
        try:
            async with asyncio.timeout(1.0):
                await self._lost.wait()
        except TimeoutError:
            if self._transport is not None:
                self._transport.abort()

    async def start_tls(self, tls: ssl.SSLContext) -> None:
        """Begin TLS, once the answer to the command was written. Raises `Gone`."""
        if self._transport is None or self._ended:
            raise Gone
        self._buffer.clear()
        self._paused = False
        try:
            transport = await asyncio.get_running_loop().start_tls(
                self._transport,
                self,
                tls,
                server_side=True,
                ssl_handshake_timeout=self.limits.command_s,
            )
        except OSError as error:  # ssl.SSLError and ConnectionError are such
            raise Gone from error
        if transport is None:
            raise Gone
        self._transport = transport
        self.secure = True
