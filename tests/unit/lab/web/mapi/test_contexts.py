# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import struct

import pytest

from evict.lab.model.profile import Version
from evict.lab.model.words import Pool
from evict.wire import mapihttp as wire
from tests.unit.lab.web.mapi.outlook import Outlook
from tests.unit.lab.web.owa.place import MINUTE, MakePlace, Place
from tests.unit.lab.web.owa.test_mailbox import shut

DN = "/o=Lab/ou=Exchange Administrative Group/cn=Recipients/cn="


@pytest.fixture
async def outlook(place: Place) -> Outlook:
    return Outlook(await place.client())


async def test_connect_ping_disconnect(place: Place, outlook: Outlook) -> None:
    first = await outlook.connect()
    assert first.headers["x-responsecode"] == "0"
    assert first.headers["x-requestid"].endswith(":1")
    assert int(first.headers["x-expirationinfo"]) == 15 * MINUTE * 1000
    assert {"MapiContext", "MapiSequence"} <= set(outlook.client.cookies)
    assert outlook.error(first) == 0
    assert "Alice <Archer>".encode("utf-16-le") in first.content
    assert [s.protocol for s in place.organisation.sessions.of("alice")] == ["mapi"]
    before = outlook.client.cookies["MapiSequence"]
    assert (await outlook.ping()).headers["x-responsecode"] == "0"
    assert outlook.client.cookies["MapiSequence"] != before
    assert (await outlook.ask("Disconnect", wire.disconnect_body())).status_code == 200
    assert place.organisation.sessions.of("alice") == []
    assert outlook.code(await outlook.ping()) == 10


@pytest.mark.parametrize("name", ["alice@corp.example", "alice", "CORP\\alice", f"{DN}alice"])
async def test_one_is_known_by_any_name(outlook: Outlook, name: str) -> None:
    assert outlook.error(await outlook.connect(name)) == 0


@pytest.mark.parametrize(
    ("name", "error"), [("", 0x3EB), ("nobody", 0x3EB), (f"{DN}bob", 0x80070005)]
)
async def test_another_name_is_refused(outlook: Outlook, name: str, error: int) -> None:
    assert outlook.error(await outlook.connect(name)) == error
    assert "MapiContext" not in outlook.client.cookies


async def test_a_delegate_opens_the_mailbox_that_the_address_names(
    place: Place, outlook: Outlook
) -> None:
    path = wire.path(f"{place.bob.guid}@corp.example")
    assert outlook.error(await outlook.connect(path=path)) == 0x80070005
    place.organisation.set_permission("bob", "alice@corp.example", ["FullAccess"])
    assert outlook.error(await outlook.connect(path=path)) == 0
    assert [s.mailbox for s in place.organisation.sessions.of("alice")] == ["bob"]
    unknown = wire.path("no-such-guid@corp.example")
    assert outlook.error(await outlook.connect(path=unknown)) == 0x3EB


@pytest.mark.parametrize("how", ["move", "quarantine", "recycle", "idle"])
async def test_a_context_that_the_server_ended_is_not_found(
    place: Place, outlook: Outlook, how: str
) -> None:
    await outlook.connect()
    assert outlook.code(await outlook.ping()) == 0
    organisation = place.organisation
    if how == "recycle":
        organisation.recycle("ex01", Pool.MAPI)
    elif how == "idle":
        place.wait(16 * MINUTE)
    elif how == "quarantine":
        organisation.quarantine("alice")
    else:
        move = organisation.start_move("alice", "DB02")
        while place.alice.database != move.target or organisation.moves.locked("alice"):
            due = organisation.next_due()
            assert due is not None
            place.wait(due - place.now[0])
    assert outlook.code(await outlook.ping()) == 10


async def test_pings_keep_a_context(outlook: Outlook, place: Place) -> None:
    await outlook.connect()
    place.organisation.set_features("alice", mapi=False)
    for _ in range(3):
        place.wait(14 * MINUTE)
        assert outlook.code(await outlook.ping()) == 0
    assert outlook.error(await outlook.connect()) == 0x96C


@pytest.mark.parametrize(
    ("what", "error"),
    [("self", 0x80070005), ("quarantine", 0x80040111), ("move", 0x50C), ("disabled", 0x96C)],
)
async def test_a_refusal_is_an_error_code_of_connect(
    place: Place, outlook: Outlook, what: str, error: int
) -> None:
    shut(place, what)
    place.organisation.recycle("ex01", Pool.MAPI)
    assert outlook.error(await outlook.connect()) == error


async def test_mapi_over_http_alone_can_be_off(place: Place, outlook: Outlook) -> None:
    place.organisation.set_features("alice", mapi_http=False)
    assert outlook.code(await outlook.connect()) == 16


async def test_the_sequence_is_kept(place: Place, outlook: Outlook) -> None:
    await outlook.connect()
    context = outlook.client.cookies["MapiContext"]
    other = Outlook(await place.client(cookies={"MapiContext": context}))
    assert outlook.code(await other.ask("Execute", b"")) == 13
    assert outlook.code(await other.ping()) == 0
    wrong = {"MapiContext": context, "MapiSequence": "x"}
    assert outlook.code(await Outlook(await place.client(cookies=wrong)).ping()) == 15
    assert outlook.code(await Outlook(await place.client()).ping()) == 13


async def test_a_context_is_its_owner_s(place: Place, outlook: Outlook) -> None:
    await outlook.connect()
    bob = Outlook(await place.client(cookies=dict(outlook.client.cookies)))
    bob.name, bob.password = "bob@corp.example", "Bob-pw-1"
    assert bob.code(await bob.ping()) == 10


async def test_operations_are_refused(outlook: Outlook) -> None:
    await outlook.connect()
    for kind, numbers in (("Execute", 5), ("NotificationWait", 4)):
        answer = await outlook.ask(kind, b"")
        values = struct.unpack(f"<{numbers}I", wire.payload(answer.content))
        assert values == (0, 0x80040102, *(0,) * (numbers - 2))


@pytest.mark.parametrize(
    ("kind", "body", "code"),
    [("", b"", 7), ("Fly", b"", 5), ("Connect", b"", 12), ("Connect", b"alice\0" + b"\1" * 20, 12)],
)
async def test_bad_requests(outlook: Outlook, kind: str, body: bytes, code: int) -> None:
    assert outlook.code(await outlook.ask(kind, body)) == code


async def test_the_path_the_method_and_the_version(
    place: Place, outlook: Outlook, places: MakePlace
) -> None:
    auth = {"Authorization": outlook.basic()}
    client = await place.client()
    assert (await client.get("/mapi/emsmdb/", headers=auth)).status_code == 200
    assert (await client.put("/mapi/emsmdb/", headers=auth)).status_code == 405
    assert (await client.post("/mapi/nspi/", headers=auth)).status_code == 404
    assert (await client.post("/mapi/emsmdb/")).status_code == 401
    old = await places(Version.V2010)
    assert (await Outlook(await old.client()).connect()).status_code == 404


async def test_every_request_is_in_the_log(place: Place, outlook: Outlook) -> None:
    await outlook.connect()
    outlook.password = "wrong"
    assert (await outlook.ping()).status_code == 401
    lines = [(line.protocol, line.sam, line.status) for line in place.organisation.http_log["ex01"]]
    assert lines == [("mapi", "alice", 200), ("mapi", "", 401)]


async def test_a_disabled_account_pings_on_with_its_token(place: Place, outlook: Outlook) -> None:
    await outlook.connect()
    place.organisation.directory.disable("alice")
    assert outlook.code(await outlook.ping()) == 0
    place.organisation.recycle("ex01", Pool.MAPI)
    assert (await outlook.ping()).status_code == 401
