# SPDX-License-Identifier: Apache-2.0
"""What the service account may do to an account, read from the account's own access list.

The server's constructed `allowedAttributesEffective` tells of attributes only, not of the extended
right to reset a password, so the list itself is read. Spec: MS-DTYP 2.4.6 (security descriptor),
2.4.5 (ACL), 2.4.4 (ACEs); MS-ADTS 5.1.3.3 (how a list is checked).
"""

from __future__ import annotations

import struct
import uuid
from typing import Final

from msgspec import Struct

from evict.systems.active_directory.measures import PWD_LAST_SET_RIGHT, RESET_RIGHT, UAC_RIGHT

_CONTROL_ACCESS: Final = 0x100
_WRITE_PROPERTY: Final = 0x20
_INHERIT_ONLY: Final = 0x08
_ALLOW, _DENY, _ALLOW_OBJECT, _DENY_OBJECT = 0x00, 0x01, 0x05, 0x06
_ACCOUNT_RESTRICTIONS: Final = uuid.UUID("4c164200-20c0-11d0-a768-00aa006e0529")
"""The property set that holds userAccountControl and pwdLastSet (MS-ADTS 3.1.1.2.3.3)."""

NEEDED: Final = (
    (RESET_RIGHT, _CONTROL_ACCESS, {uuid.UUID("00299570-246d-11d0-a768-00aa006e0529")}),
    (
        UAC_RIGHT,
        _WRITE_PROPERTY,
        {uuid.UUID("bf967a68-0de6-11d0-a285-00aa003049e2"), _ACCOUNT_RESTRICTIONS},
    ),
    (
        PWD_LAST_SET_RIGHT,
        _WRITE_PROPERTY,
        {uuid.UUID("bf967a0a-0de6-11d0-a285-00aa003049e2"), _ACCOUNT_RESTRICTIONS},
    ),
)
"""Name, access mask bit, object types that carry it; an entry without object type carries all."""

EVERYBODY: Final = frozenset(
    {bytes.fromhex("010100000000000100000000"), bytes.fromhex("01010000000000050b000000")}
)
"""Everyone (S-1-1-0) and Authenticated Users (S-1-5-11): in every token, in no tokenGroups."""


class Ace(Struct, frozen=True, kw_only=True):
    """One entry that applies to the object itself; `object_type` None: to all of it."""

    allows: bool
    mask: int
    object_type: uuid.UUID | None
    sid: bytes


def missing_rights(descriptor: bytes, token: frozenset[bytes]) -> tuple[str, ...]:
    """Names of the rights among `NEEDED` that this token lacks; raises ValueError if malformed.

    Args:
        descriptor: self-relative, with its DACL.
        token: SIDs of the one who asks.
    """
    try:
        entries = _dacl(descriptor)
    except (struct.error, IndexError) as error:
        raise ValueError("no security descriptor") from error
    if entries is None:
        return ()
    mine = [ace for ace in entries if ace.sid in token]
    return tuple(name for name, bit, types in NEEDED if not _granted(mine, bit, types))


def _granted(entries: list[Ace], bit: int, types: set[uuid.UUID]) -> bool:
    """The first entry that speaks of it decides: denials stand first in a canonical list."""
    for ace in entries:
        if ace.mask & bit and (ace.object_type is None or ace.object_type in types):
            return ace.allows
    return False


def _dacl(descriptor: bytes) -> list[Ace] | None:
    """None: there is no list, so everybody may do everything."""
    (offset,) = struct.unpack_from("<I", descriptor, 16)
    if offset == 0:
        return None
    (count,) = struct.unpack_from("<H", descriptor, offset + 4)
    entries: list[Ace] = []
    at = offset + 8
    for _ in range(count):
        kind, flags, size, mask = struct.unpack_from("<BBHI", descriptor, at)
        if not flags & _INHERIT_ONLY and kind in (_ALLOW, _DENY, _ALLOW_OBJECT, _DENY_OBJECT):
            object_type, sid_at = _object_type(descriptor, at, kind)
            entries.append(
                Ace(
                    allows=kind in (_ALLOW, _ALLOW_OBJECT),
                    mask=mask,
                    object_type=object_type,
                    sid=descriptor[sid_at : sid_at + 8 + 4 * descriptor[sid_at + 1]],
                )
            )
        at += size
    return entries


def _object_type(descriptor: bytes, at: int, kind: int) -> tuple[uuid.UUID | None, int]:
    """The object type of an entry, and where its SID begins (MS-DTYP 2.4.4.3)."""
    if kind in (_ALLOW, _DENY):
        return None, at + 8
    (present,) = struct.unpack_from("<I", descriptor, at + 8)
    object_type = uuid.UUID(bytes_le=descriptor[at + 12 : at + 28]) if present & 1 else None
    return object_type, at + 12 + 16 * (present & 1) + 16 * (present >> 1 & 1)
