# SPDX-License-Identifier: Apache-2.0
"""A mail as a phone gets it, whole or cut short. Spec: MS-ASEMAIL 2.2.2, MS-ASAIRS 2.2.2."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from evict.lab.http.messages import Response
from evict.lab.model.mailbox import Message
from evict.lab.web.activesync.call import Call, document, printable
from evict.lab.web.activesync.phone import folder_name
from evict.wire.activesync import Status, SyncStatus, status_document
from evict.wire.activesync_requests import leaf, node
from evict.wire.wbxml import Element

_PLAIN: Final = 1
_FETCH_NOT_FOUND: Final = 6
_FETCH_PROTOCOL_ERROR: Final = 2
_BODIES_SINCE: Final = "12.0"


def application_data(call: Call, message: Message, limit: int | None) -> list[Element]:
    """What the phone is told of a mail.

    Args:
        limit: bytes of the text that the phone wants at most; None: all.
    """
    received = datetime.fromtimestamp(message.received, UTC)
    return [
        leaf("Email:To", printable(", ".join(message.to))),
        leaf("Email:From", printable(message.sender)),
        leaf("Email:Subject", printable(message.subject)),
        leaf("Email:DateReceived", received.strftime("%Y-%m-%dT%H:%M:%S.000Z")),
        leaf("Email:DisplayTo", printable("; ".join(message.to))),
        leaf("Email:ThreadTopic", printable(message.subject)),
        leaf("Email:Importance", 1),
        leaf("Email:Read", int(message.read)),
        *_body(call, printable(message.body), limit),
        leaf("Email:MessageClass", "IPM.Note"),
        leaf("Email:InternetCPID", 65001),
    ]


def _body(call: Call, text: str, limit: int | None) -> list[Element]:
    """Plain text, the only kind there is here."""
    raw = text.encode()
    cut = limit is not None and len(raw) > limit
    shown = raw[:limit].decode("utf-8", "ignore") if cut else text
    if not call.since(_BODIES_SINCE):
        return [leaf("Email:BodyTruncated", int(cut)), leaf("Email:Body", shown)]
    return [
        node(
            "AirSyncBase:Body",
            leaf("AirSyncBase:Type", _PLAIN),
            leaf("AirSyncBase:EstimatedDataSize", len(raw)),
            leaf("AirSyncBase:Truncated", int(cut)),
            leaf("AirSyncBase:Data", shown),
        )
    ]


def wanted_size(options: Element | None) -> int | None:
    """The limit that a phone set; None: none."""
    texts = (
        [p.text("AirSyncBase:TruncationSize") for p in options.all("AirSyncBase:BodyPreference")]
        if options is not None
        else []
    )
    sizes = [int(t) for t in texts if t and t.isascii() and t.isdigit() and len(t) < 11]
    return max(sizes) if sizes else None


async def item_operations(call: Call) -> Response:
    """Fetch whole mails; nothing else is offered."""
    root = call.root
    fetches = root.all("ItemOperations:Fetch") if root is not None else []
    if not fetches:
        return document(status_document("ItemOperations", _FETCH_PROTOCOL_ERROR))
    return document(
        node(
            "ItemOperations:ItemOperations",
            leaf("ItemOperations:Status", Status.OK),
            node("ItemOperations:Response", *(_fetch(call, fetch) for fetch in fetches)),
        )
    )


def _fetch(call: Call, fetch: Element) -> Element:
    collection = fetch.text("AirSync:CollectionId") or ""
    number = fetch.text("AirSync:ServerId") or ""
    name = folder_name(call.access.mailbox, collection)
    messages = call.access.mailbox.messages.get(name, []) if name else []
    message = next((m for m in messages if m.id == number), None)
    if message is None:
        return node("ItemOperations:Fetch", leaf("ItemOperations:Status", _FETCH_NOT_FOUND))
    limit = wanted_size(fetch.find("ItemOperations:Options"))
    return node(
        "ItemOperations:Fetch",
        leaf("ItemOperations:Status", Status.OK),
        leaf("AirSync:CollectionId", collection),
        leaf("AirSync:ServerId", number),
        leaf("AirSync:Class", "Email"),
        node("ItemOperations:Properties", *application_data(call, message, limit)),
    )


async def item_estimate(call: Call) -> Response:
    """How many changes a synchronisation would bring."""
    page = "GetItemEstimate:"
    asked = call.root.find(f"{page}Collections") if call.root is not None else None
    answers = [_estimate(call, c) for c in asked.all(f"{page}Collection")] if asked else []
    if not answers:
        return document(status_document("GetItemEstimate", Status.INVALID_CONTENT))
    return document(node(f"{page}GetItemEstimate", *answers))


def _estimate(call: Call, asked: Element) -> Element:
    page = "GetItemEstimate:"
    number = asked.text(f"{page}CollectionId") or ""
    name = folder_name(call.access.mailbox, number)
    collection = call.phone.collections.get(number)
    key = asked.text("AirSync:SyncKey") or ""
    base = collection.base(key) if collection is not None and key != "0" else None
    if name is None or base is None:
        reason = 2 if name is None else SyncStatus.INVALID_SYNC_KEY
        return node(f"{page}Response", leaf(f"{page}Status", int(reason)))
    messages = call.access.mailbox.messages[name]
    fresh = sum(base.get(m.id) != m.read for m in messages)
    gone = len(base.keys() - {m.id for m in messages})
    return node(
        f"{page}Response",
        leaf(f"{page}Status", Status.OK),
        node(
            f"{page}Collection",
            leaf(f"{page}CollectionId", number),
            leaf(f"{page}Estimate", fresh + gone),
        ),
    )
