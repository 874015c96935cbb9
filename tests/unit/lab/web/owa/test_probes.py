# SPDX-License-Identifier: Apache-2.0
"""What Evict's own probes see of the three sites."""

from __future__ import annotations

import pytest

from evict.core.endpoint import Endpoint, Tls
from evict.core.secret import Secret
from evict.core.sighting import Outcome
from evict.lab.model.mailbox import FULL_ACCESS, READ_PERMISSION, SELF
from evict.lab.model.profile import Version
from evict.lab.model.words import Pool
from evict.probes.base import Login
from evict.probes.ews import EwsProber
from evict.probes.mapi import MapiProber
from evict.probes.owa import OwaProber
from tests.unit.lab.web.loopback import NAME, PASSWORD
from tests.unit.lab.web.owa.place import MakePlace, Place
from tests.unit.lab.web.owa.test_mailbox import shut

PROBERS: dict[str, type[OwaProber | EwsProber | MapiProber]] = {
    "owa": OwaProber,
    "ews": EwsProber,
    "mapi": MapiProber,
}
VERSIONS = [Version.V2010, Version.V2013, Version.SE]
THERE = [
    (protocol, version)
    for protocol in PROBERS
    for version in VERSIONS
    if protocol != "mapi" or version is not Version.V2010
]
POOLS = (Pool.OWA, Pool.SERVICES, Pool.MAPI)


def endpoint(place: Place, protocol: str) -> Endpoint:
    return Endpoint(
        system="exchange",
        protocol=protocol,
        host=place.host,
        port=place.ports["ex01"],
        tls=Tls.IMPLICIT,
        server_name="mail.corp.example",
        ca_file=place.ca_file,
    )


def login(password: str = PASSWORD) -> Login:
    return Login(name=NAME, password=Secret(password), source=None, timeout_s=10, address=NAME)


def recycle(place: Place) -> None:
    for pool in POOLS:
        place.organisation.recycle("ex01", pool)


@pytest.mark.parametrize(("protocol", "version"), THERE)
async def test_the_right_password_comes_in_and_a_wrong_one_does_not(
    places: MakePlace, protocol: str, version: Version
) -> None:
    place = await places(version)
    there = endpoint(place, protocol)
    seen = await PROBERS[protocol]().negative_login(there, login())
    assert seen.outcome is Outcome.LET_IN
    seen = await PROBERS[protocol]().negative_login(there, login("wrong"))
    assert seen.outcome is Outcome.REFUSED


@pytest.mark.parametrize("protocol", sorted(PROBERS))
@pytest.mark.parametrize(
    ("what", "outcome"),
    [
        ("self", Outcome.REFUSED),
        ("quarantine", Outcome.REFUSED),
        ("disabled", Outcome.REFUSED),
        ("move", Outcome.UNCLEAR),
    ],
)
async def test_a_mailbox_that_is_shut(
    place: Place, protocol: str, what: str, outcome: Outcome
) -> None:
    shut(place, what)
    recycle(place)
    seen = await PROBERS[protocol]().negative_login(endpoint(place, protocol), login())
    assert seen.outcome is outcome


@pytest.mark.parametrize("protocol", sorted(PROBERS))
async def test_a_feature_that_is_off(place: Place, protocol: str) -> None:
    place.organisation.set_features("alice", owa=False, ews=False, mapi=False)
    seen = await PROBERS[protocol]().negative_login(endpoint(place, protocol), login())
    assert seen.outcome is Outcome.REFUSED


@pytest.mark.parametrize("protocol", sorted(PROBERS))
async def test_a_witness_lives_until_its_token_is_gone(place: Place, protocol: str) -> None:
    witness = await PROBERS[protocol]().open_witness(endpoint(place, protocol), login())
    assert await witness.beat() is Outcome.LET_IN
    place.organisation.directory.disable("alice")
    assert await witness.beat() is Outcome.LET_IN
    place.organisation.directory.set_password("alice", "Another-pw-1")
    place.wait(600)
    assert await witness.beat() is Outcome.LET_IN
    recycle(place)
    assert await witness.beat() in (Outcome.REFUSED, Outcome.CUT)
    await witness.close()


@pytest.mark.parametrize("protocol", sorted(PROBERS))
@pytest.mark.parametrize("what", ["self", "quarantine", "features"])
async def test_a_witness_sees_a_refusal_that_a_page_shows(
    place: Place, protocol: str, what: str
) -> None:
    witness = await PROBERS[protocol]().open_witness(endpoint(place, protocol), login())
    try:
        if what == "features":
            place.organisation.set_features("alice", owa=False, ews=False, mapi=False)
        elif what == "self":
            place.organisation.remove_permission("alice", SELF, (FULL_ACCESS, READ_PERMISSION))
        else:
            place.organisation.quarantine("alice")
        if what != "quarantine":
            recycle(place)
        beat = await witness.beat()
        seen = await PROBERS[protocol]().negative_login(endpoint(place, protocol), login())
    finally:
        await witness.close()
    assert beat.shut
    assert seen.outcome is Outcome.REFUSED


@pytest.mark.parametrize("protocol", sorted(PROBERS))
async def test_a_transcript_has_no_secret(place: Place, protocol: str) -> None:
    there = endpoint(place, protocol)
    seen = await PROBERS[protocol]().negative_login(there, login("wrong-secret"))
    text = "\n".join(seen.transcript)
    assert text
    assert "wrong-secret" not in text
    assert all("cadata=***" in line for line in seen.transcript if "cadata=" in line)
