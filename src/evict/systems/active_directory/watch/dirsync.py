# SPDX-License-Identifier: Apache-2.0
"""The DirSync control: what changed since a cookie. No I/O.

Spec: MS-ADTS 3.1.1.3.4.1.3 (LDAP_SERVER_DIRSYNC_OID).
"""

from __future__ import annotations

from typing import Final

from anyldap.protocols import pureber
from msgspec import Struct

from evict.systems.ldap.messages import Control, Malformed

OID: Final = b"1.2.840.113556.1.4.841"
_OBJECT_SECURITY: Final = 0x1
"""Show what the one who asks may read, and no more: then it needs no right of replication."""
_INCREMENTAL_VALUES: Final = -0x80000000
"""Of a list that changed (`member`) only the values that changed; as a signed number."""
_MAX_OCTETS: Final = 1_000_000
"""Wished size of one answer. Quirk: Samba 4.17 does not keep to it."""


class Synced(Struct, frozen=True, kw_only=True):
    """What the server says at the end: `more` follows, and the cookie to go on with."""

    more: bool
    cookie: bytes


def control(cookie: bytes) -> Control:
    """Critical: a server that does not know it must refuse, not answer with everything."""
    value = pureber.BERSequence(
        [
            pureber.BERInteger(_OBJECT_SECURITY | _INCREMENTAL_VALUES),
            pureber.BERInteger(_MAX_OCTETS),
            pureber.BEROctetString(cookie),
        ]
    )
    return (OID, 1, value.toWire())


def answer(value: bytes) -> Synced:
    """Read the control of an answer. Raises `Malformed`."""
    fields: list[tuple[int, bytes]] = []
    if len(value) < 2 or value[0] != 0x30:
        raise Malformed("a DirSync control that is none")
    at, stop = _content(value, 0)
    if stop != len(value):
        raise Malformed("a DirSync control that is cut off")
    while at < stop:
        start, end = _content(value, at)
        fields.append((value[at], value[start:end]))
        at = end
    if at != stop or [tag for tag, _ in fields] != [0x02, 0x02, 0x04] or not fields[2][1]:
        raise Malformed("a DirSync control without a cookie")
    return Synced(more=any(fields[0][1]), cookie=fields[2][1])


def _content(value: bytes, at: int) -> tuple[int, int]:
    try:
        size, start = value[at + 1], at + 2
    except IndexError as error:
        raise Malformed("a DirSync control that is cut off") from error
    if size & 0x80:
        start += size & 0x7F
        size = int.from_bytes(value[at + 2 : start], "big")
    if start + size > len(value):
        raise Malformed("a DirSync control that is cut off")
    return start, start + size
