# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from typing import Final

from msgspec import Struct

JSON: Final = "application/json"
TEXT: Final = "text/plain; charset=utf-8"


class Limits(Struct, frozen=True, kw_only=True):
    """Bounds of one connection.

    Attributes:
        head: bytes of request line and header fields.
        body: bytes.
        bodies: bytes of those of all connections together: nobody has shown a token by then.
        idle_s: between two requests.
        message_s: from the first byte of a request to its last.
        write_s: for a client that does not read what it is sent.
        connections: at once; more are closed unanswered.
    """

    head: int = 16 * 1024
    body: int = 16 * 1024 * 1024
    bodies: int = 64 * 1024 * 1024
    idle_s: float = 60.0
    message_s: float = 15.0
    write_s: float = 20.0
    connections: int = 256


class Request(Struct, frozen=True, kw_only=True):
    """One request. It holds a token: never log it whole.

    Attributes:
        fields: header fields, names in lower case; of one that came twice, both, with a comma.
        peer: the client's address.
        keep: the connection may go on.
        old: HTTP/1.0, which knows no chunks.
    """

    method: str
    path: str
    fields: Mapping[str, str]
    body: bytes
    peer: str
    keep: bool
    old: bool

    def __repr__(self) -> str:
        return f"Request({self.method} {self.path})"


class Answer(Struct, frozen=True, kw_only=True):
    """One answer: whole, or in pieces as they come.

    Attributes:
        last: how a stream ends that is stopped with the service.
    """

    status: int = 200
    kind: str = TEXT
    body: bytes = b""
    pieces: AsyncIterator[bytes] | None = None
    last: bytes = b""
    fields: tuple[tuple[str, str], ...] = ()
    close: bool = False


def head(answer: Answer, *, close: bool, chunked: bool) -> bytes:
    """Status line and header fields. Nothing that is answered may be kept by a cache."""
    lines = [
        f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}",
        f"Content-Type: {answer.kind}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        *(f"{name}: {value}" for name, value in answer.fields),
    ]
    if chunked:
        lines.append("Transfer-Encoding: chunked")
    elif answer.pieces is None:
        lines.append(f"Content-Length: {len(answer.body)}")
    if close:
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def chunk(data: bytes) -> bytes:
    """Spec: RFC 9112 section 7.1."""
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST_CHUNK: Final = b"0\r\n\r\n"


def plain(status: int, text: str = "", *, close: bool = False) -> Answer:
    """A status and a line of text."""
    body = (text or HTTPStatus(status).phrase) + "\n"
    return Answer(status=status, body=body.encode(), close=close)
