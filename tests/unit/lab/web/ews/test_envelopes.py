# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
from xml.etree import ElementTree as ET

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evict.lab.model.profile import Version
from evict.lab.model.words import Pool
from evict.lab.web.ews import soap
from evict.wire import ews as wire
from tests.unit.lab.web.loopback import NAME, PASSWORD
from tests.unit.lab.web.owa.place import MakePlace, Place

PATH = "/EWS/Exchange.asmx"
BASIC = {"Authorization": "Basic " + base64.b64encode(f"{NAME}:{PASSWORD}".encode()).decode()}
XML = {"Content-Type": "text/xml; charset=utf-8"}
NAMES = f'xmlns:s="{soap.SOAP}" xmlns:m="{soap.MESSAGES}" xmlns:t="{soap.TYPES}"'
BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


def envelope(body: str, header: str = "", before: str = "") -> bytes:
    head = f"<s:Header>{header}</s:Header>" if header else ""
    return f"{before}<s:Envelope {NAMES}>{head}<s:Body>{body}</s:Body></s:Envelope>".encode()


async def ask(place: Place, body: bytes) -> httpx2.Response:
    return await (await place.client()).post(PATH, content=body, headers=BASIC | XML)


def code(answer: httpx2.Response) -> list[str]:
    return list(wire.parse(answer.content).codes)


async def test_a_folder_comes_with_the_server_s_version(place: Place) -> None:
    answer = await ask(place, wire.get_inbox())
    assert answer.status_code == 200
    assert code(answer) == ["NoError"]
    info = ET.fromstring(answer.content).find(f".//{{{soap.TYPES}}}ServerVersionInfo")  # noqa: S314
    assert info is not None
    assert info.get("MajorVersion") == "15"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not xml",
        b"<x/>",
        b"\xff\xfe<",
        b'<?xml version="1.0" encoding="no-such"?><x/>',
        envelope(""),
        envelope("<m:GetFolder/><m:GetFolder/>"),
        envelope("<GetFolder/>"),
        envelope("<m:GetFolder/>", before=BOMB),
        envelope("<m:GetFolder>&a;</m:GetFolder>", before=OUTSIDE),
        envelope("<m:a>" * 100 + "</m:a>" * 100),
        envelope("<m:FindItem>" + "<m:a/>" * 20_001 + "</m:FindItem>"),
    ],
    ids=range(12),
)
async def test_what_is_no_envelope_is_a_fault(place: Place, body: bytes) -> None:
    answer = await ask(place, body)
    assert answer.status_code == 500
    assert code(answer) == ["ErrorSchemaValidation"]
    assert b"root:" not in answer.content


async def test_what_is_too_much_is_413(place: Place) -> None:
    answer = await ask(place, b" " * (8 * 1024 * 1024 + 1))
    assert answer.status_code == 413


async def test_an_unknown_operation_and_impersonation_are_faults(place: Place) -> None:
    assert code(await ask(place, envelope("<m:DeleteItem/>"))) == ["ErrorInvalidOperation"]
    header = "<t:ExchangeImpersonation><t:ConnectingSID/></t:ExchangeImpersonation>"
    answer = await ask(place, envelope("<m:GetFolder/>", header))
    assert code(answer) == ["ErrorImpersonateUserDenied"]


FOLDER = '<m:FolderIds><t:DistinguishedFolderId Id="{}"/><t:FolderId Id="{}"/></m:FolderIds>'
PARENT = '<m:ParentFolderIds><t:DistinguishedFolderId Id="{}"/></m:ParentFolderIds>'
MESSAGE = "<m:Items><t:Message>{}</t:Message></m:Items>"
SEND = '<m:CreateItem MessageDisposition="SendOnly">'
MIME = "<t:MimeContent>QQ==</t:MimeContent>"
OTHER = f"<m:Items><t:Message>{MIME}</t:Message><t:Task/></m:Items>"
TO = "<t:ToRecipients><t:Mailbox><t:EmailAddress>{}</t:EmailAddress></t:Mailbox></t:ToRecipients>"


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        (f"<m:GetFolder>{FOLDER.format('x', 'y')}</m:GetFolder>", ["ErrorItemNotFound"] * 2),
        (f"<m:FindItem>{PARENT.format('x')}</m:FindItem>", ["ErrorFolderNotFound"]),
        (f"<m:FindFolder>{PARENT.format('x')}</m:FindFolder>", ["ErrorFolderNotFound"]),
        (
            f"<m:FindItem><m:Restriction/>{PARENT.format('inbox')}</m:FindItem>",
            ["ErrorUnsupportedQueryFilter"],
        ),
        ('<m:GetItem><m:ItemIds><t:ItemId Id="x"/></m:ItemIds></m:GetItem>', ["ErrorItemNotFound"]),
        (
            f"<m:CreateItem>{MESSAGE.format(TO.format('a@b.c'))}</m:CreateItem>",
            ["ErrorMessageDispositionRequired"],
        ),
        (
            f"{SEND}{MESSAGE.format('')}</m:CreateItem>",
            ["ErrorInvalidRecipients"],
        ),
        (
            f"{SEND}{MESSAGE.format(TO.format('nobody'))}</m:CreateItem>",
            ["ErrorInvalidRecipients"],
        ),
        (
            f"{SEND}{OTHER}</m:CreateItem>",
            ["ErrorInvalidOperation"] * 2,
        ),
        (
            "<m:ResolveNames><m:UnresolvedEntry>nobody</m:UnresolvedEntry></m:ResolveNames>",
            ["ErrorNameResolutionNoResults"],
        ),
        (
            "<m:ResolveNames><m:UnresolvedEntry>Bob Baker</m:UnresolvedEntry></m:ResolveNames>",
            ["NoError"],
        ),
    ],
    ids=range(11),
)
async def test_what_cannot_be_done_is_said(place: Place, body: str, codes: list[str]) -> None:
    answer = await ask(place, envelope(body))
    assert answer.status_code == 200
    assert code(answer) == codes
    assert not place.organisation.mail.outside


async def test_each_thing_asked_for_is_refused(place: Place) -> None:
    place.organisation.quarantine("alice")
    answer = await ask(place, envelope(f"<m:GetFolder>{FOLDER.format('inbox', 'y')}</m:GetFolder>"))
    assert code(answer) == ["ErrorMailboxStoreUnavailable"] * 2


async def test_nobody_and_somebody_disabled_are_401(place: Place) -> None:
    client = await place.client()
    answer = await client.post(PATH, content=wire.get_inbox(), headers=XML)
    assert answer.status_code == 401
    offers = answer.headers.get_list("www-authenticate")
    assert offers == ["Negotiate", "NTLM", 'Basic realm="ex01.corp.example"']
    place.organisation.directory.disable("alice")
    assert (await ask(place, wire.get_inbox())).status_code == 401


async def test_the_path_the_method_and_the_version(place: Place, places: MakePlace) -> None:
    client = await place.client()
    assert (await client.get(PATH, headers=BASIC)).status_code == 200
    assert (await client.put(PATH, headers=BASIC)).status_code == 405
    assert (await client.post("/EWS/Other.asmx", headers=BASIC)).status_code == 404
    old = await places(Version.V2003)
    assert (await (await old.client()).post(PATH, headers=BASIC)).status_code == 404


async def test_every_request_is_in_the_log(place: Place) -> None:
    await ask(place, wire.get_inbox())
    await (await place.client()).post(PATH)
    place.organisation.servers["ex01"].down = True
    assert (await ask(place, wire.get_inbox())).status_code == 503
    lines = [(line.sam, line.status) for line in place.organisation.http_log["ex01"]]
    assert lines == [("alice", 200), ("", 401), ("", 503)]


async def test_the_probe_and_the_site_understand_each_other(place: Place) -> None:
    answer = await ask(place, wire.get_inbox())
    assert wire.read(answer.status_code, answer.content).words == "GetFolder: the inbox"
    place.organisation.set_features("alice", ews=False)
    place.organisation.recycle("ex01", Pool.SERVICES)
    assert (await ask(place, wire.get_inbox())).status_code == 403


@given(st.binary(max_size=300))
def test_any_bytes_are_an_envelope_or_are_not(data: bytes) -> None:
    try:
        asked = soap.parse(data)
    except soap.NotSoap:
        return
    assert asked.operation.tag.startswith(f"{{{soap.MESSAGES}}}")


@given(st.text(max_size=60))
def test_what_is_written_can_be_read(text: str) -> None:
    made = soap.envelope(soap.t("Subject", text=text), (15, 2, 1, 0), "Exchange2016")
    found = ET.fromstring(made).find(f".//{{{soap.TYPES}}}Subject")  # noqa: S314
    assert found is not None
    expected = soap.printable(text).replace("\r\n", "\n").replace("\r", "\n")
    assert (found.text or "") == expected
