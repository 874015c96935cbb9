# SPDX-License-Identifier: Apache-2.0
"""Everything that can be seen of one mailbox, read part by part: one that fails hides no other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, TypeVar

from msgspec import Struct, structs

from evict.core.errors import SystemFault
from evict.systems.exchange import objects
from evict.systems.exchange.access import Served
from evict.systems.exchange.elsewhere import Found
from evict.systems.exchange.objects import (
    Ace,
    Calendar,
    Device,
    Features,
    Mailbox,
    Move,
    Rule,
    is_self,
    is_system_group,
)
from evict.systems.exchange.port import Shell
from evict.systems.exchange.results import Plain, found
from evict.systems.exchange.versions import at_least, has

_CALENDAR: Final = "Calendar"
_T = TypeVar("_T")


class Inventory(Struct, frozen=True, kw_only=True):
    """The state that a plan is made from. None: not there, or not readable (see `faults`).

    Attributes:
        mailbox: None where the account has none here.
        faults: part -> what kept it from being read.
        elsewhere: None while the search runs.
        served: pools that went on serving after all was shut.
    """

    mailbox: Mailbox | None = None
    features: Features | None = None
    permissions: tuple[Ace, ...] = ()
    rules: tuple[Rule, ...] = ()
    devices: tuple[Device, ...] = ()
    calendar: Calendar | None = None
    pin_locked: bool | None = None
    move: Move | None = None
    elsewhere: Found | None = None
    served: tuple[Served, ...] = ()
    faults: dict[str, SystemFault] = {}

    def doors_into(self, version: str) -> tuple[Ace, ...]:
        """The entries through which the owner's own clients are let in.

        Since 2013 the servers open a mailbox for its owner by rights of their own, so that SELF
        alone does not shut it (article of 2014; tried there, assumed of later versions). What is
        inherited cannot be taken away at the mailbox.
        """
        groups = at_least(version, "2013")
        return tuple(
            entry
            for entry in self.permissions
            if entry.whole
            and not entry.inherited
            and (is_self(entry.user) or (groups and is_system_group(entry.user)))
        )

    def shut(self, version: str) -> bool:
        """Whether everything that a switch can shut was read, and is."""
        if self.features is None or "permissions" in self.faults:
            return False
        known = set(self.features.blocked)
        blocked = all(device.device_id in known for device in self.devices)
        return not self.features.open and blocked and not self.doors_into(version)


class Reader:
    """Reads one organisation's mailboxes over the Exchange shell."""

    def __init__(self, shell: Shell, version: str) -> None:
        self._shell = shell
        self._version = version

    async def mailbox(self, identity: str) -> Mailbox | None:
        """Get-Mailbox; None where there is none. Raises a `SystemFault`."""
        seen = found(await self._shell.run("Get-Mailbox", Identity=identity), self._shell.system)
        if not seen:
            return None
        mine = objects.mailbox(seen[0])
        pins = mine.um_enabled and has(self._version, "Get-UMMailboxPIN")
        return structs.replace(mine, um_enabled=pins)

    async def read(self, mine: Mailbox, *, moves: bool, wipes: bool) -> Inventory:
        """The parts of a mailbox, the switches first. What is asked for in vain is not asked."""
        faults: dict[str, SystemFault] = {}

        async def part(name: str, look: Callable[[str], Awaitable[_T]]) -> _T | None:
            try:
                return await look(mine.guid)
            except SystemFault as fault:
                faults[name] = fault
                return None

        features = await part("features", self.features)
        permissions = await part("permissions", self.permissions)
        devices = await part("device", partial(self.devices, wipes=wipes))
        rules = await part("rule", self.rules)
        calendar = await part("calendar", self.calendar)
        quarantined = None
        if has(self._version, "Enable-MailboxQuarantine"):
            quarantined = await part("quarantine", self.quarantined)
        pin = await part("um", self.pin_locked) if mine.um_enabled else None
        move = await part("move", self.move) if moves else None
        return Inventory(
            mailbox=structs.replace(mine, quarantined=quarantined),
            features=features,
            permissions=permissions or (),
            rules=rules or (),
            devices=devices or (),
            calendar=calendar,
            pin_locked=pin,
            move=move,
            faults=faults,
        )

    async def features(self, identity: str) -> Features | None:
        seen = await self._objects("Get-CASMailbox", Identity=identity)
        return objects.features(seen[0]) if seen else None

    async def permissions(self, identity: str) -> tuple[Ace, ...]:
        seen = await self._objects("Get-MailboxPermission", Identity=identity)
        return tuple(sorted(map(objects.ace, seen)))

    async def devices(self, identity: str, *, wipes: bool = False) -> tuple[Device, ...]:
        """Partnerships. `wipes`: with the times of a wipe, which the statistics alone have."""
        cmdlet = "Get-MobileDevice"
        if not has(self._version, cmdlet):
            cmdlet = "Get-ActiveSyncDevice"
        if wipes:
            cmdlet += "Statistics"
        seen = await self._objects(cmdlet, Mailbox=identity)
        return tuple(sorted(map(objects.device, seen)))

    async def rules(self, identity: str) -> tuple[Rule, ...]:
        """All of them, hidden ones too where the version shows them."""
        hidden = {"IncludeHidden": True} if self._hidden else {}
        seen = await self._objects("Get-InboxRule", Mailbox=identity, **hidden)
        return tuple(sorted(map(objects.rule, seen)))

    @property
    def _hidden(self) -> bool:
        return has(self._version, "Get-InboxRule", "IncludeHidden")

    async def calendar(self, identity: str) -> Calendar | None:
        path = f"{identity}:\\{_CALENDAR}"
        seen = await self._objects("Get-MailboxCalendarFolder", Identity=path)
        return objects.calendar(seen[0]) if seen else None

    async def quarantined(self, identity: str) -> bool | None:
        seen = await self._objects("Get-MailboxStatistics", Identity=identity)
        return objects.flag(seen[0], "IsQuarantined") if seen else None

    async def pin_locked(self, identity: str) -> bool | None:
        seen = await self._objects("Get-UMMailboxPIN", Identity=identity)
        return objects.flag(seen[0], "LockedOut") if seen else None

    async def move(self, identity: str) -> Move | None:
        """The move request of this mailbox with its progress; None where there is none."""
        if not await self._objects("Get-MoveRequest", Identity=identity):
            return None
        seen = await self._objects("Get-MoveRequestStatistics", Identity=identity)
        return objects.move(seen[0]) if seen else None

    async def databases(self) -> tuple[str, ...]:
        seen = await self._objects("Get-MailboxDatabase")
        return tuple(sorted(objects.text(o, "Name") for o in seen))

    async def _objects(self, cmdlet: str, **parameters: object) -> tuple[Plain, ...]:
        return found(await self._shell.run(cmdlet, **parameters), self._shell.system)
