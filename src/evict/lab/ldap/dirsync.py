# SPDX-License-Identifier: Apache-2.0
"""What changed since a cookie: the DirSync control (MS-ADTS 3.1.1.3.4.1.3).

All that was asked for is shown of an account that changed, where Active Directory shows only what
changed. Nobody needs a right for it here; OBJECT_SECURITY is taken for granted.
"""

from __future__ import annotations

import uuid
from typing import Final

from anyldap.protocols import pureber

from evict.lab.ldap import codec, results
from evict.lab.ldap.codec import Malformed
from evict.lab.ldap.results import Refused

_MARK: Final = b"LABS"
_SIZE: Final = len(_MARK) + 16 + 8


def request(value: bytes) -> bytes:
    """The cookie as it came; empty at the first time. Raises `Malformed`."""
    _, _, cookie = codec.fields_of(value, 3)
    if not isinstance(cookie, pureber.BEROctetString):
        raise Malformed("no DirSync control")
    return codec.octets(cookie.value)


def answer(*, more: bool, cookie: bytes) -> bytes:
    """The control's value in an answer."""
    parts = [pureber.BERInteger(int(more)), pureber.BERInteger(0), pureber.BEROctetString(cookie)]
    return pureber.BERSequence(parts).toWire()


def cookie_of(invocation: uuid.UUID, usn: int) -> bytes:
    return _MARK + invocation.bytes_le + usn.to_bytes(8, "little")


def usn_in(cookie: bytes, invocation: uuid.UUID) -> int:
    """The update number of then; 0: everything. Raises `Refused` for what is no cookie.

    A cookie of another server stands for everything, as documented.
    """
    if not cookie:
        return 0
    if len(cookie) != _SIZE or not cookie.startswith(_MARK):
        raise Refused(results.UNAVAILABLE_CRITICAL_EXTENSION, results.BAD_COOKIE)
    if cookie[4:20] != invocation.bytes_le:
        return 0
    return int.from_bytes(cookie[20:], "little")
