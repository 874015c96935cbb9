# SPDX-License-Identifier: Apache-2.0
"""What is wrong with [notify] beyond its types."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.utils import parseaddr
from typing import Final
from urllib.parse import urlsplit

from evict.config.notify import MailNotice, NotifySection, WebhookNotice
from evict.config.problems import Problem

_ADDRESS: Final = re.compile(r"[^@\s<>(),:;\"\\\x00-\x20\x7f-\U0010ffff]+@[A-Za-z0-9.-]+")
"""As every SMTP server takes it: an address beyond ASCII needs SMTPUTF8 all along its way."""


def find_in_notify(section: NotifySection) -> Iterator[Problem]:
    if section.mail is not None:
        yield from _mail(section.mail)
    if section.webhook is not None:
        yield from _webhook(section.webhook)


def address_of(text: str) -> str:
    """`Name <address>` or an address alone; "" where it is neither."""
    name, address = parseaddr(text)
    whole = text.isprintable() and _ADDRESS.fullmatch(address) is not None
    alone = not name and text.strip() != address and text.strip() != f"<{address}>"
    return address if whole and not alone else ""


def _mail(section: MailNotice) -> Iterator[Problem]:
    key = ("notify", "mail")
    if not address_of(section.sender):
        text = f"expected an address, with or without a name, got {section.sender!r}"
        yield Problem(key=(*key, "sender"), text=text)
    for number, recipient in enumerate(section.recipients):
        if not recipient or address_of(recipient) != recipient:
            text = f"expected an address alone, got {recipient!r}"
            yield Problem(key=(*key, "recipients", number), text=text)
    for name, other in (("user", "password_file"), ("password_file", "user")):
        if getattr(section, name) is None and getattr(section, other) is not None:
            yield Problem(key=(*key, name), text=f"missing; {other} needs it")
    if section.user is not None and section.security == "none":
        text = "a password does not go without TLS: starttls or implicit"
        yield Problem(key=(*key, "security"), text=text)
    if not section.about:
        yield Problem(key=(*key, "about"), text="empty: nothing would ever be told")


def _webhook(section: WebhookNotice) -> Iterator[Problem]:
    key = ("notify", "webhook")
    try:
        url = urlsplit(section.url)
        good = url.scheme == "https" and bool(url.hostname) and "@" not in url.netloc
        good = good and not url.fragment and section.url.isprintable() and " " not in section.url
        _ = url.port
    except ValueError:
        good = False
    if not good:
        text = f"expected https://host/path without a user, got {section.url!r}"
        yield Problem(key=(*key, "url"), text=text)
    if not section.about:
        yield Problem(key=(*key, "about"), text="empty: nothing would ever be told")
