# SPDX-License-Identifier: Apache-2.0
"""What people may do with each other's mailboxes, seen from both ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final

from msgspec import Struct

from evict.lab.model.directory import DirectoryState
from evict.lab.model.mailbox import SELF, SYSTEM, Mailbox


class GrantKind(StrEnum):
    FULL_ACCESS = "full-access"
    SEND_AS = "send-as"
    SEND_ON_BEHALF = "send-on-behalf"
    FOLDER = "folder"


class Grant(Struct, frozen=True, kw_only=True):
    """`owner`'s mailbox, and what `user` may do with it. `folder` is "" but for folder rights."""

    kind: GrantKind
    owner: str
    user: str
    rights: tuple[str, ...]
    folder: str = ""


_EVERYBODY: Final = ("default", "anonymous")
"""Names in a folder's list that stand for nobody in particular."""


class Grants:
    def __init__(self, directory: DirectoryState, mailboxes: Mapping[str, Mailbox]) -> None:
        self._directory = directory
        self._mailboxes = mailboxes

    def on(self, sam: str) -> list[Grant]:
        """What others have on this mailbox."""
        return list(self._of(self._mailboxes[sam]))

    def held_by(self, sam: str) -> list[Grant]:
        """What this account has elsewhere."""
        return [g for box in self._mailboxes.values() for g in self._of(box) if g.user == sam]

    def _of(self, box: Mailbox) -> Iterator[Grant]:
        """Only what is given to people: neither to the owner nor to the system, nor inherited."""
        for entry in box.acl:
            if not entry.inherited and not entry.deny and not self._system(entry.user):
                yield self._grant(GrantKind.FULL_ACCESS, box, entry.user, entry.rights)
        for user in box.send_as:
            yield self._grant(GrantKind.SEND_AS, box, user, ("Send-As",))
        for user in box.send_on_behalf:
            yield self._grant(GrantKind.SEND_ON_BEHALF, box, user, ("GrantSendOnBehalfTo",))
        for folder, users in box.folder_permissions.items():
            for user, rights in users.items():
                if user.lower() not in _EVERYBODY:
                    yield self._grant(GrantKind.FOLDER, box, user, rights, folder)

    def _grant(
        self, kind: GrantKind, box: Mailbox, user: str, rights: tuple[str, ...], folder: str = ""
    ) -> Grant:
        account = self._directory.find(user)
        name = user if account is None else account.sam
        return Grant(kind=kind, owner=box.sam, user=name, rights=rights, folder=folder)

    def _system(self, user: str) -> bool:
        name = user.rpartition("\\")[2].lower()
        return user.upper() == SELF or name in (each.lower() for each in SYSTEM)
