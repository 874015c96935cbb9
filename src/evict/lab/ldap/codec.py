# SPDX-License-Identifier: Apache-2.0
"""LDAP messages as a server reads and writes them, over anyldap's BER codec. No I/O.

Spec: RFC 4511 sections 4 and 5.1 (definite lengths only).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from anyldap.protocols import pureber, pureldap

MAX_MESSAGE: Final = 64 * 1024
"""Octets of one request; Active Directory takes 10 MiB (MaxReceiveBuffer), no client sends it."""
_MAX_DEPTH: Final = 64
_MAX_ELEMENTS: Final = 8192
_MAX_NUMBER: Final = 8
_NUMBERS: Final = frozenset({0x01, 0x02, 0x0A})
_STRUCTURED: Final = 0x20
_ALWAYS_STRUCTURED: Final = frozenset({0x10, 0x11})

Message = pureldap.LDAPMessage


class Malformed(ValueError):
    """The client sent what is no LDAP message."""


class _Unknown(pureber.BERBase):
    """An element that the codec does not know: passed over (RFC 4511 section 4)."""

    @classmethod
    def fromBER(cls, *_: object, **__: object) -> Any:  # noqa: N802 - the codec's protocol
        return None


class _Quiet(pureber.BERDecoderContext):
    """Quirk: anyldap 0.2.0 prints what it does not know to standard output."""

    def lookup_id(self, tag: int) -> type[pureber.BERDecodable]:
        return self.Identities.get(tag, _Unknown)


class _Controls(pureldap.LDAPControls):
    """Quirk: anyldap 0.2.0 decodes these in a context of its own that prints."""

    @classmethod
    def fromBER(  # noqa: N802 - the codec's protocol
        cls,
        tag: int,
        content: bytes,
        berdecoder: pureber.BERDecoderContext | None = None,
    ) -> _Controls:
        context = pureldap.LDAPBERDecoderContext_LDAPControls(fallback=_Quiet(), inherit=berdecoder)
        return cls(pureber.berDecodeMultiple(content, context), tag=tag)


class _InMessage(pureldap.LDAPBERDecoderContext_LDAPMessage):
    Identities = {  # noqa: RUF012 - as the codec declares it
        **pureldap.LDAPBERDecoderContext_LDAPMessage.Identities,
        pureldap.LDAPControls.tag: _Controls,
    }


_DECODER: Final = pureldap.LDAPBERDecoderContext_TopLevel(
    inherit=_InMessage(
        fallback=pureldap.LDAPBERDecoderContext(fallback=_Quiet()),
        inherit=pureldap.LDAPBERDecoderContext(fallback=_Quiet()),
    )
)
_TROUBLE: Final = (
    AssertionError,
    AttributeError,
    LookupError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
    pureber.BERExceptionInsufficientData,
)


def decode(frame: bytes) -> Message:
    """One whole message. Raises `Malformed`, whatever the codec trips over."""
    check_shape(frame)
    try:
        message, _ = pureber.berDecodeObject(_DECODER, frame)
    except _TROUBLE as error:
        raise Malformed(f"no LDAP message ({type(error).__name__})") from error
    if not isinstance(message, Message):
        raise Malformed("no LDAP message")
    return message


def encode(message_id: int, answer: pureber.BERBase, controls: Sequence[Control] = ()) -> bytes:
    """One answer."""
    return Message(answer, controls=list(controls) or None, id=message_id).toWire()


Control = tuple[bytes, int | None, bytes | None]


def controls_of(message: Message) -> list[Control]:
    """Type, criticality and value of each control that came along."""
    return [
        (octets(oid), int(critical or 0), None if value is None else octets(value))
        for oid, critical, value in message.controls or ()
    ]


def check_shape(frame: bytes) -> None:
    """Look at the elements before the codec does, which copies as deep and as long as it is told.

    Raises `Malformed` for too deep, too many, a number that is too long, or what is cut off.
    """
    count = 0
    stack = [(0, len(frame), 0)]
    while stack:
        position, end, depth = stack.pop()
        while position < end:
            count += 1
            if count > _MAX_ELEMENTS or depth > _MAX_DEPTH:
                raise Malformed("too many elements")
            tag = frame[position]
            start, size = _length(frame, position + 1, end)
            if start + size > end:
                raise Malformed("an element that is cut off")
            if tag in _NUMBERS and size > _MAX_NUMBER:
                raise Malformed("a number that is too long")
            if tag in _ALWAYS_STRUCTURED:
                raise Malformed("a sequence that says it is none")
            if tag & _STRUCTURED:
                stack.append((start, start + size, depth + 1))
            position = start + size


def _length(frame: bytes, position: int, end: int) -> tuple[int, int]:
    """Where the content begins, and its size."""
    if position >= end:
        raise Malformed("an element without a length")
    first = frame[position]
    if first < 0x80:
        return position + 1, first
    width = first & 0x7F
    if not 1 <= width <= 4 or position + 1 + width > end:
        raise Malformed("a length that is none")
    return position + 1 + width, int.from_bytes(frame[position + 1 : position + 1 + width], "big")


def octets(value: object) -> bytes:
    """The codec keeps some strings as text and some as octets."""
    return value if isinstance(value, bytes) else str(value).encode()


def text(value: object) -> str:
    """A name or text from the wire. Raises `Malformed` where it is no UTF-8."""
    try:
        return octets(value).decode()
    except UnicodeDecodeError as error:
        raise Malformed("text that is no UTF-8") from error


def page_request(value: bytes) -> tuple[int, bytes]:
    """Size and cookie of a paged-results control (RFC 2696 section 2). Raises `Malformed`."""
    size, cookie = fields_of(value, 2)
    if not isinstance(size, pureber.BERInteger) or not isinstance(cookie, pureber.BEROctetString):
        raise Malformed("no paged results control")
    return size.value, octets(cookie.value)


def fields_of(value: bytes, count: int) -> list[pureber.BERBase]:
    """The fields of a control's value. Raises `Malformed`."""
    check_shape(value)
    try:
        fields, _ = pureber.berDecodeObject(_Quiet(), value)
    except _TROUBLE as error:
        raise Malformed("no value of this control") from error
    if not isinstance(fields, pureber.BERSequence) or len(fields) != count:
        raise Malformed("no value of this control")
    return list(fields)


def page_answer(cookie: bytes) -> bytes:
    """The control's value in an answer; the server need not say how many there are."""
    return pureber.BERSequence([pureber.BERInteger(0), pureber.BEROctetString(cookie)]).toWire()
