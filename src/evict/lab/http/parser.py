# SPDX-License-Identifier: Apache-2.0
"""Bytes into requests, sans-I/O."""

from __future__ import annotations

from enum import Enum, auto

import httptools

from evict.lab.http.limits import Limits
from evict.lab.http.messages import Connection, Headers, Request


class Refused(Exception):
    """The bytes are no request that is taken; the connection ends after the answer.

    Attributes:
        status: of that answer.
    """

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Phase(Enum):
    IDLE = auto()
    HEAD = auto()
    BODY = auto()


class Parsed:
    """A request and how its connection goes on.

    Attributes:
        keep: the client wants to go on.
        old: HTTP/1.0.
    """

    __slots__ = ("keep", "old", "request")

    def __init__(self, request: Request, *, keep: bool, old: bool) -> None:
        self.request = request
        self.keep = keep
        self.old = old


class RequestParser:
    """Spec: RFC 9112. Chunks and lengths are httptools' business; limits are this one's.

    Attributes:
        phase: where in a request the bytes ended.
        wants_continue: the client waits for 100 before it sends the body (RFC 9110 section
            10.1.1); whoever answers sets it back.
    """

    def __init__(self, connection: Connection, limits: Limits) -> None:
        self._connection = connection
        self._limits = limits
        self._parser = httptools.HttpRequestParser(self)
        self.phase = Phase.IDLE
        self.wants_continue = False
        self._done: list[Parsed] = []
        self._refusal: int | None = None
        self._head = 0
        self._forget()

    def _forget(self) -> None:
        self._url = bytearray()
        self._pairs: list[tuple[str, str]] = []
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[Parsed]:
        """Give the requests that became whole.

        Raises:
            Refused: what came is malformed, or too much. Whole requests before it are in `taken`.
        """
        upgrade = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            upgrade = True
        except httptools.HttpParserError:
            raise Refused(self._refusal or 400) from None
        if self.phase is Phase.HEAD:
            self._head += len(data)
            if self._head > self._limits.max_head:
                raise Refused(431)
        done = self.taken()
        if upgrade and done:
            done[-1].keep = False
        return done

    def taken(self) -> list[Parsed]:
        done, self._done = self._done, []
        return done

    def on_message_begin(self) -> None:
        self._forget()
        self._head = 0
        self.phase = Phase.HEAD

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._size += len(name) + len(value)
        if self._size + len(self._url) > self._limits.max_head:
            self._refuse(431)
        self._pairs.append((name.decode("latin-1"), value.decode("latin-1").strip()))

    def on_headers_complete(self) -> None:
        self.phase = Phase.BODY
        self._size = 0
        headers = Headers(self._pairs)
        length = headers.get("content-length", "0")
        if not length.isdecimal() or len(length) > 18:
            self._refuse(400)
        if int(length) > self._limits.max_body:
            self._refuse(413)
        self.wants_continue = headers.get("expect").lower() == "100-continue"

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > self._limits.max_body:
            self._refuse(413)
        self._pieces.append(body)

    def on_message_complete(self) -> None:
        self.phase = Phase.IDLE
        self.wants_continue = False
        request = Request(
            method=self._parser.get_method().decode("latin-1"),
            target=self._url.decode("latin-1"),
            headers=Headers(self._pairs),
            connection=self._connection,
            body=b"".join(self._pieces),
        )
        old = self._parser.get_http_version() == "1.0"
        self._done.append(Parsed(request, keep=self._parser.should_keep_alive(), old=old))
        self._forget()

    def _refuse(self, status: int) -> None:
        self._refusal = status
        raise Refused(status)
