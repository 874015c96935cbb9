# SPDX-License-Identifier: Apache-2.0
"""One HTTP/1.1 connection to a server, one request at a time."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from typing import Final

import httptools

MAX_BODY: Final = 64 * 1024 * 1024
MAX_HEAD: Final = 256 * 1024
NO_BODY: Final = (204, 304)
HOP: Final = frozenset(
    {
        "connection",
        "content-length",
        "date",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Of this hop alone (RFC 9110 section 7.6.1), or written anew."""


class Broken(Exception):
    """No whole answer.

    Attributes:
        sent: the server may have taken the request.
    """

    def __init__(self, text: str, *, sent: bool) -> None:
        super().__init__(text)
        self.sent = sent


class Reply:
    """An answer as it comes in. Interim ones (1xx) are passed over."""

    def __init__(self, *, head_only: bool) -> None:
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.body = bytearray()
        self.done = False
        self.keep = True
        self._head_only = head_only
        self._size = 0
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Raises `Broken`."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self.done:
                raise Broken(f"no HTTP: {error}", sent=True) from error
            self.keep = False

    def finish(self) -> None:
        """The server ended the connection. Raises `Broken` where something is missing."""
        self.keep = False
        names = {name.lower() for name, _ in self.headers}
        if self.status < 200 or names & {"content-length", "transfer-encoding"}:
            raise Broken("the server ended the connection", sent=True)
        self.done = True

    def on_message_begin(self) -> None:
        self.headers = []
        self.body.clear()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._size += len(name) + len(value)
        if self._size > MAX_HEAD:
            raise ValueError("a head that is too long")
        self.headers.append((name.decode("latin-1"), value.decode("latin-1").strip()))

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        if self._head_only and self.status >= 200:
            self.done, self.keep = True, False

    def on_body(self, body: bytes) -> None:
        if len(self.body) + len(body) > MAX_BODY:
            raise ValueError("a body that is too long")
        self.body += body

    def on_message_complete(self) -> None:
        if self.status >= 200:
            self.done = True
            self.keep = self.keep and bool(self._parser.should_keep_alive())


class Channel:
    """Stays open as long as both ends want; whoever signs in a connection stays signed in."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.usable = True

    @classmethod
    async def open(
        cls, host: str, port: int, *, tls: ssl.SSLContext | None, server_name: str, timeout_s: float
    ) -> Channel:
        """Raises `Broken`: nothing was sent."""
        name = (server_name or host) if tls is not None else None
        try:
            async with asyncio.timeout(timeout_s):
                streams = await asyncio.open_connection(host, port, ssl=tls, server_hostname=name)
        except (OSError, TimeoutError) as error:  # ssl.SSLError is an OSError
            raise Broken(f"no connection: {error}", sent=False) from error
        return cls(*streams)

    @property
    def alive(self) -> bool:
        """Whether the server has not ended it, as far as is known."""
        return self.usable and not self._reader.at_eof() and not self._writer.is_closing()

    async def ask(
        self, method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes
    ) -> Reply:
        """Raises `Broken`; the channel is no longer usable then."""
        lines = [f"{method} {target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers if name.lower() not in HOP]
        if body or method in ("POST", "PUT"):
            lines.append(f"Content-Length: {len(body)}")
        head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
        reply = Reply(head_only=method == "HEAD")
        self.usable = False
        try:
            self._writer.write(head + body)
            await self._writer.drain()
            while not reply.done:
                data = await self._reader.read(64 * 1024)
                if data:
                    reply.feed(data)
                else:
                    reply.finish()
        except (OSError, ValueError) as error:
            raise Broken(f"{error}", sent=True) from error
        self.usable = reply.keep
        if not reply.keep:
            self.close()
        return reply

    def close(self) -> None:
        self.usable = False
        self._writer.close()
