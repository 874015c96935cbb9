# SPDX-License-Identifier: Apache-2.0
"""Sealed bodies of WinRM over plain HTTP, sans-I/O.

Spec: MS-WSMV section 2.2.9.1.2 (SPNEGO-encrypted messages).
Exchange's boundary has a blank between the dashes and its name; clients allow for it
(pypsrp 0.9.1, encryption.py).
"""

from __future__ import annotations

import re
import struct
from typing import Final

from msgspec import Struct

BOUNDARY: Final = "Encrypted Boundary"
_PART: Final = b"\tContent-Type: application/octet-stream\r\n"
_LENGTH: Final = re.compile(
    rb"OriginalContent:[^\r\n]{0,200};Length=([0-9]{1,10})\s*(?:\r|$)", re.IGNORECASE
)
_PROTOCOLS: Final = (
    "application/HTTP-SPNEGO-session-encrypted",
    "application/HTTP-Kerberos-session-encrypted",
)


class BadMultipart(ValueError):
    """Not of the form; the answer is 400."""


class Sealed(Struct, frozen=True):
    """What is inside.

    Attributes:
        signature: header of the security mechanism.
        data: sealed bytes.
        length: of the plain text and its padding, as the sender said.
    """

    signature: bytes
    data: bytes
    length: int


def protocol_of(content_type: str) -> str | None:
    """The encryption protocol of such a body; None: it is not one that is known."""
    kind, *rest = (part.strip() for part in content_type.split(";"))
    if kind.lower() != "multipart/encrypted":
        return None
    given = dict(part.split("=", 1) for part in rest if "=" in part)
    wanted = given.get("protocol", "").strip('"').lower()
    return next((known for known in _PROTOCOLS if known.lower() == wanted), None)


def content_type(protocol: str) -> str:
    return f'multipart/encrypted;protocol="{protocol}";boundary="{BOUNDARY}"'


def decode(body: bytes) -> Sealed:
    """Take it apart by place: sealed bytes may hold anything, the boundary too.

    Raises:
        BadMultipart: see there.
    """
    name = re.escape(BOUNDARY.encode())
    head = re.match(rb"--\s?" + name + rb"\r\n(.{0,2000}?)--\s?" + name + rb"\r\n", body, re.DOTALL)
    tail = re.search(rb"--\s?" + name + rb"--\s*\Z", body[-64:])
    if head is None or tail is None or not body.startswith(_PART, head.end()):
        raise BadMultipart("boundaries")
    length = _LENGTH.search(head[1])
    blob = body[head.end() + len(_PART) : len(body) - len(body[-64:]) + tail.start()]
    if length is None or len(blob) < 4:
        raise BadMultipart("length")
    (size,) = struct.unpack_from("<I", blob)
    if not 0 < size <= min(len(blob) - 4, 1024):
        raise BadMultipart("signature")
    return Sealed(blob[4 : 4 + size], blob[4 + size :], int(length[1]))


def encode(sealed: Sealed, protocol: str, *, spaced: bool = False) -> bytes:
    """Put it together; `spaced` as Exchange does."""
    line = f"--{' ' if spaced else ''}{BOUNDARY}"
    head = (
        f"{line}\r\n\tContent-Type: {protocol}\r\n"
        f"\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length={sealed.length}\r\n"
        f"{line}\r\n"
    )
    size = struct.pack("<I", len(sealed.signature))
    return b"".join(
        (head.encode(), _PART, size, sealed.signature, sealed.data, f"{line}--\r\n".encode())
    )
