# SPDX-License-Identifier: Apache-2.0
"""GetFolder and FindFolder."""

from __future__ import annotations

from typing import Final
from xml.etree import ElementTree as ET

from evict.lab.web.ews.call import Call
from evict.lab.web.ews.names import CHANGE_KEY, FOLDERS, folder_named, made_id
from evict.lab.web.ews.soap import answer, children, failure, m, success, t

_KINDS: Final = {
    "Calendar": ("CalendarFolder", "IPF.Appointment"),
    "Contacts": ("ContactsFolder", "IPF.Contact"),
}
_MAIL: Final = ("Folder", "IPF.Note")


def get_folder(call: Call) -> ET.Element:
    wanted = children(call.operation, "FolderIds")
    return answer("GetFolder", *(_one(call, element) for element in wanted))


def _one(call: Call, wanted: ET.Element) -> ET.Element:
    name = folder_named(wanted, call.box)
    if name is None or not call.sees(name):
        text = "The specified object was not found in the store."
        return failure("GetFolder", "ErrorItemNotFound", text)
    return success("GetFolder", m("Folders", _folder(call, name)))


def find_folder(call: Call) -> ET.Element:
    """Below the root there is one level, and nothing below that."""
    parents = children(call.operation, "ParentFolderIds")
    return answer("FindFolder", *(_below(call, element) for element in parents))


def _below(call: Call, parent: ET.Element) -> ET.Element:
    name = folder_named(parent, call.box)
    if name is None:
        text = "The specified folder could not be found in the store."
        return failure("FindFolder", "ErrorFolderNotFound", text)
    below = [] if name else [f for f in FOLDERS.values() if call.sees(f)]
    root = m(
        "RootFolder",
        t("Folders", *(_folder(call, folder) for folder in below)),
        IndexedPagingOffset=str(len(below)),
        TotalItemsInView=str(len(below)),
        IncludesLastItemInRange="true",
    )
    return success("FindFolder", root)


def _folder(call: Call, name: str) -> ET.Element:
    messages = call.box.messages.get(name, [])
    kind, item_class = _KINDS.get(name, _MAIL)
    made = t(kind, t("FolderId", Id=made_id(call.box, name), ChangeKey=CHANGE_KEY))
    if name:
        made.append(t("ParentFolderId", Id=made_id(call.box, ""), ChangeKey=CHANGE_KEY))
        made.append(t("FolderClass", text=item_class))
    made.append(t("DisplayName", text=name or "Top of Information Store"))
    made.append(t("TotalCount", text=str(len(messages))))
    made.append(t("ChildFolderCount", text="0" if name else str(len(FOLDERS))))
    if kind == "Folder":
        made.append(t("UnreadCount", text=str(sum(not message.read for message in messages))))
    return made
