# SPDX-License-Identifier: Apache-2.0
"""The phone speaks the best version that the server offers, as that version is spoken."""

from __future__ import annotations

import pytest

from evict.core.sighting import Outcome
from evict.lab.http.messages import Request, Response
from evict.probes.activesync import ActiveSyncProber
from evict.wire.activesync import CONTENT_TYPE, read_body, status_document, write_body
from evict.wire.activesync_requests import leaf, node
from evict.wire.wbxml import Element
from tests.unit.probes.activesync_estate import Serve, login

OFFERS = {
    "2.5,12.0,12.1,14.0,14.1": "14.1",
    "2.0,2.1,2.5,12.0,12.1,14.0,14.1,16.0,16.1": "16.1",
    "12.1,14.0,14.1,16.0": "16.0",
    "2.5, 12.0, 12.1, 14.0": "14.0",
    "2.5,12.0,12.1": "12.1",
}
FOLDERS = node(
    "FolderHierarchy:FolderSync",
    leaf("FolderHierarchy:Status", 1),
    leaf("FolderHierarchy:SyncKey", "1"),
    node(
        "FolderHierarchy:Changes",
        node(
            "FolderHierarchy:Add",
            leaf("FolderHierarchy:ServerId", "mail/INBOX"),
            leaf("FolderHierarchy:Type", "2"),
        ),
    ),
)
SYNCED = node(
    "AirSync:Sync",
    node(
        "AirSync:Collections",
        node("AirSync:Collection", leaf("AirSync:SyncKey", "1"), leaf("AirSync:Status", 1)),
    ),
)


def document(root: Element) -> Response:
    return Response(200, [("Content-Type", CONTENT_TYPE)], write_body(root))


class Server:
    """Attributes: `refuses`: commands that are answered 401; `provisions`: it insists on that."""

    def __init__(self, offer: str) -> None:
        self.offer = offer
        self.refuses: set[str] = set()
        self.provisions = False
        self.said: list[tuple[str, str, Element]] = []

    async def __call__(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(200, [("MS-ASProtocolVersions", self.offer)])
        command = request.query["Cmd"]
        version = request.headers.get("MS-ASProtocolVersion")
        self.said.append((command, version, read_body(request.body)))
        if command in self.refuses:
            return Response(401)
        if command == "Ping":
            await request.connection.closed.wait()
        if command == "Provision":
            return self._provision()
        if self.provisions and request.headers.get("X-MS-PolicyKey") != "7":
            return Response(449)
        return document(SYNCED if command == "Sync" else FOLDERS)

    def _provision(self) -> Response:
        policy = node("Provision:Policy", leaf("Provision:PolicyKey", 7))
        return document(
            node(
                "Provision:Provision",
                leaf("Provision:Status", 1),
                node("Provision:Policies", policy),
            )
        )


@pytest.mark.parametrize(("offer", "version"), OFFERS.items())
async def test_each_version_is_tried_in_its_own_words(
    serve_phones: Serve, offer: str, version: str
) -> None:
    server = Server(offer)
    server.provisions = True
    sighting = await ActiveSyncProber().negative_login(await serve_phones(server), login())
    assert sighting.outcome is Outcome.LET_IN
    assert {spoken for _, spoken, _ in server.said} == {version}
    first = next(root for command, _, root in server.said if command == "Provision")
    described = first.find("Settings:DeviceInformation") is not None
    assert described is (version in ("14.1", "16.0", "16.1"))


@pytest.mark.parametrize(("offer", "version"), OFFERS.items())
async def test_a_refusal_of_the_folders_counts_where_sync_is_refused_too(
    serve_phones: Serve, offer: str, version: str
) -> None:
    server = Server(offer)
    witness = await ActiveSyncProber().open_witness(await serve_phones(server), login())
    assert await witness.beat() is Outcome.LET_IN
    assert "Sync" not in {command for command, *_ in server.said}
    server.refuses = {"FolderSync"}
    assert await witness.beat() is Outcome.LET_IN
    server.refuses = {"FolderSync", "Sync"}
    assert await witness.beat() is Outcome.REFUSED
    synced = next(root for command, _, root in server.said if command == "Sync")
    collection = synced.find("AirSync:Collections", "AirSync:Collection")
    assert collection is not None
    assert (collection.text("AirSync:Class") == "Email") is (version == "12.1")
    assert collection.text("AirSync:SyncKey") == "0"
    assert collection.text("AirSync:CollectionId") == "mail/INBOX"
    await witness.close()


async def test_a_sync_that_is_neither_yes_nor_no_leaves_it_open(serve_phones: Serve) -> None:
    class Busy(Server):
        async def __call__(self, request: Request) -> Response:
            if request.method == "POST" and request.query["Cmd"] == "Sync":
                return document(status_document("Sync", 111))
            return await super().__call__(request)

    server = Busy("14.1")
    witness = await ActiveSyncProber().open_witness(await serve_phones(server), login())
    server.refuses = {"FolderSync"}
    assert await witness.beat() is Outcome.UNCLEAR
    await witness.close()
