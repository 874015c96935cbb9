# SPDX-License-Identifier: Apache-2.0
"""The operations of Exchange Web Services that are served: what lists a mailbox and sends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from xml.etree import ElementTree as ET

from evict.lab.web.ews import folders, items
from evict.lab.web.ews.call import Call
from evict.lab.web.ews.names import mailbox
from evict.lab.web.ews.soap import MESSAGES, answer, children, failure, m, success, t

_PARTS: Final = {
    "GetFolder": "FolderIds",
    "FindFolder": "ParentFolderIds",
    "FindItem": "ParentFolderIds",
    "GetItem": "ItemIds",
    "CreateItem": "Items",
    "ConvertId": "SourceIds",
}


def convert_id(call: Call) -> ET.Element:
    """What a client asks to learn the version from the answer's header."""
    return refusal(call.operation, "ConvertId", "ErrorInvalidIdMalformed", "Id is malformed.")


def resolve_names(call: Call) -> ET.Element:
    wanted = call.operation.findtext(f"{{{MESSAGES}}}UnresolvedEntry") or ""
    found = call.organisation.find_mailbox(wanted.strip().removeprefix("smtp:"))
    if found is None:
        text = "No results were found."
        return answer("ResolveNames", failure("ResolveNames", "ErrorNameResolutionNoResults", text))
    one = t("Resolution", mailbox(found.primary))
    group = m("ResolutionSet", one, TotalItemsInView="1", IncludesLastItemInRange="true")
    return answer("ResolveNames", success("ResolveNames", group))


def refusal(operation: ET.Element, name: str, code: str, words: str) -> ET.Element:
    """The same for each thing that was asked for, as each has an answer of its own."""
    asked = len(children(operation, _PARTS[name])) if name in _PARTS else 1
    return answer(name, *(failure(name, code, words) for _ in range(max(asked, 1))))


OPERATIONS: Final[dict[str, Callable[[Call], ET.Element]]] = {
    "GetFolder": folders.get_folder,
    "FindFolder": folders.find_folder,
    "FindItem": items.find_item,
    "GetItem": items.get_item,
    "CreateItem": items.create_item,
    "ConvertId": convert_id,
    "ResolveNames": resolve_names,
}
