# SPDX-License-Identifier: Apache-2.0
"""Security descriptors: who may change what of an account, as an access list says it.

Spec: MS-DTYP 2.4.6 (self-relative descriptor), 2.4.5 (ACL), 2.4.4.2 and 2.4.4.3 (entries).
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterable
from typing import Final

RESET_PASSWORD: Final = uuid.UUID("00299570-246d-11d0-a768-00aa006e0529")
USER_ACCOUNT_CONTROL: Final = uuid.UUID("bf967a68-0de6-11d0-a285-00aa003049e2")
PWD_LAST_SET: Final = uuid.UUID("bf967a0a-0de6-11d0-a285-00aa003049e2")
AUTHENTICATED_USERS: Final = bytes.fromhex("01010000000000050b000000")

_FULL: Final = 0xF01FF
_READ: Final = 0x20094
_WRITE_PROPERTY: Final = 0x20
_CONTROL_ACCESS: Final = 0x100
_DACL_PRESENT_SELF_RELATIVE: Final = 0x8004
_REVISION_DS: Final = 4


def build(owner: bytes, delegates: Iterable[bytes]) -> bytes:
    """Administrators may do everything, everybody reads, delegates disable and reset.

    Args:
        owner: SID of Domain Admins.
        delegates: SIDs of the accounts that were granted the three rights.
    """
    entries = [_allow(owner, _FULL)]
    for sid in delegates:
        entries += [
            _allow_object(sid, _CONTROL_ACCESS, RESET_PASSWORD),
            _allow_object(sid, _WRITE_PROPERTY, USER_ACCOUNT_CONTROL),
            _allow_object(sid, _WRITE_PROPERTY, PWD_LAST_SET),
        ]
    entries.append(_allow(AUTHENTICATED_USERS, _READ))
    body = b"".join(entries)
    acl = struct.pack("<BBHHH", _REVISION_DS, 0, 8 + len(body), len(entries), 0) + body
    head = 20
    return (
        struct.pack(
            "<BBHIIII",
            1,
            0,
            _DACL_PRESENT_SELF_RELATIVE,
            head + len(acl),
            head + len(acl) + len(owner),
            0,
            head,
        )
        + acl
        + owner
        + owner
    )


def _allow(sid: bytes, mask: int) -> bytes:
    return struct.pack("<BBHI", 0, 0, 8 + len(sid), mask) + sid


def _allow_object(sid: bytes, mask: int, kind: uuid.UUID) -> bytes:
    size = 8 + 4 + 16 + len(sid)
    return struct.pack("<BBHII", 5, 0, size, mask, 1) + kind.bytes_le + sid
