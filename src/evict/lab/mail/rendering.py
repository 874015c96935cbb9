# SPDX-License-Identifier: Apache-2.0
"""Between the model's messages and the texts that mail clients read.

Spec: RFC 5322 (message format). The work is the standard library's.
"""

from __future__ import annotations

import email.policy
import email.utils
import re
from datetime import UTC, datetime
from email.message import EmailMessage, MIMEPart
from email.parser import BytesParser
from functools import lru_cache
from typing import Final

from msgspec import Struct

from evict.lab.model.mailbox import Message

_POLICY: Final = email.policy.SMTP
_READING: Final = email.policy.default


class HandedIn(Struct, frozen=True, kw_only=True):
    """What the model keeps of a mail that a client hands in: attachments are dropped."""

    sender: str
    to: tuple[str, ...]
    subject: str
    body: str


@lru_cache(maxsize=512)
def octets(message: Message) -> bytes:
    """The whole message, lines ending in CR LF."""
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = _addresses((message.sender,))
    mail["To"] = _addresses(message.to)
    mail["Subject"] = _line(message.subject)
    mail["Date"] = datetime.fromtimestamp(int(message.received), UTC)
    mail["Message-ID"] = f"<{message.id}@{_domain(message.sender)}>"
    mail.set_content(_clean(message.body), cte=_encoding(message.body))
    return mail.as_bytes()


def _encoding(body: str) -> str:
    plain = body.isascii() and all(len(line) < 900 for line in body.splitlines())
    return "7bit" if plain and "\0" not in body else "quoted-printable"


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _line(text: str) -> str:
    """A header cannot hold the end of a line, whoever wrote it."""
    return " ".join("".join(c if c.isprintable() else " " for c in _clean(text)).split())


def _domain(address: str) -> str:
    domain = address.rpartition("@")[2]
    return domain if re.fullmatch(r"[A-Za-z0-9.-]{1,253}", domain) else "localhost"


def _addresses(addresses: tuple[str, ...]) -> str:
    """Only ASCII can stand in an address that any client reads (RFC 5322 section 3.4.1)."""
    return _line(", ".join(addresses).encode("ascii", "replace").decode())


def parse(content: bytes) -> HandedIn:
    """Read what a client handed in, whatever it is."""
    mail = BytesParser(policy=_READING).parsebytes(content)
    body = mail.get_body(("plain", "html")) if isinstance(mail, EmailMessage) else None
    return HandedIn(
        sender=_address(_header(mail, "From")),
        to=tuple(a for _, a in email.utils.getaddresses([_header(mail, "To")]) if a),
        subject=_line(_header(mail, "Subject")),
        body=_text(body),
    )


def _header(mail: EmailMessage, name: str) -> str:
    """Quirk: Python 3.11 raises of many kinds for headers that are none."""
    try:
        return str(mail.get(name, ""))
    except (AttributeError, IndexError, LookupError, TypeError, ValueError):
        return ""


def _text(part: MIMEPart | None) -> str:
    if part is None:
        return ""
    try:
        content = part.get_content()
    except (AssertionError, AttributeError, LookupError, TypeError, ValueError):
        content = part.get_payload(decode=True)
    if isinstance(content, bytes):
        return content.decode("utf-8", "replace")
    return content.replace("\r\n", "\n") if isinstance(content, str) else ""


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
