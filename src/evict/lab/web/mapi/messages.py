# SPDX-License-Identifier: Apache-2.0
"""Bodies and codes of MAPI over HTTP, the server's side. Spec: MS-OXCMAPIHTTP."""

from __future__ import annotations

import struct
from email.utils import formatdate
from typing import Final

from evict.lab.http.messages import Request, Response

CONTENT_TYPE: Final = "application/mapi-http"
INVALID_TYPE: Final = 5
MISSING_HEADER: Final = 7
NOT_FOUND: Final = 10
INVALID_BODY: Final = 12
MISSING_COOKIE: Final = 13
INVALID_SEQUENCE: Final = 15
DISABLED: Final = 16
"""X-ResponseCode, MS-OXCMAPIHTTP 2.2.3.3.3."""
_WORDS: Final = {
    INVALID_TYPE: "invalid request type",
    MISSING_HEADER: "missing header",
    NOT_FOUND: "context not found",
    INVALID_BODY: "invalid request body",
    MISSING_COOKIE: "missing cookie",
    INVALID_SEQUENCE: "invalid sequence",
    DISABLED: "endpoint disabled",
}
_ECHOED: Final = ("X-RequestType", "X-RequestId", "X-ClientInfo")
NOT_SUPPORTED: Final = 0x80040102
_POLL_MS: Final = 60_000
_RETRIES: Final = 6
_RETRY_MS: Final = 10_000
_PENDING_MS: Final = 15_000


def connected(error: int, dn_prefix: str = "", display_name: str = "") -> bytes:
    """Of Connect, whose StatusCode is 0: what went wrong is in ErrorCode (2.2.4.1.2)."""
    numbers = struct.pack("<5I", 0, error, _POLL_MS, _RETRIES, _RETRY_MS)
    prefix = dn_prefix.encode("ascii", "replace") + b"\0"
    name = display_name.encode("utf-16-le", "replace") + b"\0\0"
    return numbers + prefix + name + struct.pack("<I", 0)


def executed(error: int) -> bytes:
    """Of Execute: no flags, no operation's answer, no auxiliary buffer (2.2.4.2.2)."""
    return struct.pack("<5I", 0, error, 0, 0, 0)


def notified(error: int) -> bytes:
    """Of NotificationWait: nothing happened (2.2.4.4.2)."""
    return struct.pack("<4I", 0, error, 0, 0)


def disconnected() -> bytes:
    """Of Disconnect (2.2.4.3.2)."""
    return struct.pack("<3I", 0, 0, 0)


def said(
    request: Request,
    code: int,
    body: bytes = b"",
    *,
    server: str,
    headers: list[tuple[str, str]] | None = None,
) -> Response:
    """HTTP 200 whatever was said: the code is in a header, and again after the meta-tags.

    Spec: MS-OXCMAPIHTTP 2.2.2.2, 2.2.3.3, 2.2.7.
    """
    now = formatdate(usegmt=True)
    own = [
        ("Content-Type", CONTENT_TYPE if code == 0 else "text/html"),
        ("X-ResponseCode", str(code)),
        ("X-PendingPeriod", str(_PENDING_MS)),
        ("X-ServerApplication", server),
        ("Cache-Control", "private"),
    ]
    own += [(name, _word(value)) for name in _ECHOED if (value := request.headers.get(name))]
    if code == 0:
        tags = f"PROCESSING\r\nDONE\r\nX-ResponseCode: 0\r\nX-ElapsedTime: 1\r\nX-StartTime: {now}"
        content = tags.encode() + b"\r\n\r\n" + body
    else:
        content = f"<html><body>{_WORDS.get(code, 'refused')}</body></html>".encode()
    return Response(200, [*own, *(headers or [])], content)


def _word(value: str) -> str:
    """What is said back of a client's header."""
    return "".join(c for c in value[:100] if c.isascii() and c.isprintable())
