# SPDX-License-Identifier: Apache-2.0
"""Between the model's messages and the texts that mail clients read.

Spec: RFC 5322 (message format). The work is the standard library's.
"""

from __future__ import annotations

import email.policy
import email.utils
import quopri
import re
from datetime import UTC, datetime
from email.header import Header
from email.message import EmailMessage
from email.parser import BytesParser
from functools import lru_cache
from typing import Final

from msgspec import Struct

from evict.lab.model.mailbox import Message

_READING: Final = email.policy.default
_END: Final = "\r\n"
_TROUBLE: Final = (AssertionError, AttributeError, LookupError, TypeError, ValueError)
"""Quirk: Python 3.11 raises all of these for headers and parts that are none."""


class HandedIn(Struct, frozen=True, kw_only=True):
    """What the model keeps of a mail that a client hands in: attachments are dropped."""

    sender: str
    to: tuple[str, ...]
    subject: str
    body: str


@lru_cache(maxsize=512)
def octets(message: Message) -> bytes:
    """The whole message, lines ending in CR LF.

    Composed by hand: the standard library's address headers raise for what is no address.
    """
    lines = _lines(message.body)
    plain = all(len(line) < 900 and line.isascii() and "\0" not in line for line in lines)
    subject = Header(_line(message.subject), header_name="Subject", maxlinelen=76)
    head = (
        f"From: {_address_text(message.sender)}",
        "To: " + ",\r\n ".join(map(_address_text, message.to or ("undisclosed",))),
        f"Subject: {subject.encode(linesep=_END)}",
        f"Date: {email.utils.format_datetime(datetime.fromtimestamp(int(message.received), UTC))}",
        f"Message-ID: <{message.id}@{_domain(message.sender)}>",
        "MIME-Version: 1.0",
        'Content-Type: text/plain; charset="utf-8"',
        f"Content-Transfer-Encoding: {'7bit' if plain else 'quoted-printable'}",
        "",
        "",
    )
    body = "\n".join(lines).encode()
    if not plain:
        body = quopri.encodestring(body)
    return _END.join(head).encode("ascii") + body.rstrip(b"\n").replace(b"\n", b"\r\n") + b"\r\n"


def _lines(body: str) -> list[str]:
    return re.split(r"\r\n|\r|\n", _clean(body))


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _line(text: str) -> str:
    """A header cannot hold the end of a line, whoever wrote it."""
    return " ".join("".join(c if c.isprintable() else " " for c in _clean(text)).split())


def _address_text(address: str) -> str:
    """What cannot stand in an address (RFC 5322 section 3.4.1) is shown as `_`."""
    bare = _address(address) or address
    return re.sub(r"[^A-Za-z0-9.!#$%&'*+/=?^_`{|}~@-]", "_", bare) or "nobody"


def _domain(address: str) -> str:
    domain = address.rpartition("@")[2]
    return domain if re.fullmatch(r"[A-Za-z0-9.-]{1,253}", domain) else "localhost"


def parse(content: bytes) -> HandedIn:
    """Read what a client handed in, whatever it is."""
    mail = BytesParser(policy=_READING).parsebytes(content)
    if not isinstance(mail, EmailMessage):
        raise TypeError("the policy makes such messages")
    return HandedIn(
        sender=_address(_header(mail, "From")),
        to=tuple(a for _, a in email.utils.getaddresses([_header(mail, "To")]) if a),
        subject=_line(_header(mail, "Subject")),
        body=_body(mail),
    )


def _header(mail: EmailMessage, name: str) -> str:
    try:
        return str(mail.get(name, ""))
    except _TROUBLE:
        return ""


def _body(mail: EmailMessage) -> str:
    """The text, or the page where there is only that."""
    try:
        part = mail.get_body(("plain", "html"))
        content = "" if part is None else part.get_content()
    except _TROUBLE:
        return ""
    return "\n".join(_lines(content)) if isinstance(content, str) else ""


def _address(header: str) -> str:
    return email.utils.parseaddr(header)[1]


def header_of(content: bytes) -> bytes:
    """Up to and with the empty line."""
    return content.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"


def text_of(content: bytes) -> bytes:
    return content.partition(b"\r\n\r\n")[2]


def fields_of(content: bytes) -> list[tuple[str, bytes]]:
    """Header fields in order: name in lower case, and the whole field with its line end."""
    fields: list[tuple[str, bytes]] = []
    for line in content.partition(b"\r\n\r\n")[0].split(b"\r\n"):
        if line[:1] in (b" ", b"\t") and fields:
            name, field = fields[-1]
            fields[-1] = (name, field + line + b"\r\n")
        else:
            fields.append(
                (line.partition(b":")[0].decode("ascii", "replace").lower(), line + b"\r\n")
            )
    return fields


def field(content: bytes, name: str) -> str:
    """The text of the first such header field, as it is on the wire, unfolded."""
    wanted = name.lower()
    for held, raw in fields_of(content):
        if held == wanted:
            value = raw.partition(b":")[2].replace(b"\r\n", b"").strip()
            return value.decode("utf-8", "replace")
    return ""
