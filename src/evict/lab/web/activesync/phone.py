# SPDX-License-Identifier: Apache-2.0
"""What the organisation remembers of a phone between two requests, whichever server takes them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from weakref import WeakKeyDictionary

from evict.lab.model.mailbox import Mailbox, MobileDevice
from evict.lab.model.organisation import Organisation

_TYPES: Final = {
    "Inbox": 2,
    "Drafts": 3,
    "Deleted Items": 4,
    "Sent Items": 5,
    "Outbox": 6,
    "Tasks": 7,
    "Calendar": 8,
    "Contacts": 9,
    "Notes": 10,
    "Journal": 11,
}
_USER_MAIL: Final = 12
_KEPT_IDS: Final = 200

Known = dict[str, bool]
"""Ids of messages, and whether they were read."""


@dataclass
class Collection:
    """One folder as the phone has it.

    Attributes:
        before: key and state of one synchronisation ago, for a phone that lost the answer.
    """

    key: int = 0
    known: Known = field(default_factory=dict)
    before: tuple[int, Known] | None = None

    def base(self, key: str) -> Known | None:
        """The state that a phone with this key has; None: the key is none of ours."""
        if key == str(self.key):
            return self.known
        if self.before is not None and key == str(self.before[0]):
            return self.before[1]
        return None

    def step(self, key: str, base: Known, now: Known) -> None:
        """The phone, which had `base`, is told `now` under the next key."""
        self.before = (int(key), base)
        self.key += 1
        self.known = now


@dataclass
class Phone:
    """One phone at one mailbox.

    Attributes:
        device: its partnership; where that is made anew, the phone begins anew.
        offered_key: of the policy that it was sent and has not acknowledged.
        sent: client ids of its last mails, so that none goes twice.
    """

    device: MobileDevice
    offered_key: int = 0
    folder_key: int = 0
    folders: tuple[str, ...] = ()
    collections: dict[str, Collection] = field(default_factory=dict)
    heartbeat: int = 0
    watched: tuple[str, ...] = ()
    sent: deque[str] = field(default_factory=lambda: deque(maxlen=_KEPT_IDS))


class Phones:
    """All of one organisation."""

    _of: Final[WeakKeyDictionary[Organisation, Phones]] = WeakKeyDictionary()

    def __init__(self) -> None:
        self._phones: dict[tuple[str, str], Phone] = {}

    @classmethod
    def of(cls, organisation: Organisation) -> Phones:
        return cls._of.setdefault(organisation, cls())

    def phone(self, box: Mailbox, device: MobileDevice) -> Phone:
        key = (box.sam, device.device_id)
        known = self._phones.get(key)
        if known is None or known.device is not device:
            known = self._phones[key] = Phone(device)
        return known


def folders(box: Mailbox) -> Iterator[tuple[str, str, int]]:
    """Id, name and type of each folder."""
    for number, name in enumerate(box.folders, start=1):
        yield str(number), name, _TYPES.get(name, _USER_MAIL)


def folder_name(box: Mailbox, folder_id: str) -> str | None:
    return next((name for number, name, _ in folders(box) if number == folder_id), None)


def state_of(box: Mailbox, name: str) -> Known:
    """What lies in a folder now."""
    return {message.id: message.read for message in box.messages.get(name, ())}
