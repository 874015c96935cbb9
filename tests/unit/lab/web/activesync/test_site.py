# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import httpx2
import pytest

from evict.lab.model.profile import Version
from evict.lab.model.words import Pool
from evict.wire import activesync_requests as requests
from evict.wire.activesync import CONTENT_TYPE, PATH, read_body, status_of, write_body
from evict.wire.activesync_query import Query
from evict.wire.wbxml import Element
from tests.unit.lab.web.activesync.place import Place

Make = Callable[[Version], Awaitable[Place]]


async def test_options_say_what_this_version_speaks(places: Make) -> None:
    for version, last in ((Version.V2010, "14.1"), (Version.V2013, "14.1"), (Version.SE, "16.1")):
        place = await places(version)
        answer = await place.phone().send("OPTIONS")
        assert answer.status_code == 200
        assert answer.headers["MS-ASProtocolVersions"].rpartition(",")[2] == last
        assert "Ping" in answer.headers["MS-ASProtocolCommands"].split(",")


@pytest.mark.parametrize("password", ["", "wrong"])
async def test_nobody_comes_in_without_the_password(place: Place, password: str) -> None:
    answer = await place.phone().send("OPTIONS", password=password)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")
    assert place.alice.devices == {}


async def test_a_disabled_account_without_a_token_is_401(place: Place) -> None:
    place.organisation.directory.disable("alice")
    assert await place.phone().folders() is None
    log = place.organisation.http_log["ex01"]
    assert [line.status for line in log] == [401]


async def test_the_binary_query_is_understood(place: Place) -> None:
    phone = place.phone()
    await phone.provision()
    query = Query(
        command="FolderSync",
        device_id=phone.device,
        device_type="Test",
        user="alice",
        version="16.1",
        policy_key=phone.key,
    )
    answer = await phone.send(
        "POST",
        f"?{query.binary()}",
        write_body(requests.folder_sync("0")),
        headers={"Content-Type": CONTENT_TYPE},
    )
    assert status_of(read_body(answer.content)) == 1


async def test_a_phone_without_the_policy_is_told_to_take_it(place: Place) -> None:
    phone = place.phone()
    assert await phone.folders() == 142
    await phone.provision()
    assert await phone.folders() == 1
    phone.key += 1
    assert await phone.folders() == 144
    old = place.phone("12.1")
    assert (await old.folders(), old.last.status_code) == (None, 449)


async def test_a_partnership_that_was_removed_is_made_anew(place: Place) -> None:
    phone = place.phone()
    await phone.provision()
    del place.alice.devices[phone.device]
    assert await phone.folders() == 142
    await phone.provision()
    assert await phone.folders() == 1


async def test_what_a_phone_knows_is_known_on_every_server(place: Place) -> None:
    phone = place.phone()
    await phone.provision()
    other = place.phone(server="ex02")
    other.key = phone.key
    assert await other.folders() == 1


@pytest.mark.parametrize(("version", "status", "http"), [("16.1", 129, 200), ("12.1", None, 403)])
async def test_a_blocked_device(place: Place, version: str, status: int | None, http: int) -> None:
    place.alice.blocked_devices.append("PHONE2")
    phone = place.phone(version)
    assert (await phone.folders(), phone.last.status_code) == (status, http)
    assert place.alice.devices == {}
    assert await place.phone(version, device="OTHER").folders() in {142, None}


@pytest.mark.parametrize(("version", "status", "http"), [("16.1", 126, 200), ("12.1", None, 403)])
async def test_a_feature_that_is_off(
    place: Place, version: str, status: int | None, http: int
) -> None:
    place.organisation.set_features("alice", activesync=False)
    phone = place.phone(version)
    assert (await phone.folders(), phone.last.status_code) == (status, http)


@pytest.mark.parametrize(("version", "status", "http"), [("16.1", 110, 200), ("12.1", None, 503)])
async def test_quarantine_cuts_the_ping_and_shuts_the_door(
    place: Place, version: str, status: int | None, http: int
) -> None:
    phone = place.phone(version)
    await phone.provision()
    await phone.folders()
    ping = asyncio.create_task(phone.ask("Ping", requests.ping(600, ("1",))))
    await place.held()
    place.organisation.quarantine("alice")
    with pytest.raises(httpx2.TransportError):
        await ping
    assert (await phone.folders(), phone.last.status_code) == (status, http)


async def test_a_mailbox_that_is_moved_cuts_the_ping(place: Place) -> None:
    phone = place.phone()
    await phone.provision()
    ping = asyncio.create_task(phone.ask("Ping", requests.ping(600, ("1",))))
    await place.held()
    place.organisation.start_move("alice", "DB02")
    async with asyncio.timeout(10):
        while place.organisation.sessions.of("alice"):
            place.wait(1)
            await asyncio.sleep(0)
    with pytest.raises(httpx2.TransportError):
        await ping
    assert await phone.folders() == 114


async def test_an_account_only_wipe_is_asked_for_and_acknowledged(place: Place) -> None:
    phone = place.phone()
    await phone.provision()
    place.organisation.mobile.wipe_account(place.alice, phone.device)
    assert await phone.folders() == 140
    root = await phone.ask("Provision", requests.provision(model="m", user_agent="u"))
    assert root is not None
    assert requests.read_policy(root).wipe
    assert await phone.folders() == 140
    assert await phone.status("Provision", requests.acknowledge_wipe()) == 1
    assert place.alice.devices[phone.device].wipe == "acknowledged"
    assert await phone.folders() == 142


async def test_a_phone_that_knows_no_such_wipe_stays_out(place: Place) -> None:
    phone = place.phone("14.1")
    await phone.provision()
    place.organisation.mobile.wipe_account(place.alice, phone.device)
    asked = requests.provision(model="m", user_agent="u")
    assert await phone.status("Provision", asked) == 140


async def test_without_self_the_owner_is_denied(place: Place) -> None:
    phone = place.phone()
    await phone.provision()
    for user in (
        "NT AUTHORITY\\SELF",
        "CORP\\Exchange Servers",
        "CORP\\Exchange Trusted Subsystem",
    ):
        place.organisation.remove_permission("alice", user, ("FullAccess",))
    place.organisation.recycle("ex01", Pool.SYNC)
    assert await phone.folders() == 130


@pytest.mark.parametrize(
    ("query", "body", "version", "said"),
    [
        ("", b"", "16.1", (400, None)),
        ("?Cmd=FolderSync&DeviceId=X&DeviceType=Y", b"", "", (400, None)),
        ("?Cmd=FolderSync&DeviceId=X&DeviceType=Y", b"", "99.9", (200, 138)),
        ("?Cmd=FolderSync&DeviceId=X&DeviceType=Y", b"", "3.0", (505, None)),
        ("?Cmd=Search&DeviceId=X&DeviceType=Y", b"", "16.1", (501, None)),
        ("?Cmd=FolderSync&DeviceType=Y", b"", "16.1", (200, 108)),
        ("?Cmd=FolderSync&DeviceId=X&DeviceType=Y", b"<x/>", "16.1", (200, 102)),
        ("?Cmd=FolderSync&DeviceId=X&DeviceType=Y", b"<x/>", "12.1", (400, None)),
    ],
)
async def test_a_request_that_is_none(
    place: Place, query: str, body: bytes, version: str, said: tuple[int, int | None]
) -> None:
    headers = {"Content-Type": CONTENT_TYPE, "MS-ASProtocolVersion": version}
    answer = await place.phone().send("POST", query, body, headers=headers)
    found = status_of(read_body(answer.content)) if answer.content else None
    assert (answer.status_code, found) == said
    assert place.alice.devices == {}


async def test_a_get_is_not_activesync(place: Place) -> None:
    answer = await place.phone().send("GET")
    assert answer.status_code == 501
    assert PATH in str(answer.url)


@pytest.mark.parametrize(
    ("command", "root", "status"),
    [
        ("FolderSync", Element("AirSync:Sync"), 10),
        ("FolderSync", requests.folder_sync("77"), 9),
        ("Ping", None, 3),
        ("Ping", Element("AirSync:Sync"), 4),
        ("Ping", requests.ping(5, ("1",)), 5),
        ("Ping", requests.ping(9999, ("1",)), 5),
        ("Ping", requests.ping(600, ("99",)), 7),
        ("Ping", requests.ping(600, [str(i) for i in range(1001)]), 6),
        ("Sync", None, 13),
        ("Sync", Element("AirSync:Sync"), 4),
        ("SendMail", None, 101),
        ("SendMail", requests.send_mail("", b"Subject: x\r\n\r\n"), 119),
        ("Provision", None, 2),
        ("Provision", requests.acknowledge(7), 1),
        ("ItemOperations", None, 2),
        ("GetItemEstimate", None, 101),
        ("Settings", None, 2),
    ],
)
async def test_a_command_that_makes_no_sense(
    place: Place, command: str, root: Element | None, status: int
) -> None:
    phone = place.phone()
    await phone.provision()
    assert await phone.status(command, root) == status


async def test_the_bound_comes_with_a_heartbeat_that_does_not_suit(place: Place) -> None:
    phone = place.phone()
    await phone.provision()
    for asked, bound in ((5, "60"), (9999, "3540")):
        root = await phone.ask("Ping", requests.ping(asked, ("1",)))
        assert root is not None
        assert root.text("Ping:HeartbeatInterval") == bound


async def test_a_ping_whose_phone_left_is_forgotten(place: Place) -> None:
    phone = place.phone()
    await phone.provision()
    ping = asyncio.create_task(phone.ask("Ping", requests.ping(600, ("1",))))
    await place.held()
    ping.cancel()
    await place.held(0)
    assert place.alice.watchers == set()


async def test_a_first_provision_must_describe_the_phone(place: Place) -> None:
    policy = requests.node(
        "Provision:Policy",
        requests.leaf("Provision:PolicyType", "MS-EAS-Provisioning-WBXML"),
    )
    root = requests.node("Provision:Provision", requests.node("Provision:Policies", policy))
    assert await place.phone("16.1").status("Provision", root) == 165
    assert await place.phone("14.0").status("Provision", root) == 1


async def test_an_old_phone_sends_its_mail_as_the_body(place: Place) -> None:
    phone = place.phone("12.1")
    await phone.provision()
    mail = b"To: bob@corp.example\r\nSubject: =?x-none?q?a?=\r\n\r\nold"
    headers = {
        "Content-Type": "message/rfc822",
        "MS-ASProtocolVersion": "12.1",
        "X-MS-PolicyKey": str(phone.key),
    }
    query = f"?Cmd=SendMail&DeviceId={phone.device}&DeviceType=Test&SaveInSent=T"
    answer = await phone.send("POST", query, mail, headers=headers)
    assert (answer.status_code, answer.content) == (200, b"")
    assert [m.body for m in place.organisation.mailboxes["bob"].messages["Inbox"]] == ["old"]
