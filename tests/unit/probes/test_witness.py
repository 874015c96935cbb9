# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import ssl
from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from evict.core.errors import AccessRefused, SystemFault, Uncertain, Unreachable, Unsupported
from evict.core.sighting import Outcome
from evict.probes.registry import prober
from evict.probes.submission import RECIPIENTS_A_TRANSACTION, RESETS
from evict.wire import imap, managesieve, pop3, smtp
from tests.unit.probes.fakes import (
    LINE_FAKES,
    Fake,
    Fault,
    ImapFake,
    Pop3Fake,
    SieveFake,
    SmtpFake,
    listening,
    login,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from evict.probes.base import Witness

MakeFake = Callable[[ssl.SSLContext | None], Fake]
BEAT = {"imap": "NOOP", "pop3": "NOOP", "managesieve": "NOOP", "submission": "RCPT"}


@asynccontextmanager
async def witness_of(fake: Fake, *, timeout_s: float = 0.5) -> AsyncIterator[Witness]:
    async with listening(fake) as endpoint:
        witness = await prober(fake.protocol).open_witness(endpoint, login(timeout_s=timeout_s))
        try:
            yield witness
        finally:
            await witness.close()


@pytest.mark.parametrize("make", LINE_FAKES)
async def test_a_living_session_beats_and_asks_for_nothing(make: MakeFake) -> None:
    fake = make(None)
    async with witness_of(fake) as witness:
        assert [await witness.beat() for _ in range(3)] == [Outcome.LET_IN] * 3
        assert witness.endpoint.protocol == fake.protocol
        assert witness.transcript()[-1].startswith("S: ")
    harmless = {"EHLO", "MAIL", "RCPT", "QUIT", "NOOP", "LOGOUT", "CAPA", "CAPABILITY", "GREETING"}
    assert set(fake.seen) <= harmless | {"AUTH", "AUTHENTICATE"}


@pytest.mark.parametrize("make", LINE_FAKES)
async def test_a_kicked_session_is_cut(make: MakeFake) -> None:
    fake = make(None)
    async with witness_of(fake) as witness:
        assert await witness.beat() is Outcome.LET_IN
        fake.sessions[0].writer.close()
        assert await witness.beat() is Outcome.CUT
        assert await witness.beat() is Outcome.CUT
        assert "end of connection" in witness.transcript()[-1]


@pytest.mark.parametrize(
    ("make", "goodbye"),
    [
        (ImapFake, imap.respond("*", "BYE", "Server shutting down.")),
        (SieveFake, managesieve.respond("BYE", "Server shutting down.")),
        (SmtpFake, smtp.respond(421, "4.3.2 shutting down")),
    ],
)
async def test_a_goodbye_that_nobody_asked_for_is_a_cut(make: MakeFake, goodbye: bytes) -> None:
    fake = make(None)
    async with witness_of(fake) as witness:
        fake.sessions[0].send(goodbye)
        fake.sessions[0].writer.close()
        assert await witness.beat() is Outcome.CUT


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (Fault.EOF, Outcome.CUT),
        (Fault.RESET, Outcome.CUT),
        (Fault.HALF, Outcome.CUT),
        (Fault.HANG, Outcome.UNCLEAR),
        (Fault.GARBAGE, Outcome.UNCLEAR),
        (Fault.OVERSIZED, Outcome.UNCLEAR),
    ],
)
@pytest.mark.parametrize("make", LINE_FAKES)
async def test_only_the_end_of_a_connection_is_a_cut(
    make: MakeFake, fault: Fault, outcome: Outcome
) -> None:
    fake = make(None)
    async with witness_of(fake, timeout_s=1.0) as witness:
        fake.faults[BEAT[fake.protocol]] = fault
        assert await witness.beat() is outcome


@pytest.mark.parametrize(
    ("make", "answer", "outcome"),
    [
        (ImapFake, b"* BAD what?\r\n* BYE x\r\n", Outcome.CUT),
        (Pop3Fake, pop3.err("Server shutting down.", "SYS/TEMP"), Outcome.UNCLEAR),
        (SieveFake, managesieve.respond("NO", "later", "TRYLATER"), Outcome.UNCLEAR),
        (SmtpFake, smtp.respond(521, "5.7.1 mailbox closed"), Outcome.REFUSED),
        (SmtpFake, smtp.respond(554, "5.7.1 no"), Outcome.REFUSED),
        (SmtpFake, smtp.respond(451, "4.3.5 policy service down"), Outcome.UNCLEAR),
        (SmtpFake, smtp.respond(503, "5.5.1 what?"), Outcome.UNCLEAR),
    ],
)
async def test_what_an_answer_to_a_beat_says(
    make: MakeFake, answer: bytes, outcome: Outcome
) -> None:
    fake = make(None)
    async with witness_of(fake) as witness:
        fake.noop = answer
        assert await witness.beat() is outcome


async def test_an_answer_that_comes_late_belongs_to_the_beat_that_asked() -> None:
    """Else a yes of before would be taken for one of after."""
    fake = Pop3Fake()
    async with witness_of(fake, timeout_s=0.1) as witness:
        fake.noop = b"+"
        assert await witness.beat() is Outcome.UNCLEAR
        fake.sessions[0].send(b"OK\r\n")
        assert await witness.beat() is Outcome.LET_IN
        assert fake.seen.count("NOOP") == 1
        fake.noop = b""
        assert await witness.beat() is Outcome.LET_IN
        assert fake.seen.count("NOOP") == 2


async def test_a_submission_witness_resets_seldom_and_wears_out_before_it_is_cut_for_it() -> None:
    fake = SmtpFake()
    async with witness_of(fake) as witness:
        for _ in range(RECIPIENTS_A_TRANSACTION + 5):
            assert await witness.beat() is Outcome.LET_IN
        assert fake.seen.count("RSET") == 1
        assert fake.seen.count("MAIL") == 2
        vars(witness)["_resets"] = RESETS
        outcomes = [await witness.beat() for _ in range(RECIPIENTS_A_TRANSACTION)]
        assert outcomes[-1] is Outcome.UNCLEAR
        assert fake.seen.count("RSET") == 1


async def test_the_witness_names_a_postmaster_with_a_domain() -> None:
    async with witness_of(SmtpFake()) as witness:
        assert "C: RCPT TO:<postmaster@corp.test>" in witness.transcript()
        assert "C: MAIL FROM:<alice@corp.test>" in witness.transcript()


async def test_a_refusal_of_before_makes_no_witness() -> None:
    fake = SmtpFake()
    fake.noop = smtp.respond(550, "5.1.1 no such postmaster")
    async with listening(fake) as endpoint:
        with pytest.raises(Unsupported, match="postmaster"):
            await prober("submission").open_witness(endpoint, login())
        with pytest.raises(Unsupported, match="address"):
            await prober("submission").open_witness(endpoint, replace(login(), address=""))


@pytest.mark.parametrize("make", LINE_FAKES)
async def test_a_wrong_password_makes_no_witness(make: MakeFake) -> None:
    fake = make(None)
    async with listening(fake) as endpoint:
        with pytest.raises(AccessRefused):
            await prober(fake.protocol).open_witness(endpoint, login("wrong"))
    with pytest.raises(Unreachable):
        await prober(fake.protocol).open_witness(endpoint, login())


@pytest.mark.parametrize("fault", [Fault.HANG, Fault.EOF, Fault.GARBAGE])
async def test_a_broken_login_makes_no_witness(fault: Fault) -> None:
    fake = ImapFake()
    fake.faults["AUTHENTICATE"] = fault
    async with listening(fake) as endpoint:
        with pytest.raises(SystemFault) as raised:
            await prober("imap").open_witness(endpoint, login(timeout_s=0.2))
    assert not isinstance(raised.value, AccessRefused)
    assert isinstance(raised.value, Uncertain) or fault is Fault.GARBAGE
