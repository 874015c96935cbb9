# SPDX-License-Identifier: Apache-2.0
"""Python's own client, unmodified, against the organisation's submission."""

from __future__ import annotations

import smtplib
from email.message import EmailMessage

import pytest

from tests.unit.lab.mail.towns import ALICE, Town, outside


def connect(town: Town, *, starttls: bool = False) -> smtplib.SMTP:
    client: smtplib.SMTP
    if starttls:
        client = smtplib.SMTP(town.host, town.smtp_plain, timeout=10)
        client.starttls(context=town.client_tls)
    else:
        client = smtplib.SMTP_SSL(town.host, town.smtp, context=town.client_tls, timeout=10)
    town.closers.append(client.close)
    return client


def logged_in(town: Town, *, starttls: bool = False) -> smtplib.SMTP:
    client = connect(town, starttls=starttls)
    client.login("alice@corp.example", ALICE)
    return client


def letter(sender: str = "alice@corp.example") -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, "bob@corp.example", "Überschrift"
    mail.set_content("Liebe Grüße\n")
    return mail


@pytest.mark.parametrize("starttls", [False, True])
async def test_a_mail_is_sent_and_arrives(town: Town, *, starttls: bool) -> None:
    def act() -> None:
        with logged_in(town, starttls=starttls) as client:
            client.send_message(letter())

    await outside(act)
    (mail,) = town.organisation.mailboxes["bob"].messages["Inbox"]
    assert (mail.sender, mail.subject, mail.body) == (
        "alice@corp.example",
        "Überschrift",
        "Liebe Grüße\n",
    )
    await town.gone()


@pytest.mark.parametrize("starttls", [False, True])
async def test_a_large_mail_arrives_and_one_too_large_does_not(
    town: Town, *, starttls: bool
) -> None:
    lines = "\n".join("x" * 70 for _ in range(30_000)) + "\n"

    def act() -> None:
        with logged_in(town, starttls=starttls) as client:
            large = letter()
            large.set_content(lines)
            client.send_message(large)
            with pytest.raises(smtplib.SMTPException):
                client.sendmail("alice@corp.example", ["bob@corp.example"], "x\n" * 6_000_000)

    await outside(act)
    (mail,) = town.organisation.mailboxes["bob"].messages["Inbox"]
    assert mail.body == lines


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
async def test_both_mechanisms(town: Town, mechanism: str) -> None:
    def act() -> int:
        with connect(town) as client:
            client.ehlo()
            client.user, client.password = "alice@corp.example", ALICE
            method = getattr(client, f"auth_{mechanism.lower()}")
            code, _ = client.auth(mechanism, method)
            return code

    assert await outside(act) == 235


async def test_nothing_without_a_login_and_no_login_without_tls(town: Town) -> None:
    def act() -> None:
        with connect(town) as client:
            client.ehlo()
            assert client.mail("alice@corp.example")[0] == 530
        with smtplib.SMTP(town.host, town.smtp_plain, timeout=10) as client:
            client.ehlo()
            assert client.has_extn("starttls")
            assert not client.has_extn("auth")
            assert client.docmd("AUTH", "PLAIN AAAA")[0] == 538

    await outside(act)


async def test_a_sender_must_be_ones_own_or_allowed(town: Town) -> None:
    def send() -> None:
        with logged_in(town) as client:
            client.send_message(letter("bob@corp.example"))

    def refused() -> None:
        with pytest.raises(smtplib.SMTPSenderRefused) as error:
            send()
        assert error.value.smtp_code == 550

    await outside(refused)
    town.organisation.mailboxes["bob"].send_as.append("CORP\\alice")
    await outside(send)
    assert town.organisation.mailboxes["bob"].messages["Inbox"][0].sender == "bob@corp.example"


async def test_a_disable_refuses_a_login_and_never_a_session_that_is_live(town: Town) -> None:
    client = await outside(lambda: logged_in(town))
    town.organisation.directory.disable("alice")
    town.organisation.quarantine("alice")

    def act() -> None:
        client.send_message(letter())
        with pytest.raises(smtplib.SMTPAuthenticationError) as error:
            logged_in(town)
        assert error.value.smtp_code == 535

    await outside(act)
    assert len(town.organisation.mailboxes["bob"].messages["Inbox"]) == 1
    town.clock.move(town.organisation.delays.smtp_connection_s.value + 1)
    town.organisation.tick()

    def cut() -> None:
        with pytest.raises((smtplib.SMTPServerDisconnected, smtplib.SMTPResponseException)):
            client.send_message(letter())

    await outside(cut)
    await outside(client.close)
    await town.gone()
