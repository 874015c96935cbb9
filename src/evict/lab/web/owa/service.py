# SPDX-License-Identifier: Apache-2.0
"""`service.svc`: what the pages' scripts ask, in JSON. FindItem alone is there (2013 and later)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from evict.lab.http.messages import Request, Response
from evict.lab.model.mailbox import Message
from evict.lab.model.store import Access
from evict.lab.web.owa.answers import json

_FOLDERS: Final = {
    "inbox": "Inbox",
    "sentitems": "Sent Items",
    "drafts": "Drafts",
    "deleteditems": "Deleted Items",
}
_MOST: Final = 200


def serve(request: Request, access: Access) -> Response:
    """One call of somebody whose canary was right."""
    if request.method != "POST":
        return Response(405, [("Allow", "POST")])
    action = request.query.get("action") or request.headers.get("Action")
    if action.lower() != "finditem":
        return json(500, _failed("ErrorInvalidOperation", f"no action {action[:64]!r}"))
    try:
        asked = msgspec.json.decode(request.body) if request.body else {}
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return Response(400)
    body = asked.get("Body") if isinstance(asked, dict) else None
    return json(200, _find_item(body if isinstance(body, dict) else {}, access))


def _failed(code: str, words: str) -> dict[str, Any]:
    return {"Body": {"ErrorCode": 500, "ResponseCode": code, "FaultMessage": words}}


def _find_item(body: dict[str, Any], access: Access) -> dict[str, Any]:
    folder = _FOLDERS.get(_folder(body).lower())
    if folder is None or (access.folders is not None and folder not in access.folders):
        message = {"ResponseClass": "Error", "ResponseCode": "ErrorFolderNotFound"}
        return _messages(message)
    asked = body.get("Paging")
    paging: dict[str, Any] = asked if isinstance(asked, dict) else {}
    start, most = _number(paging, "Offset", 0), _number(paging, "MaxEntriesReturned", _MOST)
    found = access.mailbox.messages.get(folder, [])[::-1]
    part = found[start : start + min(most, _MOST)]
    root = {
        "IncludesLastItemInRange": start + len(part) >= len(found),
        "TotalItemsInView": len(found),
        "Items": [_item(m) for m in part],
    }
    return _messages({"ResponseClass": "Success", "ResponseCode": "NoError", "RootFolder": root})


def _folder(body: dict[str, Any]) -> str:
    parents = body.get("ParentFolderIds")
    first = parents[0] if isinstance(parents, list) and parents else {"Id": "inbox"}
    named = first.get("Id") if isinstance(first, dict) else None
    return named if isinstance(named, str) else ""


def _number(paging: dict[str, Any], name: str, otherwise: int) -> int:
    value = paging.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        return otherwise
    return value if 0 <= value <= 2**31 else otherwise


def _messages(message: dict[str, Any]) -> dict[str, Any]:
    message["__type"] = "FindItemResponseMessage:#Exchange"
    return {
        "Body": {"__type": "FindItemResponse:#Exchange", "ResponseMessages": {"Items": [message]}}
    }


def _item(message: Message) -> dict[str, Any]:
    return {
        "__type": "Message:#Exchange",
        "ItemId": {"__type": "ItemId:#Exchange", "Id": message.id, "ChangeKey": "AQAAAA=="},
        "Subject": message.subject,
        "DateTimeReceived": f"{datetime.fromtimestamp(message.received, UTC):%Y-%m-%dT%H:%M:%SZ}",
        "IsRead": message.read,
    }
