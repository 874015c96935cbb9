# SPDX-License-Identifier: Apache-2.0
"""A login on its way to the server, sans-I/O: the request, what the server answers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import httptools

MAX_HEAD: Final = 32 * 1024
MAX_BODY: Final = 32 * 1024
"""Bytes of a login form; a browser's takes about 200."""
_HOP: Final = frozenset(
    {
        "connection",
        "content-length",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "expect",
    }
)
_CLAIMS: Final = frozenset(
    {
        "authorization",
        "remote-user",
        "x-forwarded-user",
        "x-original-url",
        "x-remote-user",
        "x-rewrite-url",
        "x-webobjects-remote-user",
    }
)
"""A login is by what it says itself: whoever came with credentials of another kind shows them
elsewhere. The last is what SOGo believes where SOGoTrustProxyAuthentication is on. IIS modules make
another request of it where one of the two with a URL is there."""
_NOT_CARRIED: Final = _HOP | _CLAIMS | {"accept-encoding", "content-type"}
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Rejected(Exception):
    """No login that is carried.

    Attributes:
        status: of the answer.
    """

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


class LoginRequest:
    """Bytes into one request; a connection carries one. Spec: RFC 9112.

    Attributes:
        done: it is whole.
    """

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._size = 0
        self.headers: list[tuple[str, str]] = []
        self.body = bytearray()
        self.done = False

    def feed(self, data: bytes) -> None:
        """Raises `Rejected`."""
        self._size += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            raise Rejected("400 Bad Request") from None
        if self._size > MAX_HEAD + MAX_BODY or len(self.body) > MAX_BODY:
            raise Rejected("413 Content Too Large")

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.decode("latin-1").lower(), value.decode("latin-1").strip()))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.done = True

    @property
    def method(self) -> str:
        return str(self._parser.get_method().decode("ascii", "replace"))

    @property
    def target(self) -> str:
        return self._url.decode("latin-1")

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    def carried(self) -> list[tuple[str, str]]:
        """The headers that go on to the server."""
        named = {
            part.strip().lower() for value in self.all("connection") for part in value.split(",")
        }
        return [
            (name, value)
            for name, value in self.headers
            if name.replace("_", "-") not in _NOT_CARRIED and name not in named
        ]


def issued(headers: Iterable[tuple[str, str]], cookie: str) -> list[str]:
    """Values that an answer sets for the cookie; one that is deleted has none.

    PHP deletes a cookie by the value `deleted`.
    """
    values = []
    for name, value in headers:
        key, equals, rest = value.partition(";")[0].partition("=")
        if name.lower() == "set-cookie" and equals and key.strip().lower() == cookie.lower():
            values.append(rest.strip())
    return [value for value in values if value not in ("", "deleted")]


def answer(status: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b"") -> bytes:
    """Written down; headers that could not be are left out."""
    lines = [f"HTTP/1.1 {status}"]
    for name, value in headers:
        clean = _TOKEN.fullmatch(name) and not set(value) & {"\r", "\n", "\0"}
        if clean and name.lower() not in _HOP:
            lines.append(f"{name}: {value}")
    lines += [f"Content-Length: {len(body)}", "Connection: close"]
    return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + body
