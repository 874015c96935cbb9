# SPDX-License-Identifier: Apache-2.0
"""LDAP messages as values, over anyldap's BER codec: what any LDAPv3 server understands. No I/O.

Spec: RFC 4511 (LDAPv3), RFC 2696 (paged results), RFC 3062 (password modify).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from anyldap.protocols import pureber, pureldap
from msgspec import Struct

from evict.systems.ldap.filters import Filter

MAX_MESSAGE: Final = 32 * 1024 * 1024
"""Octets of one answer: slapd packs the members of a large group into one entry."""

PAGED_RESULTS: Final = b"1.2.840.113556.1.4.319"
START_TLS: Final = b"1.3.6.1.4.1.1466.20037"

BASE: Final = 0
SUBTREE: Final = 2

SUCCESS: Final = 0
SIZE_LIMIT_EXCEEDED: Final = 4
REFERRAL: Final = 10
NO_SUCH_ATTRIBUTE: Final = 16
UNDEFINED_TYPE: Final = 17
CONSTRAINT_VIOLATION: Final = 19
VALUE_EXISTS: Final = 20
NO_SUCH_OBJECT: Final = 32
INVALID_CREDENTIALS: Final = 49
INSUFFICIENT_ACCESS_RIGHTS: Final = 50
BUSY: Final = 51
UNAVAILABLE: Final = 52
UNWILLING_TO_PERFORM: Final = 53
REFRESH_REQUIRED: Final = 4096
"""e-syncRefreshRequired (RFC 4533 section 2.6)."""

ADD: Final = 0
DELETE: Final = 1
REPLACE: Final = 2

Control = tuple[bytes, int, bytes | None]


class _Unknown(pureber.BERBase):
    """An element that this codec does not know: passed over (RFC 4511 section 4)."""

    @classmethod
    def fromBER(cls, *_: object, **__: object) -> Any:  # noqa: N802 - the codec's protocol
        return None


class _Plain(pureber.BERDecoderContext):
    """Quirk: anyldap 0.2.0 prints what it does not know to standard output, among our data."""

    def lookup_id(self, tag: int) -> type[pureber.BERDecodable]:
        return self.Identities.get(tag, _Unknown)


_DECODER: Final = pureldap.LDAPBERDecoderContext_TopLevel(
    inherit=pureldap.LDAPBERDecoderContext_LDAPMessage(
        fallback=pureldap.LDAPBERDecoderContext(fallback=_Plain()),
        inherit=pureldap.LDAPBERDecoderContext(fallback=_Plain()),
    )
)


class Malformed(ValueError):
    """The peer sent what is no LDAP message; the text says what, without its content."""


class Result(Struct, frozen=True, kw_only=True):
    """Result code and the server's own diagnostic text (RFC 4511 section 4.1.9)."""

    code: int
    text: str = ""

    @property
    def said(self) -> str:
        return f"result {self.code}, {self.text.strip() or 'no reason given'}"


class Entry(Struct, frozen=True, kw_only=True):
    """One entry as found; attribute names in lower case."""

    dn: str
    attributes: dict[str, tuple[bytes, ...]]

    def texts(self, name: str) -> tuple[str, ...]:
        return tuple(v.decode("utf-8", "replace") for v in self.attributes.get(name.lower(), ()))

    def text(self, name: str, default: str = "") -> str:
        return next(iter(self.texts(name)), default)

    def raw(self, name: str) -> bytes:
        return next(iter(self.attributes.get(name.lower(), ())), b"")

    def number(self, name: str) -> int:
        """0 where it is not there; raises `Malformed` where it is no number."""
        value = self.text(name, "0")
        try:
            return int(value)
        except ValueError as error:
            raise Malformed(f"{name} is no number") from error


class Change(Struct, frozen=True, kw_only=True):
    """One part of a modify: `kind` is ADD, DELETE or REPLACE (RFC 4511 section 4.6)."""

    kind: int
    attribute: str
    values: tuple[bytes, ...] = ()


def search_request(
    base: str, scope: int, what: Filter, attributes: Sequence[str], *, limit: int = 0
) -> pureldap.LDAPSearchRequest:
    return pureldap.LDAPSearchRequest(
        baseObject=base, scope=scope, sizeLimit=limit, filter=what, attributes=list(attributes)
    )


def modify_request(dn: str, changes: Sequence[Change]) -> pureldap.LDAPModifyRequest:
    parts = [
        pureber.BERSequence(
            [
                pureber.BEREnumerated(change.kind),
                pureber.BERSequence(
                    [
                        pureldap.LDAPAttributeDescription(change.attribute),
                        pureber.BERSet([pureldap.LDAPAttributeValue(v) for v in change.values]),
                    ]
                ),
            ]
        )
        for change in changes
    ]
    return pureldap.LDAPModifyRequest(object=dn, modification=parts)


def password_request(dn: str, password: str) -> pureldap.LDAPPasswordModifyRequest:
    """Let the server hash it (RFC 3062 section 2)."""
    return pureldap.LDAPPasswordModifyRequest(userIdentity=dn, newPasswd=password)


def start_tls_request() -> pureldap.LDAPExtendedRequest:
    return pureldap.LDAPExtendedRequest(requestName=START_TLS)


def paged(size: int, cookie: bytes) -> Control:
    value = pureber.BERSequence([pureber.BERInteger(size), pureber.BEROctetString(cookie)])
    return (PAGED_RESULTS, 1, value.toWire())


def control_of(message: pureldap.LDAPMessage, oid: bytes) -> bytes | None:
    """The value of a control that came with it; None where there is none."""
    for name, _, value in message.controls or ():
        if _bytes(name) == oid:
            return b"" if value is None else _bytes(value)
    return None


def cookie_of(message: pureldap.LDAPMessage) -> bytes:
    """The paged-results cookie of a search's last message; empty after the last page."""
    value = control_of(message, PAGED_RESULTS)
    return cookie_in(value) if value else b""


def cookie_in(value: bytes) -> bytes:
    """The cookie of a paged-results control (RFC 2696 section 2)."""
    pair, _ = pureber.berDecodeObject(_Plain(), value)
    if isinstance(pair, pureber.BERSequence) and len(pair) == 2:
        cookie = pair[1]
        if isinstance(cookie, pureber.BEROctetString):
            return _bytes(cookie.value)
    return b""


def decode(frame: bytes) -> pureldap.LDAPMessage:
    """Decode one whole message. Raises `Malformed`, whatever the codec trips over."""
    try:
        message, _ = pureber.berDecodeObject(_DECODER, frame)
    except (
        AssertionError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
        pureber.BERExceptionInsufficientData,
    ) as error:
        raise Malformed(f"no LDAP message ({type(error).__name__})") from error
    if not isinstance(message, pureldap.LDAPMessage):
        raise Malformed("no LDAP message")
    return message


def result_of(answer: pureldap.LDAPResult) -> Result:
    return Result(
        code=answer.resultCode, text=_bytes(answer.errorMessage).decode("utf-8", "replace")
    )


def entry_of(answer: pureldap.LDAPSearchResultEntry) -> Entry:
    return Entry(
        dn=_bytes(answer.objectName).decode("utf-8", "replace"),
        attributes={
            _bytes(name).decode("ascii", "replace").lower(): tuple(_bytes(v) for v in values)
            for name, values in answer.attributes
        },
    )


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value
