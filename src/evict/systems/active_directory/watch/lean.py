# SPDX-License-Identifier: Apache-2.0
"""Answers of a search read straight from their octets: a full reading has a hundred thousand.

Only what a search can be answered with is known here; requests are made by the codec. No I/O.
Spec: RFC 4511 sections 4.1.1 (messages), 4.1.11 (controls), 4.5.2 (answers), 5.1 (definite
lengths only).
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from evict.systems.ldap.messages import Entry, Malformed, Result

_SEQUENCE: Final = 0x30
_OCTETS: Final = 0x04
_BOOLEAN: Final = 0x01
_ENTRY: Final = 0x64
_REFERENCE: Final = 0x73
_DONE: Final = 0x65
_CONTROLS: Final = 0xA0
_SPELLINGS: Final = 4096


class Done(Struct, frozen=True, kw_only=True):
    """The end of a search, with the values of the controls that came along, by their OID."""

    result: Result
    controls: dict[bytes, bytes]


class Reference(Struct, frozen=True, kw_only=True):
    """Part of the answer is elsewhere (RFC 4511 section 4.5.3)."""


_names: dict[bytes, str] = {}
"""Attribute names as sent -> as kept; a directory has a few dozen of them."""


def read(frame: bytes) -> tuple[int, Entry | Reference | Done]:
    """Message id and answer of one whole message. Raises `Malformed`."""
    try:
        return _read(frame)
    except (IndexError, UnicodeDecodeError) as error:
        raise Malformed("no LDAP message") from error


def _read(frame: bytes) -> tuple[int, Entry | Reference | Done]:
    at, stop = _inside(frame, 0, len(frame), _SEQUENCE)
    if stop != len(frame):
        raise Malformed("more than one LDAP message")
    start, at = _inside(frame, at, stop, 0x02)
    number = int.from_bytes(frame[start:at], "big", signed=True)
    tag = frame[at]
    start, at = _inside(frame, at, stop, tag)
    if tag == _ENTRY:
        return number, _entry(frame, start, at)
    if tag == _REFERENCE:
        return number, Reference()
    if tag == _DONE:
        return number, Done(result=_result(frame, start, at), controls=_controls(frame, at, stop))
    raise Malformed("an answer that belongs to no search")


def _inside(data: bytes, at: int, stop: int, tag: int) -> tuple[int, int]:
    """Where the content of the element at `at` begins and ends. Raises `Malformed`."""
    if data[at] != tag:
        raise Malformed("an element of another kind")
    size = data[at + 1]
    start = at + 2
    if size & 0x80:
        width = size & 0x7F
        if not 1 <= width <= 4:
            raise Malformed("a length that is none")
        start += width
        size = int.from_bytes(data[at + 2 : start], "big")
    end = start + size
    if end > stop:
        raise Malformed("an element that is cut off")
    return start, end


def _entry(data: bytes, at: int, stop: int) -> Entry:
    start, at = _inside(data, at, stop, _OCTETS)
    dn = data[start:at].decode("utf-8", "replace")
    at, end = _inside(data, at, stop, _SEQUENCE)
    if end != stop:
        raise Malformed("an entry with more than its attributes")
    attributes: dict[str, tuple[bytes, ...]] = {}
    while at < end:
        inner, following = _inside(data, at, end, _SEQUENCE)
        start, inner = _inside(data, inner, following, _OCTETS)
        name = data[start:inner]
        inner, last = _inside(data, inner, following, 0x31)
        if last != following:
            raise Malformed("an attribute with more than its values")
        values: list[bytes] = []
        while inner < last:
            start, inner = _inside(data, inner, last, _OCTETS)
            values.append(data[start:inner])
        attributes[_names.get(name) or _name(name)] = tuple(values)
        at = following
    return Entry(dn=dn, attributes=attributes)


def _name(sent: bytes) -> str:
    name = sent.decode("ascii", "replace").lower()
    if len(_names) < _SPELLINGS:
        _names[sent] = name
    return name


def _result(data: bytes, at: int, stop: int) -> Result:
    start, at = _inside(data, at, stop, 0x0A)
    code = int.from_bytes(data[start:at], "big", signed=True)
    _, at = _inside(data, at, stop, _OCTETS)
    start, at = _inside(data, at, stop, _OCTETS)
    return Result(code=code, text=data[start:at].decode("utf-8", "replace"))


def _controls(data: bytes, at: int, stop: int) -> dict[bytes, bytes]:
    controls: dict[bytes, bytes] = {}
    if at == stop:
        return controls
    at, end = _inside(data, at, stop, _CONTROLS)
    while at < end:
        inner, following = _inside(data, at, end, _SEQUENCE)
        start, inner = _inside(data, inner, following, _OCTETS)
        oid = data[start:inner]
        if inner < following and data[inner] == _BOOLEAN:
            _, inner = _inside(data, inner, following, _BOOLEAN)
        value = b""
        if inner < following:
            start, inner = _inside(data, inner, following, _OCTETS)
            value = data[start:inner]
        controls[oid] = value
        at = following
    return controls
