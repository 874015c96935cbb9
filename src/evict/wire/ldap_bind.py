# SPDX-License-Identifier: Apache-2.0
"""The simple bind of LDAP and the StartTLS before it, both ends, without I/O, strict in reading.

Spec: RFC 4511 sections 4.1.1 (message; an id may be used again once it was answered), 4.2 (bind),
4.1.9 (result), 4.4.1 (notice of disconnection), 4.14 (StartTLS), 5.1 (BER: definite lengths only).
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from evict.core.errors import RemoteProtocolError
from evict.wire.reply import readable

MAX_MESSAGE: Final = 64 * 1024
"""Octets of one message; an answer to a bind has some hundred."""

SUCCESS: Final = 0
INVALID_CREDENTIALS: Final = 49
DISCONNECTION: Final = -1
"""In place of a result code: the server says that it ends the connection."""

_SEQUENCE, _INTEGER, _OCTETS, _ENUMERATED = 0x30, 0x02, 0x04, 0x0A
_BIND_REQUEST, _BIND_RESPONSE, _UNBIND, _SIMPLE = 0x60, 0x61, 0x42, 0x80
_EXTENDED_REQUEST, _EXTENDED_RESPONSE, _REQUEST_NAME, _RESPONSE_NAME = 0x77, 0x78, 0x80, 0x8A
_UNAVAILABLE: Final = 52
_STARTTLS: Final = b"1.3.6.1.4.1.1466.20037"


class BindResult(Struct, frozen=True, kw_only=True):
    """Result code (or `DISCONNECTION`) and diagnostic message of a server."""

    code: int
    text: str = ""


class BindRequest(Struct, frozen=True, kw_only=True):
    """A simple bind as a server reads it."""

    message_id: int
    name: str
    password: str


class Messages:
    """Cuts a byte stream into LDAP messages (the content of the outer sequence)."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        self._buffer += data

    @property
    def pending(self) -> bool:
        """Whether more came than the messages that were taken out."""
        return bool(self._buffer)

    def next_message(self) -> bytes | None:
        """One message's content, or None until it is whole. Raises `RemoteProtocolError`."""
        if self._buffer and self._buffer[0] != _SEQUENCE:
            raise _broken("no LDAP message")
        header = _length(bytes(self._buffer[1:6])) if len(self._buffer) > 1 else None
        if header is None:
            return None
        length, width = header
        if length > MAX_MESSAGE:
            raise _broken("a message that is too long")
        end = 1 + width + length
        if len(self._buffer) < end:
            return None
        content = bytes(self._buffer[1 + width : end])
        del self._buffer[:end]
        return content


def parse_result(content: bytes) -> BindResult:
    """The answer to the bind with message id 1, or a notice of disconnection (id 0).

    Raises:
        RemoteProtocolError: anything else.
    """
    return _result(content, _BIND_RESPONSE, "a bind")


def parse_starttls_result(content: bytes) -> BindResult:
    """The answer to the StartTLS with message id 1, or a notice of disconnection (id 0).

    Raises:
        RemoteProtocolError: anything else.
    """
    return _result(content, _EXTENDED_RESPONSE, "StartTLS")


def _result(content: bytes, wanted: int, what: str) -> BindResult:
    message_id, operation = _elements(content, 2)[:2]
    number = _number(message_id)
    kind, body = operation
    if (number, kind) not in {(1, wanted), (0, _EXTENDED_RESPONSE)}:
        raise _broken(f"something else than the answer to {what}")
    code, _, text = _elements(body, 3)[:3]
    if code[0] != _ENUMERATED or text[0] != _OCTETS:
        raise _broken("a malformed result")
    result = int.from_bytes(code[1], "big") if number else DISCONNECTION
    return BindResult(code=result, text=readable(text[1].rstrip(b"\0")))


def bind_request(name: str, password: str) -> bytes:
    """Message 1: a simple bind, LDAP version 3."""
    body = _tlv(_INTEGER, b"\x03") + _tlv(_OCTETS, name.encode())
    return _message(1, _tlv(_BIND_REQUEST, body + _tlv(_SIMPLE, password.encode())))


def starttls_request() -> bytes:
    """Message 1: the extended request that begins TLS."""
    return _message(1, _tlv(_EXTENDED_REQUEST, _tlv(_REQUEST_NAME, _STARTTLS)))


def unbind_request() -> bytes:
    """Message 2: the polite end; it has no answer."""
    return _message(2, _tlv(_UNBIND, b""))


def asks_for_tls(content: bytes) -> bool:
    """For servers: whether it is a StartTLS. Raises `RemoteProtocolError` where it is no LDAP."""
    _, (kind, body) = _elements(content, 2)[:2]
    return kind == _EXTENDED_REQUEST and _elements(body, 1)[0] == (_REQUEST_NAME, _STARTTLS)


def parse_request(content: bytes) -> BindRequest:
    """For servers. Raises `RemoteProtocolError` where it is no simple bind."""
    message_id, (kind, body) = _elements(content, 2)[:2]
    if kind != _BIND_REQUEST:
        raise _broken("no bind")
    _, name, password = _elements(body, 3)[:3]
    if password[0] != _SIMPLE:
        raise _broken("no simple bind")
    return BindRequest(
        message_id=_number(message_id), name=readable(name[1]), password=readable(password[1])
    )


def bind_response(code: int, text: str = "", *, message_id: int = 1) -> bytes:
    """A server's answer."""
    return _message(message_id, _tlv(_BIND_RESPONSE, _written(code, text)))


def starttls_response(code: int, text: str = "") -> bytes:
    """A server's answer to StartTLS."""
    name = _tlv(_RESPONSE_NAME, _STARTTLS)
    return _message(1, _tlv(_EXTENDED_RESPONSE, _written(code, text) + name))


def disconnection(text: str = "") -> bytes:
    """A server's notice of disconnection, result `unavailable` (52)."""
    name = _tlv(_RESPONSE_NAME, b"1.3.6.1.4.1.1466.20036")
    return _message(0, _tlv(_EXTENDED_RESPONSE, _written(_UNAVAILABLE, text) + name))


def _written(code: int, text: str) -> bytes:
    """A result with its parts that are always there (RFC 4511 section 4.1.9)."""
    return _tlv(_ENUMERATED, bytes([code])) + _tlv(_OCTETS, b"") + _tlv(_OCTETS, text.encode())


def _message(message_id: int, operation: bytes) -> bytes:
    return _tlv(_SEQUENCE, _tlv(_INTEGER, bytes([message_id])) + operation)


def _tlv(tag: int, value: bytes) -> bytes:
    if len(value) < 0x80:
        return bytes([tag, len(value)]) + value
    width = (len(value).bit_length() + 7) // 8
    return bytes([tag, 0x80 | width]) + len(value).to_bytes(width, "big") + value


def _length(octets: bytes) -> tuple[int, int] | None:
    """Length and how many octets say it; None where more are needed.

    Samba and Windows write four octets of length whatever it is.
    """
    if not octets:
        return None
    first = octets[0]
    if first < 0x80:
        return first, 1
    width = first & 0x7F
    if not 1 <= width <= 4:
        raise _broken("a length that is none")
    if len(octets) < 1 + width:
        return None
    return int.from_bytes(octets[1 : 1 + width], "big"), 1 + width


def _elements(content: bytes, at_least: int) -> list[tuple[int, bytes]]:
    """Tags and values of a constructed value."""
    elements, position = [], 0
    while position < len(content):
        header = _length(content[position + 1 : position + 6])
        if header is None:
            raise _broken("an element without a length")
        start = position + 1 + header[1]
        if start + header[0] > len(content):
            raise _broken("an element that is cut off")
        elements.append((content[position], content[start : start + header[0]]))
        position = start + header[0]
    if len(elements) < at_least:
        raise _broken("too few elements")
    return elements


def _number(element: tuple[int, bytes]) -> int:
    if element[0] != _INTEGER or not 1 <= len(element[1]) <= 4:
        raise _broken("a number that is none")
    return int.from_bytes(element[1], "big", signed=True)


def _broken(what: str) -> RemoteProtocolError:
    return RemoteProtocolError(f"the peer sent {what}", system="ldap")
