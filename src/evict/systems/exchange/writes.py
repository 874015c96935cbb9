# SPDX-License-Identifier: Apache-2.0
"""The writes that a measure and its undo share. None of them looks first; their callers do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from evict.core.errors import AccessRefused, RemoteProtocolError
from evict.systems.exchange.elsewhere import SEND_AS, Grant, Kind
from evict.systems.exchange.objects import Ace, Device
from evict.systems.exchange.port import Shell
from evict.systems.exchange.results import done
from evict.systems.exchange.versions import has

_QUIET: Final = {"Confirm": False}
QUARANTINE_DAYS: Final = "30.00:00:00"
"""Left to itself a quarantine opens after 24 hours (cmdlet reference, Enable-MailboxQuarantine)."""


class Writes:
    """Cmdlets that change something, over the Exchange shell."""

    def __init__(self, shell: Shell, version: str) -> None:
        self._shell = shell
        self._version = version

    @property
    def system(self) -> str:
        return self._shell.system

    async def _do(self, cmdlet: str, **parameters: object) -> None:
        done(await self._shell.run(cmdlet, **parameters), self._shell.system)

    async def features(self, identity: str, values: Mapping[str, bool | None]) -> None:
        """All at once; where a role lacks one of them, the others all the same.

        Raises:
            AccessRefused: it names those that were not set.
        """
        try:
            await self._do("Set-CASMailbox", Identity=identity, **values)
        except AccessRefused:
            refused = []
            for name, value in values.items():
                try:
                    await self._do("Set-CASMailbox", Identity=identity, **{name: value})
                except AccessRefused:
                    refused.append(name)
            if refused:
                text = f"no role of the service account sets {', '.join(refused)}"
                raise AccessRefused(text, system=self._shell.system) from None

    async def device_ids(
        self, identity: str, blocked: Iterable[str], allowed: Iterable[str] | None
    ) -> None:
        """Write both lists; `allowed` None leaves it as it is."""
        values: dict[str, object] = {"ActiveSyncBlockedDeviceIDs": tuple(blocked)}
        if allowed is not None:
            values["ActiveSyncAllowedDeviceIDs"] = tuple(allowed)
        await self._do("Set-CASMailbox", Identity=identity, **values)

    async def take(self, identity: str, entry: Ace) -> None:
        await self._do(
            "Remove-MailboxPermission",
            Identity=identity,
            User=entry.user,
            AccessRights=entry.rights,
            **_QUIET,
        )

    async def give(self, identity: str, entry: Ace) -> None:
        r"""Also to NT AUTHORITY\SELF, which the shell alone can (KB 2652193)."""
        await self._do(
            "Add-MailboxPermission",
            Identity=identity,
            User=entry.user,
            AccessRights=entry.rights,
            **_QUIET,
        )

    async def wipe(self, device: Device) -> None:
        await self._do("Clear-MobileDevice", Identity=device.identity, AccountOnly=True, **_QUIET)

    async def cancel_wipe(self, device: Device) -> None:
        await self._do("Clear-MobileDevice", Identity=device.identity, Cancel=True, **_QUIET)

    async def remove(self, device: Device) -> None:
        cmdlet = "Remove-MobileDevice"
        if not has(self._version, cmdlet):
            cmdlet = "Remove-ActiveSyncDevice"
        await self._do(cmdlet, Identity=device.identity, **_QUIET)

    async def quarantine(self, identity: str) -> None:
        await self._do(
            "Enable-MailboxQuarantine",
            Identity=identity,
            Duration=QUARANTINE_DAYS,
            AllowMigration=True,
            **_QUIET,
        )

    async def release(self, identity: str) -> None:
        await self._do("Disable-MailboxQuarantine", Identity=identity, **_QUIET)

    async def mailbox(self, identity: str, **values: object) -> None:
        await self._do("Set-Mailbox", Identity=identity, **values)

    async def rule(self, identity: str, rule: str, *, enabled: bool) -> None:
        await self._do(
            "Enable-InboxRule" if enabled else "Disable-InboxRule",
            Identity=rule,
            Mailbox=identity,
            AlwaysDeleteOutlookRulesBlob=True,
            **_QUIET,
        )

    async def publish(self, identity: str, *, published: bool) -> None:
        await self._do(
            "Set-MailboxCalendarFolder",
            Identity=f"{identity}:\\Calendar",
            PublishEnabled=published,
        )

    async def pin(self, identity: str, *, locked: bool) -> None:
        await self._do("Set-UMMailboxPIN", Identity=identity, LockedOut=locked)

    async def take_grant(self, grant: Grant, holder: str, standing: tuple[str, ...]) -> None:
        """Take a right of the leaver's away.

        Args:
            holder: the leaver, by a name that no other account has.
            standing: of SEND_ON_BEHALF: who has it now.
        """
        where = {"Identity": grant.mailbox}
        match grant.kind:
            case Kind.FULL_ACCESS:
                entry = Ace(user=grant.holder, rights=grant.rights)
                await self.take(grant.mailbox, entry)
            case Kind.SEND_AS:
                await self._do(
                    "Remove-ADPermission",
                    **where,
                    User=grant.holder,
                    ExtendedRights=(SEND_AS,),
                    **_QUIET,
                )
            case Kind.SEND_ON_BEHALF:
                left = tuple(one for one in standing if one != grant.holder)
                await self._do("Set-Mailbox", **where, GrantSendOnBehalfTo=left)
            case Kind.FOLDER:
                await self._do(
                    "Remove-MailboxFolderPermission",
                    Identity=f"{grant.mailbox}:{grant.folder}",
                    User=holder,
                    **_QUIET,
                )

    async def give_grant(self, grant: Grant, holder: str, standing: tuple[str, ...]) -> None:
        """The opposite of `take_grant`."""
        where = {"Identity": grant.mailbox}
        match grant.kind:
            case Kind.FULL_ACCESS:
                await self.give(grant.mailbox, Ace(user=grant.holder, rights=grant.rights))
            case Kind.SEND_AS:
                await self._do(
                    "Add-ADPermission", **where, User=grant.holder, ExtendedRights=(SEND_AS,)
                )
            case Kind.SEND_ON_BEHALF:
                both = (*standing, grant.holder)
                await self._do("Set-Mailbox", **where, GrantSendOnBehalfTo=both)
            case Kind.FOLDER:
                await self._do(
                    "Add-MailboxFolderPermission",
                    Identity=f"{grant.mailbox}:{grant.folder}",
                    User=holder,
                    AccessRights=grant.rights,
                )

    async def start_move(self, identity: str, database: str | None, *, finished: bool) -> None:
        """Start a move. `finished`: a request of an earlier one stands in the way of it."""
        if finished:
            await self._do("Remove-MoveRequest", Identity=identity, **_QUIET)
        target = {"TargetDatabase": database} if database else {}
        await self._do("New-MoveRequest", Identity=identity, **target)

    def still(self, what: str) -> RemoteProtocolError:
        """Said to be done, and seen not to be."""
        return RemoteProtocolError(f"{what} is there still", system=self._shell.system)
