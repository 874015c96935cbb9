# SPDX-License-Identifier: Apache-2.0
"""A refused door and a broken one are never confused."""

from __future__ import annotations

import ssl
from collections.abc import Callable

import pytest

from evict.core.door import Credential
from evict.core.endpoint import Endpoint
from evict.core.sighting import Method, Outcome
from evict.probes.registry import prober
from evict.wire import imap, managesieve, pop3, smtp
from tests.unit.probes.fakes import (
    HOST,
    LINE_FAKES,
    PASSWORD,
    Fake,
    Fault,
    ImapFake,
    Pop3Fake,
    SieveFake,
    SmtpFake,
    listening,
    login,
)

MakeFake = Callable[[ssl.SSLContext | None], Fake]

LOGIN_COMMAND = {
    "imap": "AUTHENTICATE",
    "pop3": "AUTH",
    "managesieve": "AUTHENTICATE",
    "submission": "AUTH",
}
CAPABILITY_COMMAND = {
    "imap": "CAPABILITY",
    "pop3": "CAPA",
    "managesieve": "CAPABILITY",
    "submission": "EHLO",
}


@pytest.mark.parametrize("make", LINE_FAKES)
async def test_the_right_password_lets_in_and_leaves(make: MakeFake) -> None:
    fake = make(None)
    async with listening(fake) as endpoint:
        sighting = await prober(fake.protocol).negative_login(endpoint, login())
    assert sighting.outcome is Outcome.LET_IN
    assert sighting.method is Method.NEGATIVE_LOGIN
    assert (sighting.door.system, sighting.door.credential) == ("mail", Credential.PASSWORD)
    assert sighting.started_at <= sighting.ended_at


@pytest.mark.parametrize("make", LINE_FAKES)
async def test_a_wrong_password_is_refused(make: MakeFake) -> None:
    fake = make(None)
    async with listening(fake) as endpoint:
        sighting = await prober(fake.protocol).negative_login(endpoint, login("wrong"))
    assert sighting.outcome is Outcome.REFUSED
    assert "refused" in sighting.detail
    assert sighting.where == f"{endpoint.host}:{endpoint.port}"


@pytest.mark.parametrize(
    ("make", "verdict"),
    [
        (ImapFake, b"TAG NO [UNAVAILABLE] later\r\n"),
        (ImapFake, b"TAG NO [LIMIT] too many\r\n"),
        (ImapFake, b"TAG BAD what?\r\n"),
        (ImapFake, imap.respond("*", "BYE", "shutting down")),
        (Pop3Fake, pop3.err("later", "SYS/TEMP")),
        (Pop3Fake, pop3.err("somebody", "IN-USE")),
        (SieveFake, managesieve.respond("NO", "later", "TRYLATER")),
        (SieveFake, managesieve.respond("BYE", "shutting down")),
        (SmtpFake, smtp.respond(454, "4.7.0 later")),
        (SmtpFake, smtp.respond(421, "4.3.2 shutting down")),
        (SmtpFake, smtp.respond(504, "5.5.4 what?")),
        (SmtpFake, smtp.respond(530, "5.7.0 STARTTLS first")),
        (SmtpFake, smtp.respond(535, "5.7.8 authentication failed: Temporarily unavailable")),
        (Pop3Fake, pop3.err("Temporarily unavailable, try again later", "AUTH")),
        (SieveFake, managesieve.respond("NO", "Temporarily unavailable, try again later")),
        (ImapFake, b"TAG NO [ALERT] Temporarily unavailable, try again later\r\n"),
    ],
)
async def test_an_answer_about_the_server_is_unclear(make: MakeFake, verdict: bytes) -> None:
    fake = make(None)
    fake.verdict = verdict
    async with listening(fake) as endpoint:
        sighting = await prober(fake.protocol).negative_login(endpoint, login("wrong"))
    assert sighting.outcome is Outcome.UNCLEAR


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("moment", ["greeting", "capability", "login"])
@pytest.mark.parametrize("make", LINE_FAKES)
async def test_a_server_that_breaks_is_unclear(make: MakeFake, moment: str, fault: Fault) -> None:
    fake = make(None)
    names = {"capability": CAPABILITY_COMMAND, "login": LOGIN_COMMAND}
    fake.faults[names[moment][fake.protocol] if moment in names else "GREETING"] = fault
    async with listening(fake) as endpoint:
        sighting = await prober(fake.protocol).negative_login(endpoint, login(timeout_s=0.2))
    assert sighting.outcome is Outcome.UNCLEAR, sighting
    assert sighting.detail


async def test_sabotage_a_prober_that_calls_every_no_a_refusal_confuses_them() -> None:
    """The twin: without the codec's list of codes a broken directory looks like a shut door."""
    fake = ImapFake()
    fake.verdict = b"TAG NO [UNAVAILABLE] later\r\n"
    careless = type("Careless", (imap.ImapClient,), {"refusals": frozenset({"", "UNAVAILABLE"})})
    sabotaged = prober("imap")
    vars(sabotaged)["_client"] = careless
    async with listening(fake) as endpoint:
        sighting = await sabotaged.negative_login(endpoint, login("wrong"))
    assert sighting.outcome is Outcome.REFUSED


async def test_nobody_listening_is_unreachable_and_says_so() -> None:
    async with listening(ImapFake()) as endpoint:
        pass
    sighting = await prober("imap").negative_login(endpoint, login())
    assert sighting.outcome is Outcome.UNREACHABLE
    assert "Connection refused" in sighting.detail


async def test_an_address_that_is_not_ours_is_unreachable_and_says_so() -> None:
    endpoint = Endpoint(system="mail", protocol="imap", host=HOST, port=9)
    stranger = type(login())(name="a", password=login().password, source="192.0.2.1", timeout_s=1.0)
    sighting = await prober("imap").negative_login(endpoint, stranger)
    assert sighting.outcome is Outcome.UNREACHABLE
    assert "assign" in sighting.detail


async def test_a_server_without_plain_is_unclear_and_the_password_stays_here() -> None:
    fake = ImapFake()
    fake.capabilities = "CAPABILITY IMAP4rev1 LOGINDISABLED"
    async with listening(fake) as endpoint:
        sighting = await prober("imap").negative_login(endpoint, login())
    assert sighting.outcome is Outcome.UNCLEAR
    assert "PLAIN" in sighting.detail
    assert "AUTHENTICATE" not in fake.seen
    assert "LOGIN" not in fake.seen


@pytest.mark.parametrize("password", [PASSWORD, "wrong"])
@pytest.mark.parametrize("capabilities", ["CAPABILITY IMAP4rev1", "CAPABILITY AUTH=PLAIN"])
async def test_an_old_imap_server_is_tried_its_own_way(capabilities: str, password: str) -> None:
    fake = ImapFake()
    fake.capabilities = capabilities
    async with listening(fake) as endpoint:
        sighting = await prober("imap").negative_login(endpoint, login(password))
    assert sighting.outcome is (Outcome.LET_IN if password == PASSWORD else Outcome.REFUSED)
    assert ("LOGIN" in fake.seen) == ("AUTH=PLAIN" not in capabilities)


@pytest.mark.parametrize("make", LINE_FAKES)
async def test_a_server_that_echoes_the_password_does_not_get_it_into_evidence(
    make: MakeFake,
) -> None:
    fake = make(None)
    fake.verdict = fake.no.replace(b"no", b"no " + PASSWORD.encode() + b" \x1b[31m " + b"x" * 300)
    async with listening(fake) as endpoint:
        sighting = await prober(fake.protocol).negative_login(endpoint, login())
    shown = "\n".join((sighting.detail, *sighting.transcript))
    assert "***" in shown
    assert PASSWORD not in shown
    assert "\x1b" not in shown
    assert len(sighting.transcript) <= 40
    assert all(len(line) <= 200 for line in sighting.transcript)


async def test_a_refusal_for_which_postfix_names_no_reason_says_what_that_means() -> None:
    fake = SmtpFake()
    fake.verdict = smtp.respond(535, "5.7.8 Error: authentication failed: (reason unavailable)")
    async with listening(fake) as endpoint:
        sighting = await prober("submission").negative_login(endpoint, login("wrong"))
    assert sighting.outcome is Outcome.REFUSED
    assert "the directory does not answer" in sighting.detail
