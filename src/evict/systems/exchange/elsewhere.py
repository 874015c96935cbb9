# SPDX-License-Identifier: Apache-2.0
"""What the leaver may do in other people's mailboxes, and what others may do in the leaver's.

Every mailbox must be asked, which takes long in a large organisation, so it is a search of its own
over a shell of its own: it runs beside the measures and its result is kept for a while.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Final

from msgspec import Struct, structs

from evict.core.errors import SystemFault
from evict.systems.exchange.objects import (
    Mailbox,
    ace,
    flag,
    is_self,
    is_system_group,
    mailbox,
    split,
    text,
    texts,
)
from evict.systems.exchange.port import Shell
from evict.systems.exchange.results import Command, Fault, Plain, found, refuse_errors

FOLDERS: Final = ("", "Calendar", "Inbox", "Contacts", "Tasks", "Notes")
"""Folders that are looked at for rights: "" is the top, through which a client shows the rest."""
SEND_AS: Final = "Send-As"
_KEPT_S: Final = 30.0
_UNRESTRICTED: Final = "Unlimited"
_NO_FOLDER_RIGHTS: Final = ("Default", "Anonymous")


class Kind(StrEnum):
    FULL_ACCESS = "full-access"
    SEND_AS = "send-as"
    SEND_ON_BEHALF = "send-on-behalf"
    FOLDER = "folder"


class Grant(Struct, frozen=True, kw_only=True, order=True):
    """One right in a mailbox that is not the holder's.

    Attributes:
        mailbox: identity of the mailbox it is in.
        holder: who has it, as the shell names them.
        folder: of FOLDER: its path within the mailbox.
        rights: as the shell names them.
    """

    mailbox: str
    kind: Kind
    holder: str
    folder: str = ""
    rights: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        where = f"{self.mailbox}{f' ({self.folder})' if self.folder else ''}"
        what = {
            Kind.FULL_ACCESS: "full access",
            Kind.SEND_AS: "send as",
            Kind.SEND_ON_BEHALF: "send on behalf",
            Kind.FOLDER: f"{', '.join(self.rights)} on a folder",
        }
        return f"{what[self.kind]}: {where}"


class Found(Struct, frozen=True, kw_only=True):
    """What a search came to; `fault` where it could not be finished."""

    elsewhere: tuple[Grant, ...] = ()
    delegates: tuple[Grant, ...] = ()
    searched: int = 0
    fault: SystemFault | None = None


class Standing(Struct, frozen=True, kw_only=True):
    """What stands of one right now. `on_behalf`: everybody who may send on this one's behalf."""

    grants: tuple[Grant, ...] = ()
    on_behalf: tuple[str, ...] = ()


class Elsewhere:
    """Searches in the background. One search at a time for each account."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._running: dict[str, asyncio.Task[Found]] = {}
        self._kept: dict[str, tuple[float, Found]] = {}

    async def of(self, account: str, mine: Mailbox, *, wait_s: float | None) -> Found | None:
        """What is known by now; None while the first search still runs.

        Args:
            wait_s: how long to wait for a search; None: to its end.
        """
        kept = self._kept.get(account)
        if kept is not None and time.monotonic() - kept[0] < _KEPT_S:
            return kept[1]
        task = self._running.get(account)
        if task is None:
            task = asyncio.create_task(self._search(mine))
            self._running[account] = task
        await asyncio.wait({task}, timeout=wait_s)
        if not task.done():
            return kept[1] if kept else None
        self._running.pop(account, None)
        result = task.result()
        if result.fault is None:
            self._kept[account] = (time.monotonic(), result)
        return result

    def taken(self, account: str, grant: Grant) -> None:
        """Take one right out of what is kept, since it was just taken; a search looks again."""
        if account in self._kept:
            at, kept = self._kept[account]
            left = tuple(one for one in kept.elsewhere if one != grant)
            self._kept[account] = (at, structs.replace(kept, elsewhere=left))

    def forget(self, account: str) -> None:
        """Something was changed: what is known is known no more."""
        self._kept.pop(account, None)

    async def standing(self, grant: Grant, holder: str) -> Standing:
        """Whether a right stands now. Raises a `SystemFault`.

        Args:
            holder: the account that the grant is about, by a name that no other has.
        """
        if grant.kind is Kind.SEND_ON_BEHALF:
            seen = await self._shell.run("Get-Mailbox", Identity=grant.mailbox)
            boxes = [mailbox(o) for o in found(seen, self._shell.system)]
            now = boxes[0].send_on_behalf if boxes else ()
            return Standing(grants=(grant,) if grant.holder in now else (), on_behalf=now)
        question = _QUESTIONS[grant.kind]
        where = grant.mailbox
        if grant.kind is Kind.FOLDER:
            where = f"{grant.mailbox}:{grant.folder}"
        return Standing(grants=tuple(await self._asked([where], question, User=holder)))

    async def close(self) -> None:
        """Stop searching."""
        tasks = tuple(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._running.clear()

    async def _search(self, mine: Mailbox) -> Found:
        try:
            elsewhere, searched = await self._elsewhere(mine)
            delegates = await self._delegates(mine)
        except SystemFault as fault:
            return Found(fault=fault)
        return Found(
            elsewhere=tuple(sorted(elsewhere)),
            delegates=tuple(sorted(delegates)),
            searched=searched,
        )

    async def _elsewhere(self, mine: Mailbox) -> tuple[list[Grant], int]:
        every = await self._shell.run("Get-Mailbox", ResultSize=_UNRESTRICTED)
        objects = found(every, self._shell.system)
        others = [m for o in objects if (m := mailbox(o)).guid != mine.guid]
        identities = [m.identity for m in others]
        grants = [
            Grant(mailbox=m.identity, kind=Kind.SEND_ON_BEHALF, holder=holder)
            for m in others
            for holder in m.send_on_behalf
            if holder.lower() in mine.names
        ]
        grants += await self._asked(identities, _FULL_ACCESS, User=mine.upn)
        grants += await self._asked(identities, _SEND_AS, User=mine.upn)
        tops, *below = ([f"{i}:\\{folder}" for i in identities] for folder in FOLDERS)
        grants += await self._asked(tops, _ON_FOLDER, User=mine.upn)
        # A mailbox that cannot be read has said so at its top; below it nearly every folder would
        # answer that there is no entry, which takes longer to carry than to find.
        quiet = {"User": mine.upn, "ErrorAction": "SilentlyContinue"}
        for paths in below:
            grants += await self._asked(paths, _ON_FOLDER, **quiet)
        return grants, len(others)

    async def _delegates(self, mine: Mailbox) -> list[Grant]:
        grants = [
            Grant(mailbox=mine.identity, kind=Kind.SEND_ON_BEHALF, holder=holder)
            for holder in mine.send_on_behalf
        ]
        paths = [f"{mine.identity}:\\{folder}" for folder in FOLDERS]
        for question, asked in (
            (_FULL_ACCESS, [mine.identity]),
            (_SEND_AS, [mine.identity]),
            *((_ON_FOLDER, [path]) for path in paths),
        ):
            grants += await self._asked(asked, question)
        return grants

    async def _asked(
        self, identities: Sequence[str], question: _Question, **parameters: object
    ) -> list[Grant]:
        """Ask for many mailboxes, or folders, at once, and where there is something, in halves.

        An answer does not always say which one it is about, and nearly all have nothing.
        """
        if not identities:
            return []
        command = Command(name=question.cmdlet, parameters=parameters)
        result = await self._shell.pipe([command], identities)
        refuse_errors((e for e in result.errors if not _nothing(e)), self._shell.system)
        grants = [g for o in result.objects if (g := question.read(o, identities[0])) is not None]
        if not grants or len(identities) == 1:
            return grants
        middle = len(identities) // 2
        return [
            *await self._asked(identities[:middle], question, **parameters),
            *await self._asked(identities[middle:], question, **parameters),
        ]


def _nothing(error: Fault) -> bool:
    """That somebody has no entry, or a mailbox no such folder, is an answer."""
    return error.not_found or "no existing permission entry" in error.text


def _full_access(o: Plain, identity: str) -> Grant | None:
    entry = ace(o)
    if not entry.whole or entry.inherited or is_self(entry.user) or is_system_group(entry.user):
        return None
    return Grant(mailbox=identity, kind=Kind.FULL_ACCESS, holder=entry.user, rights=entry.rights)


def _send_as(o: Plain, identity: str) -> Grant | None:
    rights, holder = split(texts(o, "ExtendedRights")), text(o, "User")
    own = is_self(holder) or flag(o, "IsInherited") is True or flag(o, "Deny") is True
    if own or SEND_AS.lower() not in (right.lower() for right in rights):
        return None
    return Grant(mailbox=identity, kind=Kind.SEND_AS, holder=holder, rights=(SEND_AS,))


def _on_folder(o: Plain, path: str) -> Grant | None:
    holder, rights = text(o, "User"), split(texts(o, "AccessRights"))
    if holder in _NO_FOLDER_RIGHTS or not rights or rights == ("None",):
        return None
    identity, _, folder = path.rpartition(":\\")
    return Grant(
        mailbox=identity, kind=Kind.FOLDER, holder=holder, folder=f"\\{folder}", rights=rights
    )


class _Question(Struct, frozen=True, kw_only=True):
    cmdlet: str
    read: Callable[[Plain, str], Grant | None]


_FULL_ACCESS: Final = _Question(cmdlet="Get-MailboxPermission", read=_full_access)
_SEND_AS: Final = _Question(cmdlet="Get-ADPermission", read=_send_as)
_ON_FOLDER: Final = _Question(cmdlet="Get-MailboxFolderPermission", read=_on_folder)
_QUESTIONS: Final = {
    Kind.FULL_ACCESS: _FULL_ACCESS,
    Kind.SEND_AS: _SEND_AS,
    Kind.FOLDER: _ON_FOLDER,
}
