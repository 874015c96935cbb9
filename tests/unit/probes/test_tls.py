# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme
from msgspec.structs import replace

from evict.core.endpoint import Tls
from evict.core.sighting import Outcome, Sighting
from evict.probes.registry import prober
from evict.wire.reply import Answer
from evict.wire.smtp import SmtpClient
from tests.unit.probes.conftest import Authority
from tests.unit.probes.fakes import (
    LINE_FAKES,
    Fake,
    Fault,
    ImapFake,
    Peer,
    SmtpFake,
    listening,
    login,
)

MakeFake = Callable[[ssl.SSLContext | None], Fake]
SECURE = [Tls.IMPLICIT, Tls.STARTTLS]


async def tried(fake: Fake, tls: Tls, ca_file: Path | None, *, timeout_s: float = 2.0) -> Sighting:
    async with listening(fake, tls=tls) as endpoint:
        where = replace(endpoint, ca_file=ca_file)
        return await prober(fake.protocol).negative_login(where, login(timeout_s=timeout_s))


@pytest.mark.parametrize("tls", SECURE)
@pytest.mark.parametrize("make", LINE_FAKES)
async def test_a_verified_server_is_let_speak(
    make: MakeFake, tls: Tls, authority: Authority
) -> None:
    sighting = await tried(make(authority.good), tls, authority.ca_file)
    assert sighting.outcome is Outcome.LET_IN, sighting


@pytest.mark.parametrize("tls", SECURE)
@pytest.mark.parametrize(
    ("which", "words"), [("expired", "expired"), ("other_name", "mail.corp.test")]
)
async def test_a_certificate_that_does_not_verify_is_unreachable(
    which: str, words: str, tls: Tls, authority: Authority
) -> None:
    fake = ImapFake(getattr(authority, which))
    sighting = await tried(fake, tls, authority.ca_file)
    assert sighting.outcome is Outcome.UNREACHABLE
    assert "does not verify" in sighting.detail
    assert words in sighting.detail
    assert "AUTHENTICATE" not in fake.seen


@pytest.mark.parametrize("tls", SECURE)
async def test_another_authority_is_unreachable(
    tls: Tls, authority: Authority, tmp_path: Path
) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    for ca_file in (tmp_path / "other.pem", None):
        sighting = await tried(SmtpFake(authority.good), tls, ca_file)
        assert sighting.outcome is Outcome.UNREACHABLE
        assert "does not verify" in sighting.detail


async def test_trust_anchors_that_cannot_be_read_are_named(
    authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "empty.pem").write_bytes(b"")
    for ca_file in (tmp_path / "none.pem", tmp_path / "empty.pem"):
        sighting = await tried(ImapFake(authority.good), Tls.IMPLICIT, ca_file)
        assert sighting.outcome is Outcome.UNREACHABLE
        assert str(ca_file) in sighting.detail


async def test_a_server_without_tls_is_unreachable(authority: Authority) -> None:
    fake = ImapFake()
    async with listening(fake) as endpoint:
        secure = replace(endpoint, tls=Tls.IMPLICIT, ca_file=authority.ca_file)
        sighting = await prober("imap").negative_login(secure, login())
    assert sighting.outcome is Outcome.UNREACHABLE
    assert "TLS" in sighting.detail
    assert fake.seen == ["GREETING"]


@pytest.mark.parametrize("fault", [Fault.EOF, Fault.RESET, Fault.HANG, Fault.GARBAGE])
async def test_a_handshake_that_is_not_done_is_unreachable(
    fault: Fault, authority: Authority
) -> None:
    fake = SmtpFake(authority.good)
    fake.faults["TLS"] = fault
    sighting = await tried(fake, Tls.STARTTLS, authority.ca_file, timeout_s=0.3)
    assert sighting.outcome is Outcome.UNREACHABLE
    assert "TLS" in sighting.detail


class Refusing(ImapFake):
    """Says no to STARTTLS."""

    async def misstep(self, peer: Peer, command: str) -> None:
        await super().misstep(peer, command)
        if command == "STARTTLS":
            peer.send(b"e2 NO not here\r\n")
            await peer.line()


async def test_a_server_that_refuses_starttls_never_hears_the_password(
    authority: Authority,
) -> None:
    fake = Refusing(authority.good)
    sighting = await tried(fake, Tls.STARTTLS, authority.ca_file)
    assert sighting.outcome is Outcome.UNCLEAR
    assert "STARTTLS" in sighting.detail
    assert "AUTHENTICATE" not in fake.seen


class Injecting(SmtpFake):
    """Somebody on the way adds an answer in clear behind the one to STARTTLS."""

    async def misstep(self, peer: Peer, command: str) -> None:
        await super().misstep(peer, command)
        if command == "STARTTLS":
            peer.send(b"220 begin\r\n235 2.7.0 let in by somebody else\r\n")
            await peer.line()


async def test_words_in_clear_behind_starttls_are_not_taken_for_words_under_tls(
    authority: Authority,
) -> None:
    sighting = await tried(Injecting(authority.good), Tls.STARTTLS, authority.ca_file)
    assert sighting.outcome is Outcome.UNREACHABLE
    assert "in clear" in sighting.detail


async def test_sabotage_a_codec_that_forgets_the_words_in_clear_takes_them_for_an_answer() -> None:
    """The twin: what the check looks at is really there, and would be read as a login's answer."""
    client = SmtpClient()
    client.feed(b"220 begin\r\n235 2.7.0 let in by somebody else\r\n")
    client.next_reply()
    assert client.pending
    forged = client.next_reply()
    assert forged is not None
    assert forged.answer is Answer.YES
