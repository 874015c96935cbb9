# SPDX-License-Identifier: Apache-2.0
"""Our binary XML and libwbxml's are the same, in both directions (Debian: libwbxml2-utils)."""

from __future__ import annotations

import base64
import shutil
import subprocess
from xml.etree import ElementTree as ET

import pytest

from evict.wire import activesync_requests as requests
from evict.wire.activesync import read_body, status_document, write_body
from evict.wire.activesync_pages import PAGES
from evict.wire.wbxml import Element

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(
        not (shutil.which("wbxml2xml") and shutil.which("xml2wbxml")),
        reason="libwbxml2-utils is not installed",
    ),
]

SPELLED = {
    "Email:Att0Id": "AttOId",
    "Email:ReplyTo": "Reply-To",
    "Email:DtStamp": "DTStamp",
    "Email:Type": "Recurrence_Type",
    "Email:Until": "Recurrence_Until",
    "Email:Occurrences": "Recurrence_Occurrences",
    "Email:Interval": "Recurrence_Interval",
    "Email:DayOfWeek": "Recurrence_DayOfWeek",
    "Email:DayOfMonth": "Recurrence_DayOfMonth",
    "Email:WeekOfMonth": "Recurrence_WeekOfMonth",
    "Email:MonthOfYear": "Recurrence_MonthOfYear",
    "Email:Status": "FlagStatus",
    "Provision:RequireStorageCardEncryption": "DeviceEncryptionEnabled",
    "Settings:RightsManagementInformation": "ihsManagementInformation",
    "ComposeMail:Mime": "MIME",
    "ComposeMail:Name": "ForwardeeName",
    "ComposeMail:Email": "ForwardeeEmail",
}
"""How libwbxml 0.11.8 names the same tokens."""
UNKNOWN = {"Provision:AccountOnlyRemoteWipe"}
"""Newer than libwbxml 0.11.8."""
NAMES = {(tag.partition(":")[0], theirs): tag for tag, theirs in SPELLED.items()}

DOCUMENTS = [
    requests.folder_sync("0"),
    requests.folder_sync("{7f3c}12"),
    requests.sync("mail/INBOX", "0"),
    requests.sync("5", "0", version="12.1"),
    requests.sync("5", "{x}7", version="16.1"),
    requests.ping(900, ("5", "mail/INBOX")),
    requests.provision(model="m", user_agent="u", version="12.1"),
    requests.provision(model="Møde/ö", user_agent="u", version="16.1"),
    requests.acknowledge(3_000_000_000),
    requests.send_mail("c-1", b"From: a@corp.example\r\n\r\nbytes \x00\xff\x80\r\n"),
    *(
        status_document(command, 131)
        for command in ("FolderSync", "Sync", "Ping", "Provision", "Settings", "ItemOperations")
    ),
]


def told(command: list[str], data: bytes) -> bytes:
    done = subprocess.run(command, input=data, capture_output=True, check=True, timeout=20)
    return done.stdout


def to_xml(document: bytes) -> bytes:
    return told(["wbxml2xml", "-m", "0", "-k", "-l", "ACTIVESYNC", "-o", "-", "-"], document)


def from_xml(text: bytes) -> bytes:
    return told(["xml2wbxml", "-n", "-a", "-k", "-v", "1.3", "-o", "-", "-"], text)


def parsed(text: bytes) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314 - made by a program of this machine from our own


def element_of(node: ET.Element) -> Element:
    page, _, name = node.tag[1:].partition(":}")
    tag = NAMES.get((page, name), f"{page}:{name}")
    data: str | bytes | None = node.text
    if tag == "ComposeMail:Mime" and node.text is not None:
        data = base64.b64decode(node.text)
    return Element(tag, tuple(map(element_of, node)), None if len(node) else data)


@pytest.mark.parametrize("root", DOCUMENTS, ids=lambda root: root.tag)
def test_libwbxml_reads_what_ours_writes_and_writes_what_ours_writes(root: Element) -> None:
    text = to_xml(write_body(root))
    assert element_of(parsed(text)) == root
    assert from_xml(text) == write_body(root)
    assert read_body(from_xml(text)) == root


@pytest.mark.parametrize(
    ("page", "tags"), [(page, list(tags.values())) for page, tags in PAGES.values()]
)
def test_every_token_that_we_speak_has_the_same_name_there(page: str, tags: list[str]) -> None:
    root = Element(f"{page}:{tags[0]}", tuple(Element(f"{page}:{tag}") for tag in tags))
    theirs = [element_of(node).tag for node in parsed(to_xml(write_body(root)))]
    ours = [tag if (tag := f"{page}:{name}") not in UNKNOWN else f"{page}:unknown" for name in tags]
    assert theirs == ours


def test_a_wrong_token_is_seen() -> None:
    """The twin: one byte of a document changed, and libwbxml reads something else."""
    good = write_body(requests.folder_sync("0"))
    changed = good.replace(b"\x52", b"\x4c")
    assert changed != good
    assert element_of(parsed(to_xml(changed))) != requests.folder_sync("0")
