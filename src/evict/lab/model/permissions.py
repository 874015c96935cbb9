# SPDX-License-Identifier: Apache-2.0
"""Entries of a mailbox's access list (Add- and Remove-MailboxPermission)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from evict.lab.model.mailbox import (
    FULL_ACCESS,
    READ_PERMISSION,
    SELF,
    SYSTEM,
    Mailbox,
    PermissionEntry,
)
from evict.lab.model.store import Store
from evict.lab.model.words import ModelError


def default_acl(netbios: str, *, system_entries: bool) -> list[PermissionEntry]:
    """What a new mailbox has; that the two system entries can be taken off it is assumed."""
    own = PermissionEntry(user=SELF, rights=(FULL_ACCESS, READ_PERMISSION))
    names = SYSTEM if system_entries else ()
    return [
        own,
        *(PermissionEntry(user=f"{netbios}\\{name}", rights=(FULL_ACCESS,)) for name in names),
        PermissionEntry(
            user=f"{netbios}\\Organization Management",
            rights=(FULL_ACCESS,),
            inherited=True,
            deny=True,
        ),
        PermissionEntry(
            user=f"{netbios}\\Managed Availability Servers",
            rights=(READ_PERMISSION,),
            inherited=True,
        ),
    ]


class Permissions:
    def __init__(self, store: Store, now: Callable[[], float]) -> None:
        self._store = store
        self._now = now

    def add(
        self, box: Mailbox, user: str, rights: Sequence[str], *, deny: bool = False
    ) -> PermissionEntry:
        """One explicit entry a user: rights that it has already are not doubled."""
        mine = [i for i, e in enumerate(box.acl) if _same(e, user) and e.deny is deny]
        if mine:
            old = box.acl[mine[0]]
            added = tuple(r for r in rights if r not in old.rights)
            entry = PermissionEntry(user=old.user, rights=old.rights + added, deny=deny)
            box.acl[mine[0]] = entry
        else:
            entry = PermissionEntry(user=user, rights=tuple(rights), deny=deny)
            box.acl.append(entry)
        if box.allows(SELF, FULL_ACCESS):
            self._store.self_removed_at.pop(box.sam, None)
        return entry

    def remove(
        self, box: Mailbox, user: str, rights: Sequence[str], *, deny: bool | None = None
    ) -> bool:
        """Whether anything was there. Raises `ModelError` "inherited" where only that stands.

        Args:
            deny: entries that deny, or that allow, alone; None: both.
        """
        had = box.allows(SELF, FULL_ACCESS)
        asked = {right.lower() for right in rights}
        mine = [
            e
            for e in box.acl
            if e.user.lower() == user.lower()
            and deny in (None, e.deny)
            and asked & {r.lower() for r in e.rights}
        ]
        explicit = [e for e in mine if not e.inherited]
        if mine and not explicit:
            raise ModelError("inherited", f"the entry of {user} is inherited")
        for entry in explicit:
            left = tuple(r for r in entry.rights if r.lower() not in asked)
            number = box.acl.index(entry)
            box.acl[number : number + 1] = (
                [PermissionEntry(user=entry.user, rights=left, deny=entry.deny)] if left else []
            )
        if had and not box.allows(SELF, FULL_ACCESS):
            self._store.self_removed_at[box.sam] = self._now()
        return bool(explicit)


def _same(entry: PermissionEntry, user: str) -> bool:
    return entry.user.lower() == user.lower() and not entry.inherited
