# SPDX-License-Identifier: Apache-2.0
"""Sync: what changed in a folder since the phone's key, both ways. Spec: MS-ASCMD, Sync."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from evict.lab.http.messages import Response
from evict.lab.model.mailbox import Mailbox
from evict.lab.web.activesync.call import Call, document
from evict.lab.web.activesync.hold import Held, hold
from evict.lab.web.activesync.items import application_data, wanted_size
from evict.lab.web.activesync.phone import Collection, Known, folder_name, state_of
from evict.wire.activesync import Status, SyncStatus, status_document
from evict.wire.activesync_requests import leaf, node
from evict.wire.wbxml import Element

_BIN: Final = "Deleted Items"
_WINDOW: Final = 100
_MOST: Final = 512
_LONGEST_WAIT_S: Final = 59 * 60


async def sync(call: Call) -> Response:
    """An answer without a body says that nothing changed."""
    root = call.root
    if root is None:
        return document(status_document("Sync", SyncStatus.NOT_COMPLETE))
    asked = root.find("AirSync:Collections")
    collections = asked.all("AirSync:Collection") if asked is not None else []
    if root.tag != "AirSync:Sync" or not collections:
        return document(status_document("Sync", SyncStatus.PROTOCOL_ERROR))
    answers = _answers(call, collections)
    wait = _wait_s(root)
    if not answers and wait:
        why = await hold(call, wait, lambda: _any_change(call, collections))
        if why in (Held.CUT, Held.LEFT):
            return Response(503, close=True)
        answers = _answers(call, collections)
    if not answers:
        return Response(200)
    return document(node("AirSync:Sync", node("AirSync:Collections", *answers)))


def _wait_s(root: Element) -> int:
    """Wait in minutes or HeartbeatInterval in seconds; 0: at once."""
    for name, unit in (("AirSync:Wait", 60), ("AirSync:HeartbeatInterval", 1)):
        text = root.text(name) or ""
        if text.isascii() and text.isdigit() and len(text) < 6:
            return min(int(text) * unit, _LONGEST_WAIT_S)
    return 0


def _any_change(call: Call, asked: list[Element]) -> bool:
    for part in asked:
        number = part.text("AirSync:CollectionId") or ""
        name = folder_name(call.access.mailbox, number)
        collection = call.phone.collections.get(number)
        if name and collection and state_of(call.access.mailbox, name) != collection.known:
            return True
    return False


def _answers(call: Call, asked: list[Element]) -> list[Element]:
    answers = (_collection(call, part) for part in asked)
    return [answer for answer in answers if answer is not None]


def _collection(call: Call, asked: Element) -> Element | None:
    number = asked.text("AirSync:CollectionId") or ""
    key = asked.text("AirSync:SyncKey") or ""
    name = folder_name(call.access.mailbox, number)
    if name is None:
        return _status(key, number, SyncStatus.HIERARCHY_CHANGED)
    known = call.phone.collections.setdefault(number, Collection())
    if key == "0":
        call.phone.collections[number] = Collection(key=1)
        return _status("1", number, Status.OK)
    base = known.base(key)
    if base is None or not known.key:
        return _status("0", number, SyncStatus.INVALID_SYNC_KEY)
    base = dict(base)
    responses = _take_over(call.access.mailbox, name, asked, base)
    commands, now, more = _changes(call, name, asked, base)
    if not commands and not responses and asked.find("AirSync:Commands") is None:
        return None
    known.step(key, base, now)
    return _status(str(known.key), number, Status.OK, *_content(more, responses, commands))


def _content(
    more: bool,  # noqa: FBT001 - of what the answer consists
    responses: list[Element],
    commands: list[Element],
) -> list[Element]:
    content = [node("AirSync:Responses", *responses)] if responses else []
    content += [node("AirSync:MoreAvailable")] if more else []
    return content + ([node("AirSync:Commands", *commands)] if commands else [])


def _status(key: str, number: str, status: int, *content: Element) -> Element:
    return node(
        "AirSync:Collection",
        leaf("AirSync:SyncKey", key),
        leaf("AirSync:CollectionId", number),
        leaf("AirSync:Status", int(status)),
        *content,
    )


def _take_over(box: Mailbox, name: str, asked: Element, base: Known) -> list[Element]:
    """The phone's own changes: read or unread, deletion. An answer only where one fails."""
    commands = asked.find("AirSync:Commands")
    to_bin = asked.text("AirSync:DeletesAsMoves") != "0" and name != _BIN
    failed: list[Element] = []
    for command in commands.children if commands is not None else ():
        number = command.text("AirSync:ServerId") or ""
        if command.tag == "AirSync:Delete":
            done = _delete(box, name, number, to_bin=to_bin)
            base.pop(number, None)
        elif command.tag == "AirSync:Change":
            read = command.text("AirSync:ApplicationData", "Email:Read")
            done = _mark(box, name, number, read)
            if done and read is not None and number in base:
                base[number] = read == "1"
        else:
            continue
        if not done:
            parts = leaf("AirSync:ServerId", number), leaf("AirSync:Status", SyncStatus.NOT_FOUND)
            failed.append(node(command.tag, *parts))
    return failed


def _delete(box: Mailbox, name: str, number: str, *, to_bin: bool) -> bool:
    message = next((m for m in box.messages[name] if m.id == number), None)
    if message is None:
        return False
    box.messages[name].remove(message)
    if to_bin:
        box.put(_BIN, message)
    else:
        box.changed()
    return True


def _mark(box: Mailbox, name: str, number: str, read: str | None) -> bool:
    messages = box.messages[name]
    place = next((i for i, m in enumerate(messages) if m.id == number), None)
    if place is None:
        return False
    if read is not None and messages[place].read != (read == "1"):
        messages[place] = replace(messages[place], read=read == "1")
        box.changed()
    return True


def _changes(
    call: Call, name: str, asked: Element, base: Known
) -> tuple[list[Element], Known, bool]:
    """Commands for the phone, what it has after them, and whether there is more."""
    if asked.text("AirSync:GetChanges") == "0":
        return [], dict(base), False
    options = asked.find("AirSync:Options")
    limit = wanted_size(options)
    window = _window(asked.text("AirSync:WindowSize"))
    messages = {message.id: message for message in call.access.mailbox.messages[name]}
    gone = [number for number in base if number not in messages]
    changed = [m for m in messages.values() if base.get(m.id) is not m.read]
    now = {number: read for number, read in base.items() if number in messages}
    commands = [node("AirSync:Delete", leaf("AirSync:ServerId", number)) for number in gone]
    for message in changed[:window]:
        fresh = message.id not in base
        data = (
            application_data(call, message, limit)
            if fresh
            else [leaf("Email:Read", int(message.read))]
        )
        commands.append(
            node(
                "AirSync:Add" if fresh else "AirSync:Change",
                leaf("AirSync:ServerId", message.id),
                node("AirSync:ApplicationData", *data),
            )
        )
        now[message.id] = message.read
    return commands, now, len(changed) > window


def _window(text: str | None) -> int:
    if text is None or not (text.isascii() and text.isdigit() and len(text) < 6):
        return _WINDOW
    return min(int(text) or _MOST, _MOST)
