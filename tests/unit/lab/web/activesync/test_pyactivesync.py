# SPDX-License-Identifier: Apache-2.0
"""pyactivesync, unmodified, takes it for Exchange."""

from __future__ import annotations

import asyncio
from email.message import EmailMessage

import pytest
import requests
from pyactivesync import Client, FolderType  # type: ignore[import-untyped]
from pyactivesync.exceptions import StatusError  # type: ignore[import-untyped]
from pyactivesync.models import EmailChange  # type: ignore[import-untyped]

from evict.lab.model.words import Pool
from tests.unit.lab.web.activesync.place import Place


def folder(client: Client, name: str) -> str:
    return next(str(f.id) for f in client.list_folders() if f.name == name)


async def test_it_provisions_and_lists_the_folders(place: Place) -> None:
    with place.client() as client:
        found = await asyncio.to_thread(client.list_folders)
    assert {(f.name, f.type) for f in found} >= {
        ("Inbox", FolderType.INBOX),
        ("Sent Items", FolderType.SENT_ITEMS),
    }
    assert list(place.alice.devices) == ["PHONE1"]
    assert place.alice.devices["PHONE1"].policy_key


async def test_it_reads_the_inbox_and_changes_it(place: Place) -> None:
    place.organisation.deliver("zoe@out.example", "alice@corp.example", "Grüße\0", "Text €")

    def read() -> None:
        inbox = folder(client, "Inbox")
        first = client.sync_folder(inbox)
        assert (first.sync_key, first.added) == ("1", [])
        assert client.get_item_estimate(inbox, first.sync_key) == 1
        second = client.sync_folder(inbox, first.sync_key)
        (item,) = second.added
        assert item.fields["Email.Subject"] == "Grüße"
        assert item.fields["AirSyncBase.Data"] == "Text €"
        assert client.sync_folder(inbox, second.sync_key).added == []
        whole = client.fetch_item(inbox, item.server_id)
        assert whole.body is not None
        assert whole.body.data == "Text €"
        seen = EmailChange(server_id=item.server_id, read=True)
        third = client.apply_email_changes(inbox, second.sync_key, [seen])
        gone = EmailChange(server_id=item.server_id, delete=True)
        client.apply_email_changes(inbox, third.sync_key, [gone])

    with place.client() as client:
        await asyncio.to_thread(read)
    assert place.alice.messages["Inbox"] == []
    assert [m.read for m in place.alice.messages["Deleted Items"]] == [True]


async def test_it_sends_a_mail(place: Place) -> None:
    mail = EmailMessage()
    mail["To"] = "Bob <bob@corp.example>"
    mail["Subject"] = "Übergabe"
    mail.set_content("Bis morgen, €")
    with place.client() as client:
        await asyncio.to_thread(lambda: client.send_mail(mail, client_id="one"))
        with pytest.raises(StatusError, match="118"):
            await asyncio.to_thread(lambda: client.send_mail(mail, client_id="one"))
    (got,) = place.organisation.mailboxes["bob"].messages["Inbox"]
    assert (got.sender, got.subject, got.body.strip()) == (
        "alice@corp.example",
        "Übergabe",
        "Bis morgen, €",
    )


async def test_its_ping_is_woken_by_a_mail(place: Place) -> None:
    with place.client() as client:
        inbox = await asyncio.to_thread(lambda: folder(client, "Inbox"))
        ping = asyncio.create_task(
            asyncio.to_thread(lambda: client.ping(inbox, heartbeat=600, timeout=30))
        )
        await place.held()
        assert not ping.done()
        place.organisation.deliver("zoe@out.example", "alice@corp.example", "Hi", "x")
        result = await ping
    assert result.status == "2"
    assert place.organisation.sessions.of("alice") == []


async def test_its_ping_ends_with_the_heartbeat_on_the_organisations_clock(place: Place) -> None:
    with place.client() as client:
        inbox = await asyncio.to_thread(lambda: folder(client, "Inbox"))
        ping = asyncio.create_task(
            asyncio.to_thread(lambda: client.ping(inbox, heartbeat=600, timeout=30))
        )
        await place.held()
        place.wait(599)
        assert place.organisation.sessions.of("alice")
        place.wait(1)
        assert (await ping).status == "1"


async def test_its_ping_is_cut_where_the_pool_is_recycled(place: Place) -> None:
    with place.client() as client:
        inbox = await asyncio.to_thread(lambda: folder(client, "Inbox"))
        ping = asyncio.create_task(
            asyncio.to_thread(lambda: client.ping(inbox, heartbeat=600, timeout=30))
        )
        await place.held()
        assert place.organisation.recycle("ex01", Pool.OWA) == 0
        assert place.organisation.recycle("ex01", Pool.SYNC) == 1
        with pytest.raises(requests.ConnectionError):
            await ping


async def test_a_disabled_account_goes_on_until_its_token_is_gone(place: Place) -> None:
    with place.client() as client:
        await asyncio.to_thread(client.list_folders)
        place.organisation.directory.disable("alice")
        for _ in range(3):
            place.wait(800)
            assert await asyncio.to_thread(client.list_folders)
        place.organisation.recycle("ex01", Pool.SYNC)
        with pytest.raises(requests.HTTPError, match="401"):
            await asyncio.to_thread(client.list_folders)


async def test_a_feature_that_is_off_is_status_126(place: Place) -> None:
    with place.client() as client:
        await asyncio.to_thread(client.list_folders)
        place.organisation.set_features("alice", activesync=False)
        assert await asyncio.to_thread(client.list_folders)
        place.wait(900)
        with pytest.raises(StatusError, match="126"):
            await asyncio.to_thread(client.list_folders)
