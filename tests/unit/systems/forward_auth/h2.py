# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 requests as raw frames, so that they can be wrong (RFC 9113, RFC 7541 section 6.2.2)."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import Iterable, Sequence
from typing import Final

from tests.unit.systems.forward_auth.corpus import ALICE, BOB, BYSTANDER, LEAVER

Field = tuple[str, str]

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _GOAWAY = 0, 1, 3, 4, 7
_END_STREAM, _END_HEADERS, _ACK = 1, 4, 1


def fields(path: str, *more: Field, method: str = "GET") -> list[Field]:
    return [
        (":method", method),
        (":scheme", "http"),
        (":path", path),
        (":authority", "mail.corp.test"),
        *more,
    ]


_IN: Final = "/SOGo/so/in"

LEAVERS: Final[dict[str, Sequence[Field]]] = {
    "a cookie": fields(_IN, ("cookie", LEAVER)),
    "Basic": fields(_IN, ("authorization", ALICE)),
    "crumbs": fields(_IN, ("cookie", "a=b"), ("cookie", LEAVER)),
    "crumbs of two": fields(_IN, ("cookie", BYSTANDER), ("cookie", LEAVER)),
    "crumbs of two, turned": fields(_IN, ("cookie", LEAVER), ("cookie", BYSTANDER)),
    "Basic twice": fields(_IN, ("authorization", BOB), ("authorization", ALICE)),
    "two paths": fields("/SOGo/", (":path", _IN), ("cookie", LEAVER)),
    "two paths, turned": fields(_IN, (":path", "/SOGo/"), ("cookie", LEAVER)),
    "a pseudo header behind others": [
        *fields(_IN, ("cookie", LEAVER))[:2],
        ("cookie", LEAVER),
        *fields(_IN)[2:],
    ],
    "an unknown pseudo header": fields(_IN, (":user", "alice"), ("x-forwarded-user", "alice")),
    "an upper-case name": fields(_IN, ("Cookie", LEAVER)),
    "a line break in a value": fields(
        _IN, ("authorization", BOB), ("x", f"a\r\nauthorization: {ALICE}")
    ),
    "a line feed in a value": fields(_IN, ("authorization", BOB), ("x", f"a\ncookie: {LEAVER}")),
    "a line break in a name": fields(
        _IN, ("authorization", BOB), (f"x\r\ncookie: {LEAVER}\r\ny", "z")
    ),
    "a colon in a name": fields(_IN, ("authorization", BOB), ("authorization: x", ALICE)),
    "a space in a name": fields(_IN, ("authorization", BOB), ("authorization ", ALICE)),
    "a line break in the path": fields(f"/SOGo/ HTTP/1.1\r\nCookie: {LEAVER}\r\nX: "),
    "a space in the path": fields("/SOGo/ HTTP/1.1 /SOGo/so/in", ("cookie", LEAVER)),
    "a line break in the method": fields(
        _IN, method=f"GET /SOGo/so/in HTTP/1.1\r\nCookie: {LEAVER}\r\nX:"
    ),
    "a connection header": fields(
        _IN, ("authorization", ALICE), ("connection", "authorization, x-original-uri")
    ),
    "a transfer coding": fields(_IN, ("cookie", LEAVER), ("transfer-encoding", "chunked")),
    "what the front says": fields(
        _IN, ("cookie", LEAVER), ("x-original-uri", "/SOGo/"), ("x-forwarded-uri", "/SOGo/")
    ),
    "a host beside the authority": fields(_IN, ("host", "evict"), ("cookie", LEAVER)),
}

BYSTANDERS: Final[dict[str, Sequence[Field]]] = {
    "nobody": fields("/SOGo/"),
    "a cookie": fields(_IN, ("cookie", BYSTANDER)),
    "crumbs": fields(_IN, ("cookie", "a=b"), ("cookie", BYSTANDER), ("cookie", "c=d")),
    "Basic": fields(_IN, ("authorization", BOB)),
}


def _number(value: int) -> bytes:
    """A length with a prefix of seven bits (RFC 7541 section 5.1)."""
    if value < 127:
        return bytes([value])
    out, value = bytearray([127]), value - 127
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes([*out, value])


def _block(said: Iterable[Field]) -> bytes:
    """Literals without indexing, plain."""
    out = b""
    for field in said:
        for text in field:
            raw = text.encode("latin-1")
            out += (b"\0" if text is field[0] else b"") + _number(len(raw)) + raw
    return out


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack("!I", len(payload))[1:] + struct.pack("!BBI", kind, flags, stream) + payload


async def ask(host: str, port: int, said: Sequence[Field]) -> None:
    """One request; until it is answered, or the front ends it."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(PREFACE + _frame(_SETTINGS, 0, 0, b""))
        writer.write(_frame(_HEADERS, _END_STREAM | _END_HEADERS, 1, _block(said)))
        async with asyncio.timeout(5):
            await _until_answered(reader)
    except (ConnectionError, asyncio.IncompleteReadError):
        return
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _until_answered(reader: asyncio.StreamReader) -> None:
    while True:
        head = await reader.readexactly(9)
        await reader.readexactly(int.from_bytes(head[:3], "big"))
        kind, flags = head[3], head[4]
        if kind in (_RESET, _GOAWAY) or (kind in (_DATA, _HEADERS) and flags & _END_STREAM):
            return
