# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from evict.config.notify import MailNotice, NotifySection, WebhookNotice
from evict.config.notify_forms import address_of, find_in_notify
from evict.config.problems import spell

MAIL = MailNotice(
    server="mail.corp.example", sender="evict@corp.example", recipients=("soc@corp.example",)
)
HOOK = WebhookNotice(url="https://soc.corp.example/evict", secret_file=Path("/etc/evict/secret"))


def wrong(section: NotifySection) -> list[str]:
    return [spell(problem.key) for problem in find_in_notify(section)]


def test_good_ones_are_good() -> None:
    named = structs.replace(MAIL, sender="Evict Wächter <evict@corp.example>")
    assert wrong(NotifySection(mail=named, webhook=HOOK)) == []
    assert wrong(NotifySection()) == []


@pytest.mark.parametrize(
    "address",
    [
        "",
        "evict",
        "a@b\r\nBcc: c@d.example",
        "a@b.example, c@d.example",
        "a b@c.example",
        "a@b@c.example",
        "ä@corp.example",
        "a@ä.example",
        "<a@b.example",
        "a@b.example>",
        "a@[127.0.0.1]",
    ],
)
def test_what_is_no_address_is_said(address: str) -> None:
    assert address_of(address) == ""
    section = structs.replace(MAIL, sender=address, recipients=("soc@corp.example", address))
    assert wrong(NotifySection(mail=section)) == ["notify.mail.sender", "notify.mail.recipients[1]"]


def test_a_recipient_is_an_address_alone() -> None:
    section = structs.replace(MAIL, recipients=("SOC <soc@corp.example>",))
    assert wrong(NotifySection(mail=section)) == ["notify.mail.recipients[0]"]


def test_a_user_needs_a_password_and_tls() -> None:
    half = structs.replace(MAIL, user="evict")
    assert wrong(NotifySection(mail=half)) == ["notify.mail.password_file"]
    file = Path("/etc/evict/smtp.password")
    other = structs.replace(MAIL, password_file=file)
    assert wrong(NotifySection(mail=other)) == ["notify.mail.user"]
    clear = structs.replace(MAIL, user="evict", password_file=file, security="none")
    assert wrong(NotifySection(mail=clear)) == ["notify.mail.security"]


@pytest.mark.parametrize(
    "url",
    [
        "http://soc.corp.example/",
        "https://",
        "https://user@soc.corp.example/",
        "https://soc.corp.example:99999/",
        "https://soc.corp.example/#part",
        "https://soc.corp.example/a b",
        "soc.corp.example",
        "https://[::1",
    ],
)
def test_a_webhook_goes_over_tls_and_carries_no_user(url: str) -> None:
    assert wrong(NotifySection(webhook=structs.replace(HOOK, url=url))) == ["notify.webhook.url"]


def test_to_tell_nothing_at_all_is_a_mistake() -> None:
    both = NotifySection(
        mail=structs.replace(MAIL, about=()), webhook=structs.replace(HOOK, about=())
    )
    assert wrong(both) == ["notify.mail.about", "notify.webhook.about"]
