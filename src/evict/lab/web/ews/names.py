# SPDX-License-Identifier: Apache-2.0
"""Ids: of a folder or an item, in which the mailbox is named too, as Exchange's are."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Final
from xml.etree import ElementTree as ET

from evict.lab.model.mailbox import Mailbox
from evict.lab.web.ews.soap import TYPES, local, t

FOLDERS: Final = {
    "inbox": "Inbox",
    "sentitems": "Sent Items",
    "drafts": "Drafts",
    "deleteditems": "Deleted Items",
    "calendar": "Calendar",
    "contacts": "Contacts",
}
_ROOTS: Final = ("root", "msgfolderroot")
CHANGE_KEY: Final = "AQAAAA=="
_NAMING: Final = ("DistinguishedFolderId", "FolderId", "ItemId", "ParentItemId")


def made_id(box: Mailbox, name: str) -> str:
    return base64.b64encode(f"{box.guid}/{name}".encode()).decode()


def read_id(text: str) -> tuple[str, str] | None:
    """Mailbox and what in it; None where nobody made it."""
    try:
        guid, slash, name = base64.b64decode(text, validate=True).decode().partition("/")
    except (binascii.Error, ValueError):
        return None
    return (guid, name) if slash else None


def folder_named(element: ET.Element, box: Mailbox) -> str | None:
    """Name of the folder that an id means, "" the root; None: no such one in this mailbox."""
    text = element.get("Id", "")
    if local(element) == "DistinguishedFolderId":
        return "" if text in _ROOTS else FOLDERS.get(text)
    read = read_id(text)
    if read is None or read[0] != box.guid:
        return None
    return read[1] if read[1] in ("", *FOLDERS.values()) else None


def item_named(element: ET.Element, box: Mailbox) -> str:
    """Id of the message; "" where it is none of this mailbox."""
    read = read_id(element.get("Id", ""))
    return read[1] if read is not None and read[0] == box.guid else ""


def mailboxes(operation: ET.Element) -> Iterator[str]:
    """Addresses and ids of mailboxes that an operation names."""
    for element in operation.iter():
        if local(element) not in _NAMING:
            continue
        address = element.findtext(f"{{{TYPES}}}Mailbox/{{{TYPES}}}EmailAddress")
        read = read_id(element.get("Id", ""))
        if address:
            yield address.strip()
        elif read is not None and local(element) != "DistinguishedFolderId":
            yield read[0]


def mailbox(address: str, kind: str = "Mailbox") -> ET.Element:
    return t(kind, t("Name", text=address), t("EmailAddress", text=address))
