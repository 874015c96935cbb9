# SPDX-License-Identifier: Apache-2.0
"""What the cmdlets show of one mailbox, typed. Property names: Microsoft's cmdlet reference."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from evict.systems.exchange.results import TEXT, Plain
from evict.systems.exchange.versions import FLAGS

SELF: Final = "NT AUTHORITY\\SELF"
FULL_ACCESS: Final = "FullAccess"
SYSTEM_GROUPS: Final = ("Exchange Servers", "Exchange Trusted Subsystem")


class Mailbox(Struct, frozen=True, kw_only=True):
    """Get-Mailbox.

    Attributes:
        names: every text by which others' objects may name it, lower case.
        send_on_behalf: who may send on its behalf, as the shell names them.
    """

    identity: str
    guid: str
    display_name: str
    database: str
    names: frozenset[str]
    upn: str = ""
    forwarding_address: str = ""
    forwarding_smtp_address: str = ""
    deliver_and_forward: bool = False
    send_on_behalf: tuple[str, ...] = ()
    archive: bool = False
    um_enabled: bool = False
    quarantined: bool | None = None


class Ace(Struct, frozen=True, kw_only=True, order=True):
    """One entry of a mailbox's list of permissions (Get-MailboxPermission)."""

    user: str
    rights: tuple[str, ...]
    inherited: bool = False
    deny: bool = False

    @property
    def whole(self) -> bool:
        """It opens the mailbox."""
        return FULL_ACCESS in self.rights and not self.deny


class Features(Struct, frozen=True, kw_only=True):
    """Get-CASMailbox.

    Attributes:
        flags: those of `versions.FLAGS` that the version shows; None: the organisation's setting.
        blocked, allowed: ActiveSync device ids.
    """

    flags: dict[str, bool | None]
    blocked: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()

    @property
    def open(self) -> tuple[str, ...]:
        """What is not switched off."""
        return tuple(name for name, value in self.flags.items() if value is not FLAGS[name])


class Rule(Struct, frozen=True, kw_only=True, order=True):
    """An inbox rule. `targets`: whom it forwards or redirects to."""

    identity: str
    name: str
    enabled: bool
    targets: tuple[str, ...] = ()


class Device(Struct, frozen=True, kw_only=True, order=True):
    """A mobile partnership.

    Attributes:
        wipe_sent: an account-only wipe waits for it, or was taken.
        wipe_taken: when the phone said that it wiped; "" where it did not.
    """

    device_id: str
    identity: str
    model: str = ""
    wipe_sent: bool = False
    wipe_taken: str = ""


class Calendar(Struct, frozen=True, kw_only=True):
    """Whether anybody with the address can read the calendar."""

    published: bool
    url: str = ""


class Move(Struct, frozen=True, kw_only=True):
    """A move request. `status`: "Queued", "InProgress", "Completed", "Failed", ..."""

    status: str
    percent: int = 0
    target: str = ""

    @property
    def running(self) -> bool:
        return not self.status.startswith(("Completed", "Failed", "None")) and self.status != ""


def mailbox(o: Plain) -> Mailbox:
    names = (TEXT, "Identity", "DistinguishedName", "Name", "Alias", "Guid", "PrimarySmtpAddress")
    own = {text(o, key).lower() for key in (*names, "UserPrincipalName", "SamAccountName")}
    archive = text(o, "ArchiveDatabase") or text(o, "ArchiveGuid").strip("0-")
    return Mailbox(
        identity=text(o, "Identity") or text(o, TEXT),
        guid=text(o, "Guid"),
        display_name=text(o, "DisplayName"),
        database=text(o, "Database"),
        names=frozenset(own - {""}),
        upn=text(o, "UserPrincipalName"),
        forwarding_address=text(o, "ForwardingAddress"),
        forwarding_smtp_address=text(o, "ForwardingSmtpAddress"),
        deliver_and_forward=flag(o, "DeliverToMailboxAndForward") is True,
        send_on_behalf=texts(o, "GrantSendOnBehalfTo"),
        archive=bool(archive),
        um_enabled=flag(o, "UMEnabled") is True,
    )


def ace(o: Plain) -> Ace:
    return Ace(
        user=text(o, "User"),
        rights=split(texts(o, "AccessRights")),
        inherited=flag(o, "IsInherited") is True,
        deny=flag(o, "Deny") is True,
    )


def features(o: Plain) -> Features:
    return Features(
        flags={name: flag(o, name) for name in FLAGS if name in o},
        blocked=texts(o, "ActiveSyncBlockedDeviceIDs"),
        allowed=texts(o, "ActiveSyncAllowedDeviceIDs"),
    )


def rule(o: Plain) -> Rule:
    keys = ("ForwardTo", "ForwardAsAttachmentTo", "RedirectTo")
    return Rule(
        identity=text(o, "Identity") or text(o, "RuleIdentity"),
        name=text(o, "Name"),
        enabled=flag(o, "Enabled") is not False,
        targets=tuple(target for key in keys for target in texts(o, key)),
    )


def device(o: Plain) -> Device:
    return Device(
        device_id=text(o, "DeviceId"),
        identity=text(o, "Identity") or text(o, TEXT),
        model=text(o, "DeviceModel") or text(o, "DeviceType"),
        wipe_sent=bool(text(o, "DeviceWipeRequestTime") or text(o, "DeviceWipeSentTime")),
        wipe_taken=text(o, "DeviceWipeAckTime"),
    )


def calendar(o: Plain) -> Calendar:
    return Calendar(
        published=flag(o, "PublishEnabled") is True, url=text(o, "PublishedCalendarUrl")
    )


def move(o: Plain) -> Move:
    percent = text(o, "PercentComplete")
    return Move(
        status=text(o, "Status"),
        percent=int(percent) if percent.isdigit() else 0,
        target=text(o, "TargetDatabase"),
    )


def text(o: Plain, key: str) -> str:
    """A property as text; "" where it is nothing."""
    value = o.get(key)
    return "" if value is None else str(value)


def texts(o: Plain, key: str) -> tuple[str, ...]:
    """A property that may hold several."""
    value = o.get(key)
    if value is None or value == "":
        return ()
    return tuple(map(str, value)) if isinstance(value, tuple) else (str(value),)


def flag(o: Plain, key: str) -> bool | None:
    """A switch; None where it is nothing, or not there."""
    value = o.get(key)
    if isinstance(value, bool) or value is None:
        return value
    return {"true": True, "false": False}.get(str(value).lower())


def split(values: Iterable[str]) -> tuple[str, ...]:
    """`FullAccess, ReadPermission` may come as one text or as two."""
    parts = (part.strip("{} ") for value in values for part in value.split(","))
    return tuple(part for part in parts if part)


def is_self(user: str) -> bool:
    r"""NT AUTHORITY\SELF, however the server's language spells the authority's name."""
    return user.upper() in (SELF, "S-1-5-10") or user.upper().endswith("\\SELF")


def is_system_group(user: str) -> bool:
    """Exchange Servers, Exchange Trusted Subsystem: through them the servers open a mailbox."""
    return user.rpartition("\\")[2].lower() in {group.lower() for group in SYSTEM_GROUPS}
