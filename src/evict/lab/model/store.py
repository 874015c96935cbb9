# SPDX-License-Identifier: Apache-2.0
"""The last door: features as a server read them, devices, and the store's own logon."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct

from evict.lab.model.delays import Delays
from evict.lab.model.directory import DirectoryState
from evict.lab.model.mailbox import FULL_ACCESS, SELF, Mailbox, MobileDevice
from evict.lab.model.moves import Moves
from evict.lab.model.profile import Profile
from evict.lab.model.servers import ClientAccess
from evict.lab.model.words import POOLS, Denial, Denied, Principal, Protocol

_FEATURE: Final = {
    Protocol.OWA: "owa",
    Protocol.ACTIVESYNC: "activesync",
    Protocol.EWS: "ews",
    Protocol.MAPI: "mapi",
    Protocol.IMAP: "imap",
    Protocol.POP3: "pop3",
}
"""SMTP submission has no flag of a mailbox (Set-CASMailbox SmtpClientAuthenticationDisabled is
Exchange Online's alone)."""


class Device(Struct, frozen=True, kw_only=True):
    """A phone as it says who it is."""

    device_id: str
    device_type: str = "SmartPhone"
    user_agent: str = ""


class Access(Struct, frozen=True, kw_only=True):
    """Somebody is in. Not compared: it holds the live mailbox."""

    principal: Principal
    mailbox: Mailbox
    server: str
    protocol: Protocol


class Store:
    """Decides who opens which mailbox."""

    def __init__(  # noqa: PLR0913, PLR0917 - what it decides from
        self,
        profile: Profile,
        delays: Delays,
        directory: DirectoryState,
        servers: Mapping[str, ClientAccess],
        mailboxes: Mapping[str, Mailbox],
        moves: Moves,
        now: Callable[[], float],
    ) -> None:
        self._profile = profile
        self._delays = delays
        self._directory = directory
        self._servers = servers
        self._mailboxes = mailboxes
        self._moves = moves
        self._now = now
        self.self_removed_at: dict[str, float] = {}

    def enter(
        self,
        server: str,
        protocol: Protocol,
        principal: Principal,
        device: Device | None,
        mailbox: str | None,
    ) -> Access | Denied:
        """Open one's own mailbox, or somebody else's as a delegate."""
        box = self._named(mailbox or principal.sam)
        if box is None:
            return Denied(Denial.NO_MAILBOX)
        denied = (
            self._feature(server, protocol, principal)
            or self._logon(box, principal, protocol)
            or self._device(box, server, device)
        )
        if denied is not None:
            return denied
        box.last_logon = self._now()
        return Access(principal=principal, mailbox=box, server=server, protocol=protocol)

    def _named(self, name: str) -> Mailbox | None:
        account = self._directory.find(name)
        return self._mailboxes.get(account.sam if account is not None else name)

    def _feature(self, server: str, protocol: Protocol, who: Principal) -> Denied | None:
        """The caller's own flags decide, as the server read them last."""
        own = self._mailboxes.get(who.sam)
        feature = _FEATURE.get(protocol)
        if own is None or feature is None:
            return None
        read = self._servers[server].settings_of(
            POOLS.get(protocol), own, self._now(), self._delays.features_read_s.value
        )
        return None if read.features[feature] else Denied(Denial.FEATURE_OFF)

    def _device(self, box: Mailbox, server: str, device: Device | None) -> Denied | None:
        if device is None:
            return None
        pool = POOLS[Protocol.ACTIVESYNC]
        late = self._delays.features_read_s.value
        read = self._servers[server].settings_of(pool, box, self._now(), late)
        if device.device_id.lower() in (d.lower() for d in read.blocked):
            return Denied(Denial.DEVICE_BLOCKED)
        known = box.devices.get(device.device_id)
        now = self._now()
        if known is None:
            box.devices[device.device_id] = MobileDevice(
                device.device_id, device.device_type, device.user_agent, now, now
            )
            return None
        if known.wipe == "pending":
            return Denied(Denial.DEVICE_WIPE)
        known.last_sync = now
        return None

    def _logon(self, box: Mailbox, who: Principal, protocol: Protocol) -> Denied | None:
        """Submission never opens a mailbox."""
        if protocol is Protocol.SMTP:
            return None
        if not box.connected:
            return Denied(Denial.NO_MAILBOX)
        if box.quarantine is not None:
            return Denied(Denial.QUARANTINED, "the mailbox is quarantined")
        if self._moves.locked(box.sam):
            return Denied(Denial.IN_TRANSIT, "the mailbox is being moved")
        if who.sam == box.sam:
            return None if self._own(box, who) else Denied(Denial.NO_PERMISSION)
        return None if self._delegate(box, who) else Denied(Denial.NO_PERMISSION)

    def _own(self, box: Mailbox, who: Principal) -> bool:
        """The entry SELF lets the owner in.

        Without it somebody whose token is from before goes on: while the two system entries stand
        (2013 and later), else for the token's 15 minutes. Assumed: KB 2652193 says only that a
        logon is refused.
        """
        if box.allows(SELF, FULL_ACCESS):
            return True
        removed = self.self_removed_at.get(box.sam)
        if removed is None or who.at >= removed:
            return False
        if self._profile.has("system-entries"):
            prefix = self._directory.netbios
            names = (f"{prefix}\\Exchange Servers", f"{prefix}\\Exchange Trusted Subsystem")
            return any(box.allows(name, FULL_ACCESS) for name in names)
        return self._now() < removed + self._delays.user_token_ttl_s.value

    def _delegate(self, box: Mailbox, who: Principal) -> bool:
        names = (who.upn, who.sam, f"{self._directory.netbios}\\{who.sam}")
        if any(box.allows(name, FULL_ACCESS) for name in names):
            return True
        shared = [user for grants in box.folder_permissions.values() for user in grants]
        return any(name.lower() == user.lower() for name in names for user in shared)
