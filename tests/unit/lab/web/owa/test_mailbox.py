# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from html import unescape

import pytest

from evict.lab.model.words import Pool
from tests.unit.lab.web.owa.place import Place, canary_of

NASTY = "<script>alert(1)</script>\"'&"
SERVICE = "/owa/service.svc?action=FindItem"


async def test_a_person_reads_and_answers_mail(place: Place) -> None:
    place.organisation.deliver(f"x{NASTY}@out.example", "alice@corp.example", NASTY, NASTY * 2)
    browser = await place.browser()
    listing = await browser.get("/owa/")
    assert "<script" not in listing.text
    link = re.search(r'href="(/owa/\?ae=Item[^"]+a=Open[^"]+)"', listing.text)
    assert link is not None
    page = await browser.get(unescape(link[1]))
    assert page.status_code == 200
    assert "<script" not in page.text
    assert unescape(page.text).count(NASTY) >= 3
    answer = re.search(r'href="(/owa/\?ae=Item&amp;a=New&amp;to=[^"]+)"', page.text)
    assert answer is not None
    form = await browser.get(unescape(answer[1]))
    assert "<script" not in form.text
    assert 'name="to"' in form.text


async def test_a_person_writes_mail(place: Place) -> None:
    browser = await place.browser()
    form = await browser.get("/owa/?ae=Item&a=New")
    sent = await browser.post(
        "/owa/?ae=Item&a=Send",
        data={
            "canary": canary_of(form.text),
            "to": "Bob Baker; carol@out.example",
            "subject": "Gr\u00fc\u00dfe\r\nBcc: x",
            "body": "one\r\ntwo",
        },
    )
    assert 'id="sent"' in sent.text
    (mail,) = place.bob.messages["Inbox"]
    assert (mail.sender, mail.subject, mail.body) == (
        "alice@corp.example",
        "Gr\u00fc\u00dfe Bcc: x",
        "one\ntwo",
    )
    assert [m.to for m in place.organisation.mail.outside] == [
        ("bob@corp.example", "carol@out.example")
    ]
    assert "bob@corp.example" in (await browser.get("/owa/?ae=Folder&fld=Sent%20Items")).text


@pytest.mark.parametrize("to", ["", " ; ", "nobody", "a b@out.example", "bob@corp.example; nobody"])
async def test_who_cannot_be_addressed_is_said_and_nothing_lost(place: Place, to: str) -> None:
    browser = await place.browser()
    form = await browser.get("/owa/?ae=Item&a=New")
    fields = {"canary": canary_of(form.text), "to": to, "subject": NASTY, "body": "kept"}
    again = await browser.post("/owa/?ae=Item&a=Send", data=fields)
    assert 'class="note"' in again.text
    assert ">\nkept</textarea>" in again.text
    assert not place.alice.messages["Sent Items"]


async def test_without_the_canary_nothing_is_sent(place: Place) -> None:
    browser = await place.browser()
    fields = {"to": "bob@corp.example", "subject": "x", "body": "y"}
    assert (await browser.post("/owa/", data=fields)).status_code == 403
    form = await browser.get("/owa/?ae=Item&a=New")
    right = canary_of(form.text)
    assert (await browser.post("/owa/", data=fields | {"canary": right[:-1]})).status_code == 403
    other = await place.browser(username="bob", password="Bob-pw-1")
    other.cookies.set("X-OWA-CANARY", right)
    assert (await other.post("/owa/", data=fields | {"canary": right})).status_code == 403
    assert not place.bob.messages["Inbox"]
    assert (await browser.post("/owa/", data=fields | {"canary": right})).status_code == 200


async def test_the_pages_carry_what_keeps_a_browser_safe(place: Place) -> None:
    browser = await place.browser()
    for path in ("/owa/", "/owa/auth/logon.aspx", "/owa/?a=Open&id=x"):
        headers = (await browser.get(path)).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "SAMEORIGIN"
        assert headers["cache-control"] == "no-store"


async def test_what_is_not_there_is_404_and_odd_methods_405(place: Place) -> None:
    browser = await place.browser()
    assert (await browser.get("/owa/?ae=Item&a=Open&id=x")).status_code == 404
    assert (await browser.get("/owa/?fld=Secrets")).status_code == 404
    assert (await browser.delete("/owa/")).status_code == 405
    head = await browser.head("/owa/")
    assert (head.status_code, head.content) == (200, b"")


async def test_the_service_lists_the_inbox(place: Place) -> None:
    for number in range(3):
        place.organisation.deliver("x@out.example", "alice@corp.example", f"n{number}", "")
    browser = await place.browser()
    assert (await browser.post(SERVICE, json={})).status_code == 449
    canary = browser.cookies["X-OWA-CANARY"]
    body = {"Body": {"Paging": {"Offset": 1, "MaxEntriesReturned": 1}}}
    answer = await browser.post(SERVICE, json=body, headers={"X-OWA-CANARY": canary})
    (message,) = answer.json()["Body"]["ResponseMessages"]["Items"]
    assert message["ResponseCode"] == "NoError"
    assert message["RootFolder"]["TotalItemsInView"] == 3
    assert [item["Subject"] for item in message["RootFolder"]["Items"]] == ["n1"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 200),
        (b"[]", 200),
        (b'{"Body": 1}', 200),
        (b'{"Body": {"Paging": [], "ParentFolderIds": {}}}', 200),
        (b'{"Body": {"Paging": {"Offset": -1, "MaxEntriesReturned": true}}}', 200),
        (b'{"Body": {"ParentFolderIds": [{"Id": 7}]}}', 200),
        (b"{", 400),
        (b"\xff", 400),
        (b"[" * 5000, 400),
    ],
)
async def test_odd_calls_of_the_service(place: Place, body: bytes, status: int) -> None:
    browser = await place.browser()
    await browser.get("/owa/")
    headers = {"X-OWA-CANARY": browser.cookies["X-OWA-CANARY"]}
    answer = await browser.post(SERVICE, content=body, headers=headers)
    assert answer.status_code == status
    other = await browser.post("/owa/service.svc?action=Delete", content=body, headers=headers)
    assert other.json()["Body"]["ResponseCode"] == "ErrorInvalidOperation"


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("feature", "enabled for this mailbox"),
        ("self", "have permission to open this mailbox"),
        ("quarantine", "quarantined"),
        ("move", "being moved"),
        ("disabled", "no mailbox"),
    ],
)
async def test_a_refusal_is_a_page_with_status_200(place: Place, what: str, words: str) -> None:
    browser = await place.browser()
    assert (await browser.get("/owa/")).status_code == 200
    canary = browser.cookies["X-OWA-CANARY"]
    shut(place, what)
    page = await browser.get("/owa/")
    assert page.status_code == 200
    assert 'id="errorInfo"' in page.text
    assert words in unescape(page.text)
    assert "Exception" in page.headers["x-owa-error"]
    service = await browser.post(SERVICE, json={}, headers={"X-OWA-CANARY": canary})
    assert service.status_code == 500
    assert service.headers["x-owa-error"] == page.headers["x-owa-error"]
    assert service.json()["Body"]["ErrorCode"] == 500


def shut(place: Place, what: str) -> None:
    organisation = place.organisation
    if what == "feature":
        organisation.set_features("alice", owa=False)
        organisation.recycle("ex01", Pool.OWA)
    elif what == "self":
        # The two system entries let in whose token is older, so they go as well.
        organisation.remove_permission("alice", "NT AUTHORITY\\SELF", ["FullAccess"])
        organisation.recycle("ex01", Pool.OWA)
        place.alice.acl.clear()
    elif what == "quarantine":
        organisation.quarantine("alice")
    elif what == "move":
        organisation.start_move("alice", "DB02")
        while not organisation.moves.locked("alice"):
            due = organisation.next_due()
            assert due is not None
            place.wait(due - place.now[0])
    else:
        place.alice.connected = False


async def test_a_delegate_opens_somebody_elses_mailbox(place: Place) -> None:
    browser = await place.browser()
    refused = await browser.get("/owa/bob@corp.example/")
    assert "have permission" in unescape(refused.text)
    place.organisation.set_permission("bob", "alice@corp.example", ["FullAccess"])
    place.bob.send_as.append("alice")
    page = await browser.get("/owa/bob@corp.example/")
    assert "Bob Baker" in page.text
    form = await browser.get("/owa/bob@corp.example/?ae=Item&a=New")
    fields = {"canary": canary_of(form.text), "to": "alice", "subject": "s", "body": ""}
    await browser.post("/owa/bob@corp.example/?ae=Item&a=Send", data=fields)
    assert [m.sender for m in place.alice.messages["Inbox"]] == ["bob@corp.example"]


async def test_a_published_calendar_needs_no_login(place: Place) -> None:
    client = await place.client()
    place.alice.calendar.url = (
        "http://mail.corp.example/owa/calendar/abc@corp.example/calendar.html"
    )
    path = "/owa/calendar/abc@corp.example/calendar.html"
    assert (await client.get(path)).status_code == 404
    place.alice.calendar.enabled = True
    page = await client.get(path)
    assert page.status_code == 200
    assert "Calendar of Alice &lt;Archer&gt;" in page.text
    assert "cadata" not in client.cookies
