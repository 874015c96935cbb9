# SPDX-License-Identifier: Apache-2.0
"""Evict's own probes: what they see of these servers is what is so."""

from __future__ import annotations

import pytest

from evict.core.endpoint import Endpoint, Tls
from evict.core.secret import Secret
from evict.core.sighting import Outcome
from evict.lab.model.words import Protocol
from evict.probes.base import Login, Prober, Witness
from evict.probes.imap import ImapProber
from evict.probes.pop3 import Pop3Prober
from evict.probes.submission import SubmissionProber
from tests.unit.lab.mail.towns import ALICE, Town

PROBERS: dict[str, Prober] = {
    "imap": ImapProber(),
    "pop3": Pop3Prober(),
    "submission": SubmissionProber(),
}
DOORS = [(name, tls) for name in PROBERS for tls in (Tls.IMPLICIT, Tls.STARTTLS)]


def endpoint(town: Town, protocol: str, tls: Tls) -> Endpoint:
    ports = {
        ("imap", Tls.IMPLICIT): town.imap,
        ("imap", Tls.STARTTLS): town.imap_plain,
        ("pop3", Tls.IMPLICIT): town.pop3,
        ("pop3", Tls.STARTTLS): town.pop3_plain,
        ("submission", Tls.IMPLICIT): town.smtp,
        ("submission", Tls.STARTTLS): town.smtp_plain,
    }
    return Endpoint(
        system="exchange",
        protocol=protocol,
        host=town.host,
        port=ports[protocol, tls],
        tls=tls,
        server_name=town.host,
        ca_file=town.ca_file,
    )


def login(password: str = ALICE) -> Login:
    return Login(
        name="alice@corp.example",
        password=Secret(password),
        source=None,
        timeout_s=5,
        address="alice@corp.example",
    )


@pytest.mark.parametrize(("protocol", "tls"), DOORS)
async def test_a_negative_login_sees_an_open_and_a_shut_door(
    town: Town, protocol: str, tls: Tls
) -> None:
    where, prober = endpoint(town, protocol, tls), PROBERS[protocol]
    assert (await prober.negative_login(where, login())).outcome is Outcome.LET_IN
    assert (await prober.negative_login(where, login("wrong"))).outcome is Outcome.REFUSED
    town.organisation.directory.disable("alice")
    sighting = await prober.negative_login(where, login())
    assert sighting.outcome is Outcome.REFUSED, sighting.detail
    assert ALICE not in "".join(sighting.transcript)


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
async def test_feature_and_quarantine_refuse(town: Town, protocol: str) -> None:
    organisation, where = town.organisation, endpoint(town, protocol, Tls.IMPLICIT)
    organisation.set_features("alice", **{protocol: False})
    shut = await PROBERS[protocol].negative_login(where, login())
    assert shut.outcome is Outcome.REFUSED
    organisation.set_features("alice", **{protocol: True})
    town.clock.move(organisation.delays.features_read_s.value + 1)
    opened = await PROBERS[protocol].negative_login(where, login())
    assert opened.outcome is Outcome.LET_IN
    organisation.quarantine("alice")
    shut = await PROBERS[protocol].negative_login(where, login())
    assert shut.outcome is Outcome.REFUSED


@pytest.mark.parametrize(("protocol", "tls"), DOORS)
async def test_a_witness_lives_through_a_disable_and_sees_the_end(
    town: Town, protocol: str, tls: Tls
) -> None:
    where = endpoint(town, protocol, tls)
    witness: Witness = await PROBERS[protocol].open_witness(where, login())
    try:
        town.organisation.directory.disable("alice")
        town.organisation.directory.set_password("alice", "Another-Pass-2")
        assert await witness.beat() is Outcome.LET_IN
        (session,) = town.organisation.sessions.of("alice")
        assert session.protocol is Protocol(protocol)
        town.organisation.sessions.end(session, "cut")
        assert await witness.beat() is Outcome.CUT
    finally:
        await witness.close()
    await town.gone()


async def test_a_submission_witness_wears_not_out(town: Town) -> None:
    where = endpoint(town, "submission", Tls.STARTTLS)
    witness = await PROBERS["submission"].open_witness(where, login())
    try:
        outcomes = {await witness.beat() for _ in range(250)}
    finally:
        await witness.close()
    assert outcomes == {Outcome.LET_IN}
    assert not town.organisation.mail.outside
