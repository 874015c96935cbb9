# SPDX-License-Identifier: Apache-2.0
"""FindItem, GetItem and CreateItem."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Final
from xml.etree import ElementTree as ET

from evict.lab.model.mailbox import Message
from evict.lab.model.words import Denial, Denied
from evict.lab.web.ews.call import Call
from evict.lab.web.ews.names import CHANGE_KEY, folder_named, item_named, made_id, mailbox
from evict.lab.web.ews.soap import MESSAGES, TYPES, answer, children, failure, m, success, t

_MOST: Final = 1000
"""What FindItem gives at most: EwsFindCountLimit of 2010 (Set-ThrottlingPolicy), later assumed."""
_SENDS: Final = ("SendOnly", "SendAndSaveCopy")
_RECIPIENTS: Final = ("ToRecipients", "CcRecipients", "BccRecipients")


def find_item(call: Call) -> ET.Element:
    """Newest first unless an ascending order is asked for."""
    parents = children(call.operation, "ParentFolderIds")
    return answer("FindItem", *(_found(call, parent) for parent in parents))


def _found(call: Call, parent: ET.Element) -> ET.Element:
    name = folder_named(parent, call.box)
    if name is None or not call.sees(name):
        text = "The specified folder could not be found in the store."
        return failure("FindItem", "ErrorFolderNotFound", text)
    if call.operation.find(f"{{{MESSAGES}}}Restriction") is not None:
        text = "Searching is not served here."
        return failure("FindItem", "ErrorUnsupportedQueryFilter", text)
    page = call.operation.find(f"{{{MESSAGES}}}IndexedPageItemView")
    offset = _number(page, "Offset", 0)
    most = min(_number(page, "MaxEntriesReturned", _MOST), _MOST)
    messages = call.box.messages.get(name, [])
    ordered = messages if _ascending(call.operation) else messages[::-1]
    items = [_item(call, m_, name, whole=False) for m_ in ordered[offset : offset + most]]
    end = offset + len(items)
    root = m(
        "RootFolder",
        t("Items", *items),
        IndexedPagingOffset=str(end),
        TotalItemsInView=str(len(messages)),
        IncludesLastItemInRange="true" if end >= len(messages) else "false",
    )
    return success("FindItem", root)


def _ascending(operation: ET.Element) -> bool:
    first = operation.find(f"{{{MESSAGES}}}SortOrder/{{{TYPES}}}FieldOrder")
    return first is not None and first.get("Order") == "Ascending"


def _number(element: ET.Element | None, name: str, default: int) -> int:
    text = element.get(name, "") if element is not None else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else default


def get_item(call: Call) -> ET.Element:
    known = {
        message.id: (message, folder)
        for folder, messages in call.box.messages.items()
        if call.sees(folder)
        for message in messages
    }
    wanted = children(call.operation, "ItemIds")
    found = (known.get(item_named(element, call.box)) for element in wanted)
    return answer("GetItem", *(_got(call, one) for one in found))


def _got(call: Call, found: tuple[Message, str] | None) -> ET.Element:
    if found is None:
        text = "The specified object was not found in the store."
        return failure("GetItem", "ErrorItemNotFound", text)
    return success("GetItem", m("Items", _item(call, *found, whole=True)))


def _item(call: Call, message: Message, folder: str, *, whole: bool) -> ET.Element:
    at = datetime.fromtimestamp(message.received, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    made = t("Message", t("ItemId", Id=made_id(call.box, message.id), ChangeKey=CHANGE_KEY))
    made.append(t("ParentFolderId", Id=made_id(call.box, folder), ChangeKey=CHANGE_KEY))
    made.append(t("ItemClass", text="IPM.Note"))
    made.append(t("Subject", text=message.subject))
    if whole:
        made.append(t("Body", text=message.body, BodyType="Text"))
    made.append(t("DateTimeReceived", text=at))
    made.append(t("Size", text=str(len(message.body) + 1024)))
    made.append(t("DateTimeSent", text=at))
    if whole:
        made.append(t("ToRecipients", *(mailbox(address) for address in message.to)))
    made.append(t("From", mailbox(message.sender)))
    made.append(t("IsRead", text="true" if message.read else "false"))
    return made


def create_item(call: Call) -> ET.Element:
    """A message is sent, sent with a copy kept, or stored among the drafts."""
    disposition = call.operation.get("MessageDisposition", "")
    items = children(call.operation, "Items")
    return answer("CreateItem", *(_create(call, item, disposition) for item in items))


def _create(call: Call, item: ET.Element, disposition: str) -> ET.Element:
    if item.tag != f"{{{TYPES}}}Message" or item.find(f"{{{TYPES}}}MimeContent") is not None:
        return _refused("ErrorInvalidOperation", "Only messages made of properties are taken.")
    if disposition not in (*_SENDS, "SaveOnly"):
        text = "Message disposition is required for messages."
        return _refused("ErrorMessageDispositionRequired", text)
    named = [
        (element.text or "").strip()
        for kind in _RECIPIENTS
        for element in item.findall(f"{{{TYPES}}}{kind}/{{{TYPES}}}Mailbox/{{{TYPES}}}EmailAddress")
    ]
    if disposition == "SaveOnly":
        return _saved(call, item, named)
    to = [address for address in (_address(call, name) for name in named) if address]
    if not to or len(to) != len(named):
        return _refused("ErrorInvalidRecipients", "At least one recipient isn't valid.")
    return _sent(call, item, to, keep=disposition != "SendOnly")


def _sent(call: Call, item: ET.Element, to: list[str], *, keep: bool) -> ET.Element:
    own = call.box.sam == call.access.principal.sam
    author = item.findtext(f"{{{TYPES}}}From/{{{TYPES}}}Mailbox/{{{TYPES}}}EmailAddress")
    sent = call.organisation.mail.submit(
        call.access.principal.sam,
        to,
        " ".join(_text(item, "Subject").split()),
        _text(item, "Body"),
        send_as=(author or "").strip() or (None if own else call.box.primary),
        keep=keep,
    )
    if not isinstance(sent, Denied):
        return success("CreateItem", m("Items"))
    if sent.denial is Denial.NO_MAILBOX:
        return _refused("ErrorNonExistentMailbox", "The account has no mailbox.")
    return _refused("ErrorSendAsDenied", sent.text or "Not allowed to send.")


def _saved(call: Call, item: ET.Element, to: list[str]) -> ET.Element:
    if not call.sees("Drafts"):
        return _refused("ErrorAccessDenied", "Access is denied.")
    draft = Message(
        id=uuid.uuid4().hex,
        sender=call.box.primary,
        to=tuple(to),
        subject=_text(item, "Subject"),
        body=_text(item, "Body"),
        received=call.organisation.now(),
        read=True,
    )
    call.box.put("Drafts", draft)
    made = t("ItemId", Id=made_id(call.box, draft.id), ChangeKey=CHANGE_KEY)
    return success("CreateItem", m("Items", t("Message", made)))


def _text(item: ET.Element, name: str) -> str:
    return item.findtext(f"{{{TYPES}}}{name}") or ""


def _address(call: Call, name: str) -> str:
    """Of a person of the organisation by any name, or outside; empty where it is nobody's."""
    box = call.organisation.find_mailbox(name)
    if box is not None:
        return box.primary
    local, at, domain = name.rpartition("@")
    return name if at and local and domain and not any(c.isspace() for c in name) else ""


def _refused(code: str, words: str) -> ET.Element:
    return failure("CreateItem", code, words)
