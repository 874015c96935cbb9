# SPDX-License-Identifier: Apache-2.0
"""Against the embedded organisation, and against servers that answer as they like."""

from __future__ import annotations

import asyncio

import pytest
from msgspec import structs

from evict.core.endpoint import Endpoint
from evict.core.errors import AccessRefused, SystemFault, Uncertain, Unsupported
from evict.core.sighting import Outcome
from evict.lab.http.messages import Request, Response
from evict.lab.http.server import HttpServer
from evict.lab.model.profile import Version
from evict.lab.model.words import Pool
from evict.probes.activesync import ActiveSyncProber, ActiveSyncWitness
from evict.probes.activesync_phone import device_id
from evict.wire.activesync import CONTENT_TYPE, PATH, status_document, write_body
from tests.unit.probes.activesync_estate import Estate, Handler, Serve, address, endpoint, login
from tests.unit.probes.conftest import Authority


async def open_witness(at: Endpoint) -> ActiveSyncWitness:
    witness = await ActiveSyncProber().open_witness(at, login())
    assert isinstance(witness, ActiveSyncWitness)
    return witness


async def test_a_wrong_password_is_refused_and_leaves_nothing(serve_phones: Serve) -> None:
    estate = Estate()
    at = await serve_phones(estate.site)
    sighting = await ActiveSyncProber().negative_login(at, login("Wrong-pw-1"))
    assert (sighting.outcome, estate.devices) == (Outcome.REFUSED, [])
    assert "HTTP 401" in sighting.detail
    assert sighting.where == f"{at.host}:{at.port}"
    assert not any("Wrong-pw-1" in line for line in sighting.transcript)


async def test_a_right_password_is_let_in(serve_phones: Serve) -> None:
    estate = Estate()
    at = await serve_phones(estate.site)
    for _ in range(2):
        sighting = await ActiveSyncProber().negative_login(at, login())
        assert sighting.outcome is Outcome.LET_IN
    assert estate.devices == [device_id(login(), "negative login")]


@pytest.mark.parametrize("version", [Version.V2010, Version.V2013, Version.SE])
async def test_a_200_that_says_no_is_a_refusal(serve_phones: Serve, version: Version) -> None:
    estate = Estate(version)
    at = await serve_phones(estate.site)
    estate.organisation.set_features("alice", activesync=False)
    sighting = await ActiveSyncProber().negative_login(at, login())
    assert sighting.outcome is Outcome.REFUSED
    assert "status 126" in sighting.detail
    assert estate.devices == []


async def test_a_quarantine_is_neither_yes_nor_no(serve_phones: Serve) -> None:
    estate = Estate()
    at = await serve_phones(estate.site)
    estate.organisation.quarantine("alice")
    sighting = await ActiveSyncProber().negative_login(at, login())
    assert sighting.outcome is Outcome.UNCLEAR


async def test_a_block_of_the_probes_own_device_is_no_refusal_of_the_person(
    serve_phones: Serve,
) -> None:
    estate = Estate()
    at = await serve_phones(estate.site)
    blocked = estate.organisation.mailboxes["alice"].blocked_devices
    blocked.append(device_id(login(), "negative login"))
    sighting = await ActiveSyncProber().negative_login(at, login())
    assert sighting.outcome is Outcome.UNCLEAR
    witness = await open_witness(at)
    assert await witness.beat() is Outcome.LET_IN
    blocked.append(device_id(login(), "witness"))
    estate.wait(900)
    assert await witness.beat() is Outcome.REFUSED
    await witness.close()


async def test_a_witness_lives_with_a_ping_held(serve_phones: Serve) -> None:
    estate = Estate()
    at = await serve_phones(estate.site)
    witness = await open_witness(at)
    await estate.held(1)
    assert [await witness.beat() for _ in range(3)] == [Outcome.LET_IN] * 3
    assert witness.endpoint == at
    assert any("FolderSync: HTTP 200, status 1" in line for line in witness.transcript())
    estate.organisation.deliver("z@out.example", "alice@corp.example", "Hi", "x")
    await estate.held(0)
    async with asyncio.timeout(5):
        while witness.held:
            await asyncio.sleep(0.01)
    assert await witness.beat() is Outcome.LET_IN
    await estate.held(1)
    await witness.close()
    await estate.held(0)


async def test_a_disabled_leavers_phone_goes_on_until_its_pool_is_recycled(
    serve_phones: Serve,
) -> None:
    estate = Estate()
    witness = await open_witness(await serve_phones(estate.site))
    await estate.held(1)
    estate.organisation.directory.disable("alice")
    assert await witness.beat() is Outcome.LET_IN
    estate.organisation.recycle("ex01", Pool.SYNC)
    async with asyncio.timeout(5):
        while witness.held:
            await asyncio.sleep(0.01)
    assert await witness.beat() is Outcome.CUT
    await witness.close()


async def test_a_ping_that_is_cut_is_no_end_where_the_phone_comes_back(serve_phones: Serve) -> None:
    estate = Estate()
    witness = await open_witness(await serve_phones(estate.site))
    await estate.held(1)
    estate.organisation.recycle("ex01", Pool.SYNC)
    async with asyncio.timeout(5):
        while witness.held:
            await asyncio.sleep(0.01)
    assert await witness.beat() is Outcome.LET_IN
    await estate.held(1)
    await witness.close()


async def test_a_refusal_under_a_held_ping_is_one_and_the_cut_follows(serve_phones: Serve) -> None:
    estate = Estate()
    witness = await open_witness(await serve_phones(estate.site))
    await estate.held(1)
    estate.organisation.set_features("alice", activesync=False)
    estate.wait(899)
    assert await witness.beat() is Outcome.LET_IN
    estate.wait(1)
    assert await witness.beat() is Outcome.REFUSED
    await witness.close()


async def test_a_quarantine_cuts_a_witness(serve_phones: Serve) -> None:
    estate = Estate()
    witness = await open_witness(await serve_phones(estate.site))
    await estate.held(1)
    estate.organisation.quarantine("alice")
    async with asyncio.timeout(5):
        while witness.held:
            await asyncio.sleep(0.01)
    assert await witness.beat() is Outcome.CUT
    await witness.close()


async def test_no_witness_for_somebody_who_is_refused(serve_phones: Serve) -> None:
    estate = Estate()
    at = await serve_phones(estate.site)
    estate.organisation.directory.disable("alice")
    with pytest.raises(AccessRefused, match="HTTP 401"):
        await ActiveSyncProber().open_witness(at, login())


def answering(*answers: Response | int) -> Handler:
    """OPTIONS is fine; the answers in turn, the last again and again; a number is a status."""
    left = list(answers)

    async def handle(request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(200, [("MS-ASProtocolVersions", "2.5,14.1")])
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, int):
            command = request.query["Cmd"]
            body = write_body(status_document(command, answer))
            return Response(200, [("Content-Type", CONTENT_TYPE)], body)
        return answer

    return handle


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Response(401), Outcome.REFUSED),
        (Response(403), Outcome.REFUSED),
        (Response(456), Outcome.REFUSED),
        (Response(451), Outcome.UNCLEAR),
        (Response(302, [("Location", "/elsewhere")]), Outcome.UNCLEAR),
        (Response(449), Outcome.UNCLEAR),
        (Response(500), Outcome.UNCLEAR),
        (Response(503), Outcome.UNCLEAR),
        (Response(200), Outcome.UNCLEAR),
        (Response(200, [("Content-Type", "text/html")], b"<p>Sign in"), Outcome.UNCLEAR),
        (Response(200, [("Content-Type", CONTENT_TYPE)], b"\x03\x01\x6a"), Outcome.UNCLEAR),
        (Response(200, [("Content-Type", CONTENT_TYPE)], b"x" * 2_000_000), Outcome.UNCLEAR),
        (1, Outcome.LET_IN),
        (110, Outcome.UNCLEAR),
        (123, Outcome.REFUSED),
        (129, Outcome.UNCLEAR),
        (130, Outcome.REFUSED),
        (131, Outcome.REFUSED),
        (140, Outcome.UNCLEAR),
        (142, Outcome.UNCLEAR),
        (999, Outcome.UNCLEAR),
    ],
)
async def test_what_an_answer_means(
    serve_phones: Serve, answer: Response | int, outcome: Outcome
) -> None:
    at = await serve_phones(answering(answer))
    sighting = await ActiveSyncProber().negative_login(at, login())
    assert sighting.outcome is outcome
    assert len(sighting.transcript) <= 40


async def test_nothing_in_common_is_unclear(serve_phones: Serve) -> None:
    async def old(request: Request) -> Response:
        return Response(200, [("MS-ASProtocolVersions", "1.0")] if request.method else [])

    at = await serve_phones(old)
    assert (await ActiveSyncProber().negative_login(at, login())).outcome is Outcome.UNCLEAR
    with pytest.raises(Unsupported):
        await ActiveSyncProber().open_witness(at, login())


async def test_no_witness_without_an_inbox_or_an_answer(serve_phones: Serve) -> None:
    for answer in (1, 110, Response(503)):
        with pytest.raises(Uncertain):
            await ActiveSyncProber().open_witness(await serve_phones(answering(answer)), login())


async def test_a_certificate_that_does_not_verify_is_unreachable(serve_phones: Serve) -> None:
    estate = Estate()
    good = await serve_phones(estate.site)
    wrong = structs.replace(good, server_name="other.corp.test")
    sighting = await ActiveSyncProber().negative_login(wrong, login())
    assert sighting.outcome is Outcome.UNREACHABLE
    with pytest.raises(SystemFault):
        await ActiveSyncProber().open_witness(wrong, login())


async def test_a_server_that_went_away_is_unclear_to_a_witness(authority: Authority) -> None:
    estate = Estate()
    server = HttpServer()
    server.route(PATH, estate.site)
    host = address()
    port = await server.start(host, 0, authority.good)
    witness = await open_witness(endpoint(host, port, authority.ca_file))
    await estate.held(1)
    server.abort_all()
    await server.stop(grace_s=0.1)
    assert await witness.beat() is Outcome.UNCLEAR
    await witness.close()
