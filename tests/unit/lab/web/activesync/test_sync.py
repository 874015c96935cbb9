# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio

import httpx2
import pytest

from evict.wire import activesync_requests as requests
from evict.wire.wbxml import Element
from tests.unit.lab.web.activesync.place import Phone, Place


async def collection(phone: Phone, key: str, *more: Element) -> Element:
    """The one collection of an answer."""
    asked = requests.sync("1", key).children[0].children[0]
    whole = Element(asked.tag, (*asked.children, *more))
    root = requests.node("AirSync:Sync", requests.node("AirSync:Collections", whole))
    answer = await phone.ask("Sync", root)
    assert answer is not None
    found = answer.find("AirSync:Collections", "AirSync:Collection")
    assert found is not None
    return found


def ids(found: Element, kind: str) -> list[str | None]:
    commands = found.find("AirSync:Commands")
    return [c.text("AirSync:ServerId") for c in commands.all(f"AirSync:{kind}")] if commands else []


def deliver(place: Place, count: int) -> None:
    for number in range(count):
        place.organisation.deliver("z@out.example", "alice@corp.example", f"{number}", "x" * 9000)


@pytest.fixture
async def phone(place: Place) -> Phone:
    made = place.phone()
    await made.provision()
    return made


async def test_a_key_that_was_never_given_is_refused(phone: Phone) -> None:
    assert (await collection(phone, "5")).text("AirSync:Status") == "3"
    assert (await collection(phone, "0")).text("AirSync:SyncKey") == "1"
    assert (await collection(phone, "5")).text("AirSync:Status") == "3"


async def test_a_lost_answer_is_given_again(place: Place, phone: Phone) -> None:
    deliver(place, 2)
    await collection(phone, "0")
    first = await collection(phone, "1")
    again = await collection(phone, "1")
    assert ids(first, "Add") == ids(again, "Add")
    assert len(ids(again, "Add")) == 2


async def test_more_than_the_window_comes_in_pieces(place: Place, phone: Phone) -> None:
    deliver(place, 5)
    await collection(phone, "0")
    window = requests.leaf("AirSync:WindowSize", 2)
    seen: list[str | None] = []
    for key in ("1", "2", "3"):
        found = await collection(phone, key, window)
        seen += ids(found, "Add")
        more = found.find("AirSync:MoreAvailable") is not None
        assert more is (len(seen) < 5)
    assert len(set(seen)) == 5


async def test_a_long_text_is_cut_where_the_phone_says_so(place: Place, phone: Phone) -> None:
    deliver(place, 1)
    await collection(phone, "0")
    found = await collection(phone, "1")
    body = next(e for e in found.walk() if e.tag == "AirSyncBase:Body")
    assert body.text("AirSyncBase:Truncated") == "1"
    assert len(body.text("AirSyncBase:Data") or "") == 4096


async def test_what_is_gone_is_taken_from_the_phone(place: Place, phone: Phone) -> None:
    deliver(place, 1)
    await collection(phone, "0")
    (number,) = ids(await collection(phone, "1"), "Add")
    place.alice.messages["Inbox"].clear()
    assert ids(await collection(phone, "2"), "Delete") == [number]


async def test_a_deletion_of_nothing_is_answered(phone: Phone) -> None:
    await collection(phone, "0")
    gone = requests.node("AirSync:Delete", requests.leaf("AirSync:ServerId", "none"))
    found = await collection(phone, "1", requests.node("AirSync:Commands", gone))
    assert found.text("AirSync:Responses", "AirSync:Delete", "AirSync:Status") == "8"


async def test_a_folder_that_is_not_there(phone: Phone) -> None:
    root = requests.sync("99", "0")
    answer = await phone.ask("Sync", root)
    assert answer is not None
    assert [e.data for e in answer.walk() if e.tag == "AirSync:Status"] == ["12"]


async def test_a_sync_that_waits_is_held_like_a_ping(place: Place, phone: Phone) -> None:
    await collection(phone, "0")
    root = requests.sync("1", "1")
    waiting = Element(root.tag, (*root.children, requests.leaf("AirSync:HeartbeatInterval", 600)))
    task = asyncio.create_task(phone.ask("Sync", waiting))
    await place.held()
    deliver(place, 1)
    answer = await task
    assert answer is not None
    assert sum(e.tag == "AirSync:Add" for e in answer.walk()) == 1
    root = requests.sync("1", "2")
    waiting = Element(root.tag, (*root.children, requests.leaf("AirSync:Wait", 10)))
    task = asyncio.create_task(phone.ask("Sync", waiting))
    await place.held()
    place.wait(600)
    assert await task is None
    task = asyncio.create_task(phone.ask("Sync", waiting))
    await place.held()
    place.organisation.quarantine("alice")
    with pytest.raises(httpx2.TransportError):
        await task


async def test_an_old_phone_gets_the_text_where_it_looks_for_it(place: Place) -> None:
    phone = place.phone("2.5")
    await phone.provision()
    deliver(place, 1)
    await collection(phone, "0")
    found = await collection(phone, "1")
    assert any(e.tag == "Email:Body" and e.data for e in found.walk())


async def test_settings_give_the_addresses(phone: Phone) -> None:
    asked = [
        requests.node("Settings:UserInformation", requests.node("Settings:Get")),
        requests.node("Settings:DeviceInformation", requests.node("Settings:Set")),
        requests.node("Settings:Oof", requests.node("Settings:Get")),
    ]
    answer = await phone.ask("Settings", requests.node("Settings:Settings", *asked))
    assert answer is not None
    found = [e.data for e in answer.walk() if e.tag == "Settings:SmtpAddress"]
    assert found == ["alice@corp.example"]


async def test_a_fetch_of_nothing_says_so(phone: Phone) -> None:
    fetch = requests.node("ItemOperations:Fetch", requests.leaf("AirSync:CollectionId", "1"))
    answer = await phone.ask(
        "ItemOperations", requests.node("ItemOperations:ItemOperations", fetch)
    )
    assert answer is not None
    path = ("ItemOperations:Response", "ItemOperations:Fetch", "ItemOperations:Status")
    assert answer.text(*path) == "6"
