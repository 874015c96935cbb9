# SPDX-License-Identifier: Apache-2.0
"""What FETCH gives of a message. No I/O.

Spec: RFC 3501 sections 6.4.5 (FETCH) and 7.4.2 (its data).
"""

from __future__ import annotations

import calendar
import email.utils
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Final

from msgspec import Struct

from evict.lab.mail import rendering
from evict.lab.mail.imap_syntax import BadCommand, Token, listed, literal, quote
from evict.lab.model.mailbox import Message

_MACROS: Final = {
    "ALL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE"),
    "FAST": ("FLAGS", "INTERNALDATE", "RFC822.SIZE"),
    "FULL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY"),
}
_BODY: Final = re.compile(
    r"BODY(\.PEEK)?\[([^\]]*)\](?:<(\d{1,10})\.(\d{1,10})>)?\Z", re.IGNORECASE
)
_FIELDS: Final = re.compile(r"HEADER\.FIELDS(\.NOT)? \(([^()]*)\)\Z", re.IGNORECASE)
_ADDRESSES: Final = ("From", "Sender", "Reply-To", "To", "Cc", "Bcc")


class Item(Struct, frozen=True, kw_only=True):
    """One thing to give; `seen`: giving it marks the message as read."""

    name: bytes
    give: Callable[[Given], bytes]
    seen: bool = False


class Given(Struct, frozen=True, kw_only=True):
    """A message as a client sees it."""

    uid: int
    message: Message
    flags: frozenset[str]

    @property
    def octets(self) -> bytes:
        return rendering.octets(self.message)


def items_of(token: Token, *, uid: bool) -> list[Item]:
    """What is asked for. Raises `BadCommand`."""
    asked = token if isinstance(token, list) else [token]
    names: list[str] = []
    for name in asked:
        if not isinstance(name, str):
            raise BadCommand("no item to fetch")
        macro = _MACROS.get(name.upper()) if not isinstance(token, list) else None
        names += macro or (name,)
    if uid and "UID" not in (name.upper() for name in names):
        names.insert(0, "UID")
    return [_item(name) for name in names]


def fetch(given: Given, items: list[Item]) -> bytes:
    """The parenthesised data of one message."""
    return listed(item.name + b" " + item.give(given) for item in items)


def flags_text(flags: frozenset[str]) -> bytes:
    return listed(flag.encode() for flag in sorted(flags))


def _item(name: str) -> Item:
    upper = name.upper()
    simple = _SIMPLE.get(upper)
    if simple is not None:
        seen = upper in ("RFC822", "RFC822.TEXT")
        return Item(name=upper.encode(), give=simple, seen=seen)
    match = _BODY.match(name)
    if match is None:
        raise BadCommand("no item to fetch")
    section = match[2].upper()
    give = _section(section)
    shown = f"BODY[{section}]"
    if match[3] is not None:
        first, count = int(match[3]), int(match[4])
        shown += f"<{first}>"
        give = partial(_part, give=give, first=first, count=count)
    return Item(name=shown.encode(), give=lambda given: literal(give(given)), seen=match[1] is None)


def _part(given: Given, *, give: Callable[[Given], bytes], first: int, count: int) -> bytes:
    return give(given)[first : first + count]


def _section(section: str) -> Callable[[Given], bytes]:
    fields = _FIELDS.match(section)
    if fields is not None:
        wanted = frozenset(name.strip('"').lower() for name in fields[2].split())
        return partial(_some_fields, wanted=wanted, others=fields[1] is not None)
    known: dict[str, Callable[[Given], bytes]] = {
        "": lambda given: given.octets,
        "HEADER": lambda given: rendering.header_of(given.octets),
        "TEXT": lambda given: rendering.text_of(given.octets),
        "1": lambda given: rendering.text_of(given.octets),
        "1.MIME": lambda given: _some_fields(given, wanted=_MIME, others=False),
    }
    if section in known:
        return known[section]
    if re.fullmatch(r"\d{1,5}(\.(\d{1,5}|MIME|HEADER|TEXT))*", section):
        return lambda _: b""  # a part that is not there
    raise BadCommand("no section of a message")


_MIME: Final = frozenset({"content-type", "content-transfer-encoding"})


def _some_fields(given: Given, *, wanted: frozenset[str], others: bool) -> bytes:
    chosen = (raw for name, raw in rendering.fields_of(given.octets) if (name in wanted) != others)
    return b"".join(chosen) + b"\r\n"


def _internal_date(given: Given) -> bytes:
    at = datetime.fromtimestamp(given.message.received, UTC)
    month = calendar.month_abbr[at.month]
    return quote(f"{at.day:2d}-{month}-{at:%Y %H:%M:%S} +0000")


def _envelope(given: Given) -> bytes:
    content = given.octets
    addresses = {name: _address_list(rendering.field(content, name)) for name in _ADDRESSES}
    for name in ("Sender", "Reply-To"):
        # RFC 3501 section 7.4.2: where it is not there, it is the sender.
        if addresses[name] == b"NIL":
            addresses[name] = addresses["From"]
    ends = (_nstring(rendering.field(content, name)) for name in ("In-Reply-To", "Message-ID"))
    begins = (_nstring(rendering.field(content, name)) for name in ("Date", "Subject"))
    return listed((*begins, *(addresses[name] for name in _ADDRESSES), *ends))


def _address_list(header: str) -> bytes:
    parsed = [(name, address) for name, address in email.utils.getaddresses([header]) if address]
    return b"(" + b"".join(_address(*pair) for pair in parsed) + b")" if parsed else b"NIL"


def _address(name: str, address: str) -> bytes:
    local, at, domain = address.rpartition("@")
    parts = (name, "", local if at else address, domain if at else "")
    return listed(_nstring(part) for part in parts)


def _nstring(text: str) -> bytes:
    return quote(text) if text else b"NIL"


def _structure(given: Given) -> bytes:
    """Every message here is one text."""
    content = given.octets
    text = rendering.text_of(content)
    encoding = rendering.field(content, "Content-Transfer-Encoding") or "7bit"
    charset = quote("utf-8")
    lines = text.count(b"\r\n")
    return (
        b'("TEXT" "PLAIN" ("CHARSET" '
        + charset
        + b") NIL NIL "
        + quote(encoding.upper())
        + b" %d %d)" % (len(text), lines)
    )


_SIMPLE: Final[dict[str, Callable[[Given], bytes]]] = {
    "UID": lambda given: b"%d" % given.uid,
    "FLAGS": lambda given: flags_text(given.flags),
    "INTERNALDATE": _internal_date,
    "RFC822.SIZE": lambda given: b"%d" % len(given.octets),
    "RFC822": lambda given: literal(given.octets),
    "RFC822.HEADER": lambda given: literal(rendering.header_of(given.octets)),
    "RFC822.TEXT": lambda given: literal(rendering.text_of(given.octets)),
    "ENVELOPE": _envelope,
    "BODY": _structure,
    "BODYSTRUCTURE": _structure,
}
