# SPDX-License-Identifier: Apache-2.0
"""A notice as a mail and as a webhook's body. Nothing that comes from outside becomes a header."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr, parseaddr
from typing import Final

import msgspec

from evict.control.notices.news import NewsKind
from evict.control.notices.notice import Notice

_LONGEST_SUBJECT: Final = 200
_MOST_LINES: Final = 200
_LONGEST_LINE: Final = 1000
_WORDS: Final = {
    NewsKind.DONE: "done",
    NewsKind.HELD: "held",
    NewsKind.OVERDUE: "open past its promise",
    NewsKind.REOPENED: "opened again",
    NewsKind.ALARM: "alarm",
}


def mail(notice: Notice, *, sender: str, recipients: Iterable[str], host: str) -> bytes:
    """The whole message, ready for DATA but for its dots.

    Names and subjects that are not ASCII become encoded words (RFC 2047), so that every server
    takes them. Auto-Submitted keeps others' answering machines quiet (RFC 3834 section 5).
    """
    message = EmailMessage(policy=SMTP.clone(max_line_length=78))
    name, address = parseaddr(sender)
    message["From"] = formataddr((one_line(name), address))
    message["To"] = ", ".join(recipients)
    message["Subject"] = subject(notice)
    message["Date"] = format_datetime(notice.at)
    message["Message-ID"] = f"<{notice.id}@{host}>"
    message["Auto-Submitted"] = "auto-generated"
    message["Precedence"] = "bulk"
    message.set_content(text(notice), cte="quoted-printable")
    return message.as_bytes()


def subject(notice: Notice) -> str:
    """`[evict] opened again: alice@corp.example ...`.

    No encoded word (RFC 2047): `EmailMessage` decodes one that a name holds, line ends included.
    """
    word = _WORDS[notice.news.kind]
    plain = notice.news.subject.replace("=?", "= ?")
    return one_line(f"[evict] {word}: {plain}")[:_LONGEST_SUBJECT]


def text(notice: Notice) -> str:
    lines = [one_line(line)[:_LONGEST_LINE] for line in notice.news.lines]
    if len(lines) > _MOST_LINES:
        lines = [*lines[:_MOST_LINES], f"... and {len(lines) - _MOST_LINES} lines more"]
    at = f"{notice.at:%Y-%m-%d %H:%M:%S} UTC"
    return "\n".join([one_line(notice.news.subject), "", *lines, "", f"evict, {at}", ""])


def one_line(words: str) -> str:
    """Without line ends and whatever else cannot be seen."""
    return "".join(c if c.isprintable() else " " for c in words).strip()


def body(notice: Notice) -> bytes:
    """`{"type": "evict.held", "timestamp": ..., "data": {...}}` (Standard Webhooks, payload)."""
    news = notice.news
    data: dict[str, object] = {
        "key": news.key,
        "subject": news.subject,
        "lines": news.lines[:_MOST_LINES],
        "account": news.account,
    }
    if notice.folded:
        data["folded"] = notice.folded
    return msgspec.json.encode(
        {"type": f"evict.{news.kind}", "timestamp": _zulu(notice.at), "data": data}
    )


def _zulu(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
