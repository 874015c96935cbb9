# SPDX-License-Identifier: Apache-2.0
"""MAPI over HTTP as a probe must speak it: Connect, PING, Disconnect. Spec: MS-OXCMAPIHTTP."""

from __future__ import annotations

import re
import struct
from typing import Final

from evict.core.errors import RemoteProtocolError
from evict.wire.reading import Reading, Says, of_status

PATH: Final = "/mapi/emsmdb/"
CONTENT_TYPE: Final = "application/mapi-http"
CONNECT: Final = "Connect"
PING: Final = "PING"
DISCONNECT: Final = "Disconnect"
_UNICODE: Final = 1200
_ENGLISH: Final = 0x409
_META_TAGS: Final = (b"PROCESSING", b"PENDING", b"DONE")
_RESPONSE_CODES: Final = {
    1: "unknown failure",
    2: "invalid verb",
    3: "invalid path",
    4: "invalid header",
    5: "invalid request type",
    6: "invalid context cookie",
    7: "missing header",
    8: "anonymous not allowed",
    9: "too large",
    10: "context not found",
    11: "no privilege",
    12: "invalid request body",
    13: "missing cookie",
    15: "invalid sequence",
    16: "endpoint disabled",
    17: "invalid response",
    18: "endpoint shutting down",
}
_GONE: Final = frozenset({6, 10})
_REFUSED: Final = frozenset({8, 11, 16})
_SHUT: Final = {
    0x80070005: "access denied",
    0x80040111: "login failure",
    0x0000096C: "mailbox disabled",
}
_ELSEWHERE: Final = {
    0x0000050C: "mailbox in transit",
    0x00000478: "wrong server",
    0x000003EB: "unknown user",
}
"""The door is shut for the moment, or was not asked for by its right name: neither yes nor no."""


def headers(kind: str, session: str, number: int) -> dict[str, str]:
    """What each request carries (MS-OXCMAPIHTTP 2.2.3.3).

    Args:
        session: a GUID of the client's own, for the whole session.
        number: counts the requests of a session from 1.
    """
    return {
        "Content-Type": CONTENT_TYPE,
        "X-RequestType": kind,
        "X-RequestId": f"{{{session}}}:{number}",
        "X-ClientInfo": f"{{{session}}}:{number}",
        "X-ClientApplication": "Outlook/16.0.1.1",
    }


def path(mailbox: str) -> str:
    """Of one mailbox's endpoint. Args: mailbox: guid@domain, or "" for one's own."""
    safe = re.sub(r"[^A-Za-z0-9@._-]", "", mailbox)
    return f"{PATH}?MailboxId={safe}" if safe else PATH


def connect_body(user_dn: str) -> bytes:
    """MS-OXCMAPIHTTP 2.2.4.1.1; no auxiliary buffer. A name beyond ASCII is not asked for."""
    dn = user_dn.encode("ascii", "replace").replace(b"\0", b"") + b"\0"
    return dn + struct.pack("<5I", 0, _UNICODE, _ENGLISH, _ENGLISH, 0)


def disconnect_body() -> bytes:
    """MS-OXCMAPIHTTP 2.2.4.3.1: no auxiliary buffer."""
    return struct.pack("<I", 0)


def parse_connect(body: bytes) -> str:
    """User DN of a Connect request. Raises `RemoteProtocolError` where it is none."""
    dn, zero, rest = body.partition(b"\0")
    if not zero or len(rest) < 20 or len(rest) != 20 + struct.unpack_from("<I", rest, 16)[0]:
        raise RemoteProtocolError("not the body of a Connect request", system="mapi")
    try:
        return dn.decode("ascii")
    except UnicodeDecodeError as error:
        text = "the DN of a Connect request is not ASCII"
        raise RemoteProtocolError(text, system="mapi") from error


def payload(body: bytes) -> bytes:
    """What stands after the meta-tags and the additional headers (MS-OXCMAPIHTTP 2.2.2.2).

    Raises:
        RemoteProtocolError: the answer is cut short, or begins otherwise.
    """
    rest = body
    tag = b""
    while tag != b"DONE":
        tag, end, rest = rest.partition(b"\r\n")
        if not end or tag not in _META_TAGS:
            raise RemoteProtocolError("the answer does not come to DONE", system="mapi")
    _, end, rest = (b"\r\n" + rest).partition(b"\r\n\r\n")
    if not end:
        raise RemoteProtocolError("the answer's own headers do not end", system="mapi")
    return rest


def read(status: int, response_code: str, body: bytes, kind: str) -> Reading:
    """What the answer to a request of this kind means.

    Args:
        response_code: of the X-ResponseCode header, "" where it has none.

    Spec: MS-OXCMAPIHTTP 2.2.3.3.3 (X-ResponseCode), 2.2.4.1.2 (StatusCode and ErrorCode of
    Connect); MS-OXCSTOR 2.2.1.1.3 (error codes of a logon).

    Raises:
        RemoteProtocolError: it is no answer of this protocol.
    """
    by_status = of_status(status)
    if by_status is not None:
        return by_status
    if status != 200 or not re.fullmatch(r"[0-9]{1,3}", response_code):
        return Reading(says=Says.UNCLEAR, words=f"HTTP {status} without an X-ResponseCode")
    number = int(response_code)
    if number:
        words = f"X-ResponseCode {number} ({_RESPONSE_CODES.get(number, 'unknown')})"
        says = (
            Says.GONE if number in _GONE else Says.REFUSED if number in _REFUSED else Says.UNCLEAR
        )
        return Reading(says=says, words=words)
    if kind == CONNECT:
        return _of_connect(payload(body))
    return Reading(says=Says.IN, words=f"{kind}: success")


def _of_connect(data: bytes) -> Reading:
    if len(data) < 4:
        raise RemoteProtocolError("the answer to Connect is cut short", system="mapi")
    (status,) = struct.unpack_from("<I", data)
    if status:
        return Reading(says=Says.UNCLEAR, words=f"Connect: StatusCode 0x{status:08X}")
    if len(data) < 8:
        raise RemoteProtocolError("the answer to Connect is cut short", system="mapi")
    (error,) = struct.unpack_from("<I", data, 4)
    if not error:
        return Reading(says=Says.IN, words="Connect: success")
    known = _SHUT.get(error) or _ELSEWHERE.get(error, "unknown")
    says = Says.REFUSED if error in _SHUT else Says.UNCLEAR
    return Reading(says=says, words=f"Connect: ErrorCode 0x{error:08X} ({known})")
