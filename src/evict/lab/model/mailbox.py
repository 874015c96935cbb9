# SPDX-License-Identifier: Apache-2.0
"""One mailbox: what lies in it, who may open it, what acts on its mail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from evict.lab.model.features import Features

if TYPE_CHECKING:
    from evict.lab.model.moves import MoveRequest

SELF: Final = "NT AUTHORITY\\SELF"
FULL_ACCESS: Final = "FullAccess"
READ_PERMISSION: Final = "ReadPermission"
SYSTEM: Final = ("Exchange Servers", "Exchange Trusted Subsystem")
FOLDERS: Final = ("Inbox", "Drafts", "Sent Items", "Deleted Items", "Calendar", "Contacts")


class Message(Struct, frozen=True, kw_only=True):
    id: str
    sender: str
    to: tuple[str, ...]
    subject: str
    body: str
    received: float
    read: bool = False


class PermissionEntry(Struct, frozen=True, kw_only=True):
    """One entry of a mailbox's access list; inherited ones cannot be taken off it."""

    user: str
    rights: tuple[str, ...]
    inherited: bool = False
    deny: bool = False


@dataclass
class InboxRule:
    """Acts at delivery, whoever may sign in; a hidden one is not shown unless asked for."""

    identity: str
    name: str
    enabled: bool = True
    hidden: bool = False
    redirect_to: tuple[str, ...] = ()
    forward_to: tuple[str, ...] = ()
    delete: bool = False


@dataclass
class MobileDevice:
    """A partnership.

    Attributes:
        wipe: "", "pending" or "acknowledged"; only ever of the account.
    """

    device_id: str
    device_type: str
    user_agent: str
    first_sync: float
    last_sync: float
    policy_key: int = 0
    wipe: str = ""


@dataclass
class PublishedCalendar:
    """Anybody who knows the address reads it: no password and no session matters."""

    enabled: bool = False
    url: str = ""
    detail_level: str = "AvailabilityOnly"


@dataclass
class Quarantine:
    """The store lets nobody in but administrators, until it ends by itself."""

    until: float
    allow_migration: bool = False


@dataclass
class Archive:
    """Opened through the mailbox that it belongs to, so it is shut with it (assumed)."""

    guid: str
    name: str
    database: str
    messages: list[Message] = field(default_factory=list)


@dataclass(eq=False)
class Mailbox:
    """One person's.

    Attributes:
        addresses: primary first.
        folder_permissions: folder -> user -> rights.
        outlook_rules_blob: Outlook keeps client rules, lost when rules are edited from a shell.
        connected: False after Disable-Mailbox.
        revision: grows with each change of content.
        watchers: called after it.
    """

    sam: str
    guid: str
    display_name: str
    addresses: list[str]
    database: str
    archive: Archive | None = None
    messages: dict[str, list[Message]] = field(
        default_factory=lambda: {folder: [] for folder in FOLDERS}
    )
    acl: list[PermissionEntry] = field(default_factory=list)
    features: Features = field(default_factory=Features)
    blocked_devices: list[str] = field(default_factory=list)
    allowed_devices: list[str] = field(default_factory=list)
    quarantine: Quarantine | None = None
    move: MoveRequest | None = None
    forwarding_address: str | None = None
    forwarding_smtp_address: str | None = None
    deliver_and_forward: bool = False
    rules: list[InboxRule] = field(default_factory=list)
    outlook_rules_blob: bool = False
    devices: dict[str, MobileDevice] = field(default_factory=dict)
    calendar: PublishedCalendar = field(default_factory=PublishedCalendar)
    folder_permissions: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)
    send_on_behalf: list[str] = field(default_factory=list)
    send_as: list[str] = field(default_factory=list)
    um_enabled: bool = False
    last_logon: float | None = None
    connected: bool = True
    revision: int = 0
    watchers: set[Callable[[], None]] = field(default_factory=set)

    @property
    def archive_database(self) -> str | None:
        return None if self.archive is None else self.archive.database

    @property
    def primary(self) -> str:
        return self.addresses[0]

    @property
    def folders(self) -> tuple[str, ...]:
        return tuple(self.messages)

    @property
    def size(self) -> int:
        """Bytes, roughly; a move takes as long."""
        return sum(len(m.body) + 1024 for folder in self.messages.values() for m in folder)

    def put(self, folder: str, message: Message) -> None:
        """Store a message and wake whoever waits for one."""
        self.messages.setdefault(folder, []).append(message)
        self.changed()

    def changed(self) -> None:
        self.revision += 1
        for watcher in tuple(self.watchers):
            watcher()

    def allows(self, user: str, right: str) -> bool:
        """Whether an entry gives `user` the right and none denies it; a deny comes first."""
        mine = [e for e in self.acl if e.user.lower() == user.lower() and right in e.rights]
        return bool(mine) and not any(e.deny for e in mine)
