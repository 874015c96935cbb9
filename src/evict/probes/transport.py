# SPDX-License-Identifier: Apache-2.0
"""A connection from an address of one's own, with TLS that is verified, and a deadline.

Whatever goes wrong before TLS stands is `Unreachable`: no credential was sent.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from pathlib import Path
from typing import Final, cast

from evict.core.endpoint import Endpoint, Tls
from evict.core.errors import Uncertain, Unreachable

_HIGH_WATER: Final = 64 * 1024
_FAREWELL_S: Final = 0.2


class Connection(asyncio.Protocol):
    """Bytes to and from one server.

    A protocol of our own rather than asyncio's streams: where TLS begins it must be certain that
    no byte of before is taken for one of after (command injection at STARTTLS, CVE-2011-0411).

    Attributes:
        deadline: of the event loop's clock; every wait ends there.
    """

    def __init__(self, endpoint: Endpoint, deadline: float) -> None:
        self.deadline = deadline
        self._endpoint = endpoint
        self._buffer = bytearray()
        self._wake = asyncio.Event()
        self._lost = asyncio.Event()
        self._ended = False
        self._paused = False
        self._error: Exception | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > _HIGH_WATER and self._transport and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        self._wake.set()

    def eof_received(self) -> None:
        self._ended = True
        self._wake.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        self._error = exc
        self._wake.set()
        self._lost.set()

    def write(self, data: bytes) -> None:
        """Send; where the connection has ended, the next `read` says so."""
        if self._transport is not None and not self._ended:
            self._transport.write(data)

    async def read(self) -> bytes:
        """What has come, or b"" once the server ended the connection.

        Raises:
            Uncertain: nothing came before the deadline, or the connection broke in a way that
                is not the server's doing.
        """
        try:
            async with asyncio.timeout_at(self.deadline):
                while not self._buffer and not self._ended:
                    self._wake.clear()
                    await self._wake.wait()
        except TimeoutError:
            raise self._uncertain("no answer in time") from None
        if not self._buffer and not isinstance(self._error, ConnectionError | None):
            raise self._uncertain(f"the connection broke: {_reason(self._error)}")
        data = bytes(self._buffer)
        self._buffer.clear()
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return data

    async def start_tls(self) -> None:
        """Begin TLS. Raises `Unreachable` where it fails, the certificate's part included."""
        endpoint, loop = self._endpoint, asyncio.get_running_loop()
        name = endpoint.server_name or endpoint.host
        context = await asyncio.to_thread(_context, endpoint.ca_file, endpoint.system)
        if self._buffer:
            raise self._unreachable("it speaks in clear where TLS is to begin")
        if self._transport is None or self._ended:
            raise self._unreachable("the server ended the connection where TLS was to begin")
        try:
            async with asyncio.timeout_at(self.deadline):
                self._transport = await loop.start_tls(
                    self._transport, self, context, server_hostname=name
                )
        except ssl.SSLCertVerificationError as error:
            what = f"its certificate does not verify for {name}: {error.verify_message}"
            raise self._unreachable(what) from error
        except ssl.SSLError as error:
            raise self._unreachable(f"the TLS handshake failed: {error.reason}") from error
        except TimeoutError:
            raise self._unreachable("the TLS handshake was not done in time") from None
        except OSError as error:
            what = "the server ended the connection in the TLS handshake"
            raise self._unreachable(what) from error

    async def close(self) -> None:
        """End it, politely for a moment; never raises."""
        if self._transport is None:
            return
        self._transport.close()
        try:
            async with asyncio.timeout(_FAREWELL_S):
                await self._lost.wait()
        except TimeoutError:
            return
        finally:  # cancelled, too: under TLS it would wait for the peer's farewell
            if not self._lost.is_set():
                self._transport.abort()

    def _unreachable(self, what: str) -> Unreachable:
        where = f"{self._endpoint.host}:{self._endpoint.port}"
        return Unreachable(f"{where}: {what}", system=self._endpoint.system)

    def _uncertain(self, what: str) -> Uncertain:
        where = f"{self._endpoint.host}:{self._endpoint.port}"
        return Uncertain(f"{where}: {what}", system=self._endpoint.system)


async def connect(endpoint: Endpoint, source: str | None, timeout_s: float) -> Connection:
    """Connect, with TLS where it is implicit.

    Raises:
        Unreachable: refused, no answer, no such name, no such source address, TLS; the text
            says which.
    """
    loop = asyncio.get_running_loop()
    connection = Connection(endpoint, loop.time() + timeout_s)
    where = f"{endpoint.host}:{endpoint.port}"
    try:
        async with asyncio.timeout_at(connection.deadline):
            await loop.create_connection(
                lambda: connection,
                endpoint.host,
                endpoint.port,
                local_addr=(source, 0) if source else None,
            )
    except TimeoutError:
        text = f"{where}: no connection within {timeout_s:g} s"
        raise Unreachable(text, system=endpoint.system) from None
    except OSError as error:
        text = f"{where}: no connection: {_reason(error)}"
        raise Unreachable(text, system=endpoint.system) from error
    if endpoint.tls is Tls.IMPLICIT:
        try:
            await connection.start_tls()
        except BaseException:
            await connection.close()
            raise
    return connection


def _context(ca_file: Path | None, system: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # ssl.SSLError is one
        text = f"the trust anchors in {ca_file} cannot be read: {_reason(error)}"
        raise Unreachable(text, system=system) from error


def _reason(error: Exception | None) -> str:
    """The system's own words, without asyncio's address lists."""
    if isinstance(error, socket.gaierror | ssl.SSLError) or not isinstance(error, OSError):
        return str(error)
    return os.strerror(error.errno) if error.errno else str(error)
