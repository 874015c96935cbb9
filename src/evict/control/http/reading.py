# SPDX-License-Identifier: Apache-2.0
"""Bytes into requests, one at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

import httptools
from msgspec import structs

from evict.control.http.messages import Limits, Request

_READ: Final = 16 * 1024
_MOST_AHEAD: Final = 16
"""Requests sent before the answers of earlier ones; nothing more is read until they are out."""


class Malformed(Exception):
    """What came is no request that is taken; the connection ends after `status`."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Bodies:
    """Bytes of bodies that all connections of a server hold now."""

    def __init__(self) -> None:
        self.size = 0


class Requests:
    """Reads the requests of one connection; `close` it.

    Spec: RFC 9112. Lengths and chunks are httptools' business, bounds are this one's.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        peer: str,
        limits: Limits,
        bodies: Bodies | None = None,
    ) -> None:
        self._bodies = bodies or Bodies()
        self._mine = 0
        self._reader = reader
        self._peer = peer
        self._limits = limits
        self._parser = httptools.HttpRequestParser(self)
        self._whole: deque[Request] = deque()
        self._bad: int | None = None
        self._under_way = False
        self._begin()

    def _begin(self) -> None:
        self._url = bytearray()
        self._fields: dict[str, str] = {}
        self._body: list[bytes] = []
        self._size = 0
        self._raw = 0
        self._in_head = True

    async def next(self) -> Request | None:
        """The next one; None where the client is gone, or said nothing for too long.

        Raises:
            Malformed: also for one that comes too slowly.
        """
        while not self._whole:
            if self._bad is not None:
                raise Malformed(self._bad)
            try:
                if not self._under_way:
                    async with asyncio.timeout(self._limits.idle_s):
                        data = await self._reader.read(_READ)
                    self._take(data)
                if self._under_way:
                    async with asyncio.timeout(self._limits.message_s):
                        while self._under_way and not self._whole:
                            data = await self._reader.read(_READ)
                            self._take(data)
            except TimeoutError:
                if self._under_way:
                    raise Malformed(408) from None
                return None
            if not data:
                return None
        return self._whole.popleft()

    def answered(self, request: Request) -> None:
        """Its body is needed no more."""
        self._hold(-len(request.body))

    def close(self) -> None:
        """Nothing is held any more."""
        self._hold(-self._mine)

    def _hold(self, size: int) -> None:
        self._mine += size
        self._bodies.size += size

    def _take(self, data: bytes) -> None:
        if not data:
            self._under_way = False
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._no_upgrade()
        except httptools.HttpParserError:
            self._bad = self._bad or 400
        if self._under_way:
            self._raw += len(data)  # a field that never ends is not told to `on_header`
            if self._raw > self._limits.head + _READ:
                self._bad = self._bad or 431
        if self._bad is not None:
            self._under_way = False

    def _no_upgrade(self) -> None:
        """The request is answered as it is; what came after it is in no protocol of ours."""
        if not self._whole:
            self._bad = self._bad or 501
        else:
            self._whole.append(structs.replace(self._whole.pop(), keep=False))

    # --- the parser calls ---
    def on_message_begin(self) -> None:
        self._begin()
        self._under_way = True

    def on_url(self, url: bytes) -> None:
        self._url += url
        self._count(len(url), self._limits.head, 431)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head:
            return  # a trailer: it says nothing here, and `_take` bounds it (RFC 9110 section 6.5)
        self._count(len(name) + len(value) + 4, self._limits.head, 431)
        key, text = name.decode("latin-1").lower(), value.decode("latin-1").strip()
        self._fields[key] = f"{self._fields[key]}, {text}" if key in self._fields else text

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._size = 0
        length = self._fields.get("content-length", "0")
        if not length.isdecimal() or len(length) > 18:
            self._refuse(400)
        elif int(length) > self._limits.body:
            self._refuse(413)
        elif "expect" in self._fields:
            self._refuse(417)

    def on_body(self, body: bytes) -> None:
        self._raw = 0
        self._count(len(body), self._limits.body, 413)
        self._hold(len(body))
        if self._bodies.size > self._limits.bodies:
            self._refuse(503)
        self._body.append(body)

    def on_message_complete(self) -> None:
        self._under_way = False
        request = Request(
            method=self._parser.get_method().decode("latin-1"),
            path=self._url.decode("latin-1").partition("?")[0],
            fields=self._fields,
            body=b"".join(self._body),
            peer=self._peer,
            keep=self._parser.should_keep_alive(),
            old=self._parser.get_http_version() == "1.0",
        )
        self._begin()
        if len(self._whole) >= _MOST_AHEAD:
            self._refuse(429)
        self._whole.append(request)

    def _count(self, size: int, most: int, status: int) -> None:
        self._size += size
        if self._size > most:
            self._refuse(status)

    def _refuse(self, status: int) -> None:
        self._bad = status
        raise Malformed(status)
