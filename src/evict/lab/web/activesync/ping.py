# SPDX-License-Identifier: Apache-2.0
"""Ping: tell me when something changes in these folders. Spec: MS-ASCMD, Ping."""

from __future__ import annotations

from typing import Final

from evict.lab.http.messages import Response
from evict.lab.web.activesync.call import Call, document
from evict.lab.web.activesync.hold import Held, hold
from evict.lab.web.activesync.phone import Known, folder_name, state_of
from evict.wire.activesync import Ping
from evict.wire.activesync_requests import leaf, node
from evict.wire.wbxml import Element

MOST_FOLDERS: Final = 1000
"""Assumed: web.config of the Sync site, MaxNumOfFolders."""


async def ping(call: Call) -> Response:
    """Without a body it means the same as last time."""
    refused = _remember(call)
    if refused is not None:
        return document(refused)
    box, phone = call.access.mailbox, call.phone
    names = {i: folder_name(box, i) or "" for i in phone.watched}
    if not all(names.values()):
        return _answer(Ping.HIERARCHY_CHANGED)
    before = {i: _phone_has(call, i, name) for i, name in names.items()}

    def changed() -> list[str]:
        return [i for i, name in names.items() if state_of(box, name) != before[i]]

    why = await hold(call, phone.heartbeat, lambda: bool(changed()))
    if why is Held.EXPIRED:
        return _answer(Ping.EXPIRED)
    if why is not Held.CHANGED:
        return Response(503, close=True)
    folders = node("Ping:Folders", *(leaf("Ping:Folder", i) for i in changed()))
    return _answer(Ping.CHANGED, folders)


def _answer(status: Ping, *more: Element) -> Response:
    return document(node("Ping:Ping", leaf("Ping:Status", status), *more))


def _phone_has(call: Call, folder_id: str, name: str) -> Known:
    """As it was synchronised last; a folder that never was: as it is now."""
    collection = call.phone.collections.get(folder_id)
    if collection is not None and collection.key:
        return collection.known
    return state_of(call.access.mailbox, name)


def _remember(call: Call) -> Element | None:
    """Take over what the request says; an answer where that does not do."""
    phone, root = call.phone, call.root
    if root is not None:
        if root.tag != "Ping:Ping":
            return _status(Ping.SYNTAX)
        text = root.text("Ping:HeartbeatInterval")
        folders = root.find("Ping:Folders")
        if text is not None:
            if not (text.isascii() and text.isdigit() and len(text) < 9):
                return _status(Ping.SYNTAX)
            phone.heartbeat = int(text)
        if folders is not None:
            watched = (folder.text("Ping:Id") or "" for folder in folders.all("Ping:Folder"))
            phone.watched = tuple(dict.fromkeys(watched))
    if not phone.heartbeat or not phone.watched:
        return _status(Ping.PARAMETERS_MISSING)
    if len(phone.watched) > MOST_FOLDERS:
        return _status(Ping.TOO_MANY_FOLDERS, leaf("Ping:MaxFolders", MOST_FOLDERS))
    return _within_bounds(call)


def _within_bounds(call: Call) -> Element | None:
    delays = call.organisation.delays
    lowest, highest = int(delays.heartbeat_min_s.value), int(delays.heartbeat_max_s.value)
    bound = min(max(call.phone.heartbeat, lowest), highest)
    if bound == call.phone.heartbeat:
        return None
    call.phone.heartbeat = 0
    return _status(Ping.HEARTBEAT_OUT_OF_RANGE, leaf("Ping:HeartbeatInterval", bound))


def _status(status: Ping, *more: Element) -> Element:
    return node("Ping:Ping", leaf("Ping:Status", status), *more)
