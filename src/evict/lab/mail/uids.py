# SPDX-License-Identifier: Apache-2.0
"""Unique identifiers and flags of messages, which the model does not know.

Spec: RFC 3501 section 2.3.1.1 (ascending, never used again), 2.3.2 (flags).
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Final
from weakref import WeakKeyDictionary

from msgspec.structs import replace

from evict.lab.model.mailbox import Mailbox, Message

SEEN: Final = "\\Seen"
FLAGS: Final = (SEEN, "\\Answered", "\\Flagged", "\\Deleted", "\\Draft")


@dataclass
class FolderUids:
    """Of one folder; every server of the organisation shares it."""

    validity: int
    next: int = 1
    of: dict[str, int] = field(default_factory=dict)
    flags: dict[int, set[str]] = field(default_factory=dict)

    def listed(self, messages: list[Message]) -> list[tuple[int, Message]]:
        """Uids and messages in ascending order; new ones get the next numbers."""
        here = {message.id: message for message in messages}
        for gone in [held for held in self.of if held not in here]:
            self.flags.pop(self.of.pop(gone), None)
        for name in here:
            if name not in self.of:
                self.of[name] = self.next
                self.next += 1
        return sorted(((self.of[n], m) for n, m in here.items()), key=lambda pair: pair[0])

    def flags_of(self, uid: int, message: Message) -> frozenset[str]:
        held = self.flags.get(uid, set())
        return frozenset({*held, SEEN} if message.read else held)


_BOOKS: Final[WeakKeyDictionary[Mailbox, dict[str, FolderUids]]] = WeakKeyDictionary()


def folder_of(box: Mailbox, folder: str) -> FolderUids:
    book = _BOOKS.setdefault(box, {})
    if folder not in book:
        # 31 bits that are the same whenever this mailbox is made again.
        validity = uuid.uuid5(uuid.UUID(box.guid), folder).int & 0x7FFFFFFF
        book[folder] = FolderUids(validity=validity or 1)
    return book[folder]


def set_flags(box: Mailbox, folder: str, uid: int, message: Message, flags: frozenset[str]) -> None:
    """Read or unread is the model's, so that every other client of the mailbox sees it."""
    held = folder_of(box, folder)
    held.flags[uid] = set(flags) - {SEEN}
    read = SEEN in flags
    messages = box.messages.get(folder, [])
    for number, other in enumerate(messages):
        if other.id == message.id and other.read != read:
            messages[number] = replace(other, read=read)
    box.changed()


def remove(box: Mailbox, folder: str, ids: set[str]) -> None:
    """Take messages out of a folder."""
    messages = box.messages.get(folder, [])
    left = [message for message in messages if message.id not in ids]
    if len(left) != len(messages):
        messages[:] = left
        box.changed()
