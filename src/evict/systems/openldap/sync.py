# SPDX-License-Identifier: Apache-2.0
"""Content Synchronization: its controls and its message, both ways, without I/O.

Spec: RFC 4533 sections 2.2 to 2.5; the value of each is BER (RFC 4511 section 5.1). Read strictly:
what does not fit is `Malformed`, so that half a word is never taken for a deletion.
"""

from __future__ import annotations

import uuid
from typing import Final

from msgspec import Struct

from evict.systems.ldap.messages import Malformed

SYNC_REQUEST: Final = b"1.3.6.1.4.1.4203.1.9.1.1"
SYNC_STATE: Final = b"1.3.6.1.4.1.4203.1.9.1.2"
SYNC_DONE: Final = b"1.3.6.1.4.1.4203.1.9.1.3"
SYNC_INFO: Final = b"1.3.6.1.4.1.4203.1.9.1.4"

REFRESH_ONLY: Final = 1
REFRESH_AND_PERSIST: Final = 3

PRESENT, ADDED, MODIFIED, DELETED = range(4)

_BOOLEAN, _OCTETS, _ENUMERATED, _SEQUENCE, _SET = 0x01, 0x04, 0x0A, 0x30, 0x31
_NEW_COOKIE, _REFRESH_DELETE, _REFRESH_PRESENT, _ID_SET = 0x80, 0xA1, 0xA2, 0xA3

Element = tuple[int, bytes]


class State(Struct, frozen=True, kw_only=True):
    """What became of the entry that it came with: PRESENT, ADDED, MODIFIED or DELETED."""

    state: int
    entry: str
    cookie: bytes = b""


class Done(Struct, frozen=True, kw_only=True):
    """The end of a refresh. `deletes`: whoever was not named is still there."""

    cookie: bytes = b""
    deletes: bool = False


class Info(Struct, frozen=True, kw_only=True):
    """A word between entries.

    Attributes:
        deleted: ids of entries that were deleted: positive word.
        present_phase: it names who is still there, and leaves deletions to be guessed.
    """

    cookie: bytes = b""
    deleted: tuple[str, ...] = ()
    present_phase: bool = False


def request(mode: int, cookie: bytes = b"") -> tuple[bytes, int, bytes]:
    parts = _tlv(_ENUMERATED, bytes([mode]))
    if cookie:
        parts += _tlv(_OCTETS, cookie)
    return (SYNC_REQUEST, 1, _tlv(_SEQUENCE, parts))


def read_request(value: bytes) -> tuple[int, bytes]:
    """For servers: the mode, and the cookie or b""."""
    parts = _inside(value, _SEQUENCE)
    mode = _number(parts, 0)
    return mode, _optional(parts[1:], _OCTETS)


def read_state(value: bytes) -> State:
    parts = _inside(value, _SEQUENCE)
    state = _number(parts, 0)
    if state > DELETED or len(parts) < 2 or parts[1][0] != _OCTETS:
        raise Malformed("a sync state that is none")
    return State(state=state, entry=_uuid(parts[1][1]), cookie=_optional(parts[2:], _OCTETS))


def write_state(state: State) -> bytes:
    parts = _tlv(_ENUMERATED, bytes([state.state])) + _tlv(_OCTETS, uuid.UUID(state.entry).bytes)
    return _tlv(_SEQUENCE, parts + _cookie(state.cookie))


def read_done(value: bytes) -> Done:
    parts = _inside(value, _SEQUENCE)
    return Done(cookie=_optional(parts, _OCTETS), deletes=_flag(parts, default=False))


def write_done(done: Done) -> bytes:
    deletes = _tlv(_BOOLEAN, b"\xff") if done.deletes else b""
    return _tlv(_SEQUENCE, _cookie(done.cookie) + deletes)


def read_info(value: bytes) -> Info:
    """A choice: a cookie, the end of a phase, or a set of ids (RFC 4533 section 2.5)."""
    tag, content = _single(value)
    if tag == _NEW_COOKIE:
        return Info(cookie=content)
    if tag not in (_REFRESH_DELETE, _REFRESH_PRESENT, _ID_SET):
        raise Malformed("a sync info that is none")
    parts = _elements(content)
    cookie = _optional(parts, _OCTETS)
    if tag != _ID_SET:
        return Info(cookie=cookie, present_phase=tag == _REFRESH_PRESENT)
    if not parts or parts[-1][0] != _SET:
        raise Malformed("a sync id set without ids")
    ids = _elements(parts[-1][1])
    if any(kind != _OCTETS for kind, _ in ids):
        raise Malformed("a sync id set of something else")
    named = tuple(_uuid(octets) for _, octets in ids)
    if _flag(parts[:-1], default=False):
        return Info(cookie=cookie, deleted=named)
    return Info(cookie=cookie, present_phase=True)


def write_deleted(ids: tuple[str, ...], cookie: bytes = b"") -> bytes:
    """A set of ids with refreshDeletes: these entries are gone."""
    members = b"".join(_tlv(_OCTETS, uuid.UUID(i).bytes) for i in ids)
    return _tlv(_ID_SET, _cookie(cookie) + _tlv(_BOOLEAN, b"\xff") + _tlv(_SET, members))


def write_present(ids: tuple[str, ...]) -> bytes:
    """A set of ids that are still there."""
    members = b"".join(_tlv(_OCTETS, uuid.UUID(i).bytes) for i in ids)
    return _tlv(_ID_SET, _tlv(_SET, members))


def _cookie(cookie: bytes) -> bytes:
    return _tlv(_OCTETS, cookie) if cookie else b""


def _tlv(tag: int, value: bytes) -> bytes:
    if len(value) < 0x80:
        return bytes([tag, len(value)]) + value
    width = (len(value).bit_length() + 7) // 8
    return bytes([tag, 0x80 | width]) + len(value).to_bytes(width, "big") + value


def _elements(content: bytes) -> list[Element]:
    elements: list[Element] = []
    at = 0
    while at < len(content):
        if at + 2 > len(content):
            raise Malformed("a sync element that is cut off")
        tag, size = content[at], content[at + 1]
        start = at + 2
        if size & 0x80:
            width = size & 0x7F
            if not 1 <= width <= 4 or start + width > len(content):
                raise Malformed("a sync element without a length")
            size = int.from_bytes(content[start : start + width], "big")
            start += width
        if start + size > len(content):
            raise Malformed("a sync element that is cut off")
        elements.append((tag, content[start : start + size]))
        at = start + size
    return elements


def _single(value: bytes) -> Element:
    elements = _elements(value)
    if len(elements) != 1:
        raise Malformed("a sync value that is not one")
    return elements[0]


def _inside(value: bytes, tag: int) -> list[Element]:
    kind, content = _single(value)
    if kind != tag:
        raise Malformed("a sync value of another kind")
    return _elements(content)


def _number(parts: list[Element], at: int) -> int:
    if len(parts) <= at or parts[at][0] != _ENUMERATED or len(parts[at][1]) != 1:
        raise Malformed("a sync value without its number")
    return parts[at][1][0]


def _optional(parts: list[Element], tag: int) -> bytes:
    return parts[0][1] if parts and parts[0][0] == tag else b""


def _flag(parts: list[Element], *, default: bool) -> bool:
    """The one boolean among them."""
    found = [content for kind, content in parts if kind == _BOOLEAN]
    if any(len(content) != 1 for content in found) or len(found) > 1:
        raise Malformed("a sync flag that is none")
    return found[0] != b"\0" if found else default


def _uuid(octets: bytes) -> str:
    if len(octets) != 16:
        raise Malformed("an entryUUID of another length")
    return str(uuid.UUID(bytes=octets))
