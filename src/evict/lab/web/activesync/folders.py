# SPDX-License-Identifier: Apache-2.0
"""FolderSync, and Settings as far as a phone asks at its start. Spec: MS-ASCMD."""

from __future__ import annotations

from evict.lab.http.messages import Response
from evict.lab.web.activesync.call import Call, document, printable
from evict.lab.web.activesync.phone import folders
from evict.wire.activesync import (
    FOLDER_SYNC_KEY_INVALID,
    FOLDER_SYNC_MALFORMED,
    Status,
    status_document,
)
from evict.wire.activesync_requests import leaf, node
from evict.wire.wbxml import Element

_PAGE = "FolderHierarchy:"


async def folder_sync(call: Call) -> Response:
    """Folders are only ever added: nothing in the organisation takes one away."""
    key = call.root.text(f"{_PAGE}SyncKey") if call.root is not None else None
    if key is None or call.root is None or call.root.tag != f"{_PAGE}FolderSync":
        return document(status_document("FolderSync", FOLDER_SYNC_MALFORMED))
    phone = call.phone
    if key == "0":
        phone.folders, phone.folder_key = (), 0
    elif key != str(phone.folder_key):
        return document(status_document("FolderSync", FOLDER_SYNC_KEY_INVALID))
    fresh = [f for f in folders(call.access.mailbox) if f[0] not in phone.folders]
    if fresh or key == "0":
        phone.folder_key += 1
        phone.folders += tuple(number for number, _, _ in fresh)
    added = [
        node(
            f"{_PAGE}Add",
            leaf(f"{_PAGE}ServerId", number),
            leaf(f"{_PAGE}ParentId", "0"),
            leaf(f"{_PAGE}DisplayName", printable(name)),
            leaf(f"{_PAGE}Type", kind),
        )
        for number, name, kind in fresh
    ]
    return document(
        node(
            f"{_PAGE}FolderSync",
            leaf(f"{_PAGE}Status", Status.OK),
            leaf(f"{_PAGE}SyncKey", phone.folder_key),
            node(f"{_PAGE}Changes", leaf(f"{_PAGE}Count", len(added)), *added),
        )
    )


async def settings(call: Call) -> Response:
    """Takes the phone's description, gives the person's addresses; nothing is out of office."""
    root = call.root
    if root is None or root.tag != "Settings:Settings":
        return document(status_document("Settings", 2))
    ok = leaf("Settings:Status", Status.OK)
    parts: list[Element] = [ok]
    if root.find("Settings:DeviceInformation") is not None:
        parts.append(node("Settings:DeviceInformation", ok))
    if root.find("Settings:UserInformation") is not None:
        addresses = [
            leaf("Settings:SmtpAddress", address) for address in call.access.mailbox.addresses
        ]
        parts.append(
            node(
                "Settings:UserInformation",
                ok,
                node("Settings:Get", node("Settings:EmailAddresses", *addresses)),
            )
        )
    if root.find("Settings:Oof") is not None:
        state = node("Settings:Get", leaf("Settings:OofState", 0))
        parts.append(node("Settings:Oof", ok, state))
    return document(node("Settings:Settings", *parts))
