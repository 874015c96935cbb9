# SPDX-License-Identifier: Apache-2.0
"""The last door: features as a server read them, devices, and the store's own logon."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from msgspec import Struct

from evict.lab.model.delays import Delays
from evict.lab.model.directory import DirectoryState
from evict.lab.model.features import FEATURE_OF
from evict.lab.model.mailbox import FULL_ACCESS, SELF, SYSTEM, Mailbox
from evict.lab.model.mobile import Device, Mobile
from evict.lab.model.moves import Moves
from evict.lab.model.profile import Profile
from evict.lab.model.servers import ClientAccess, Reader
from evict.lab.model.words import Denial, Denied, Principal, Protocol


class Access(Struct, frozen=True, kw_only=True, eq=False):
    """Somebody is in. Not compared: it holds the live mailbox.

    Attributes:
        folders: the only ones that are shared with a delegate; None: all.
    """

    principal: Principal
    mailbox: Mailbox
    server: str
    protocol: Protocol
    folders: frozenset[str] | None = None


class Store:
    """Decides who opens which mailbox."""

    def __init__(  # noqa: PLR0913 - what it decides from
        self,
        *,
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
        self.mobile = Mobile(profile, now)
        self.self_removed_at: dict[str, float] = {}

    def enter(  # noqa: PLR0913 - a logon has these parts
        self,
        server: str,
        protocol: Protocol,
        principal: Principal,
        *,
        device: Device | None = None,
        mailbox: str | None = None,
        home: str | None = None,
    ) -> Access | Denied:
        """Open one's own mailbox, or somebody else's as a delegate; see `Organisation.enter`."""
        box = self._named(mailbox or principal.sam)
        if box is None:
            return Denied(Denial.NO_MAILBOX)
        denied = self._feature(server, protocol, principal)
        if denied is None and protocol is not Protocol.SMTP:  # a submission opens no mailbox
            denied = self._logon(box, principal, home)
        if denied is None and device is not None:
            read = self._read(server, protocol, box)
            denied = self.mobile.contact(box, device, read)
        if denied is not None:
            return denied
        if protocol is not Protocol.SMTP:
            box.last_logon = self._now()
        return Access(
            principal=principal,
            mailbox=box,
            server=server,
            protocol=protocol,
            folders=self._folders(box, principal),
        )

    def still(self, access: Access) -> Denied | None:
        """A logon that is looked at again: the account and the mailbox as they are now."""
        account = self._directory.find(access.principal.sam)
        if account is None or not account.enabled:
            return Denied(Denial.ACCOUNT_DISABLED)
        own = self._mailboxes.get(access.principal.sam)
        feature = FEATURE_OF.get(access.protocol)
        if own is not None and feature is not None and not own.features.flags()[feature]:
            return Denied(Denial.FEATURE_OFF)
        return self._logon(access.mailbox, access.principal, None)

    def recheck_s(self, protocol: Protocol) -> float:
        """How long a live session goes on without a look: Outlook's two hours, in 2007 and 2010."""
        if protocol is Protocol.MAPI and self._profile.has("active-logon-cache"):
            return self._delays.mapi_recheck_s.value
        return math.inf

    def _named(self, name: str) -> Mailbox | None:
        account = self._directory.find(name)
        return self._mailboxes.get(account.sam if account is not None else name)

    def _read(self, server: str, protocol: Protocol, box: Mailbox) -> tuple[str, ...]:
        """The device ids that this server believes to be blocked."""
        late = self._delays.features_read_s.value
        reader = self._reader(protocol)
        return self._servers[server].settings_of(reader, box, self._now(), late).blocked

    def _reader(self, protocol: Protocol) -> Reader:
        return self._profile.pool_of(protocol) or protocol

    def _feature(self, server: str, protocol: Protocol, who: Principal) -> Denied | None:
        """The caller's own flags decide, as the server read them last."""
        own = self._mailboxes.get(who.sam)
        feature = FEATURE_OF.get(protocol)
        if own is None or feature is None:
            return None
        late = self._delays.features_read_s.value
        read = self._servers[server].settings_of(self._reader(protocol), own, self._now(), late)
        return None if read.features[feature] else Denied(Denial.FEATURE_OFF)

    def _logon(self, box: Mailbox, who: Principal, home: str | None) -> Denied | None:
        denied = self._shut(box, home)
        if denied is not None:
            return denied
        if who.sam == box.sam:
            may = self._own(box, who)
        else:
            may = self._full(box, who) or bool(self._folders(box, who))
        return None if may else Denied(Denial.NO_PERMISSION)

    def _shut(self, box: Mailbox, home: str | None) -> Denied | None:
        """What keeps everybody out but an administrator."""
        if not box.connected:
            return Denied(Denial.NO_MAILBOX)
        if box.quarantine is not None:
            return Denied(Denial.QUARANTINED, "the mailbox is quarantined")
        if self._moves.locked(box.sam):
            return Denied(Denial.IN_TRANSIT, "the mailbox is being moved")
        if home is not None and home != box.database:
            return Denied(Denial.WRONG_SERVER, f"the mailbox is in {box.database}")
        return None

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
            names = [f"{self._directory.netbios}\\{name}" for name in SYSTEM]
            return any(box.allows(name, FULL_ACCESS) for name in names)
        return self._now() < removed + self._delays.user_token_ttl_s.value

    def _names(self, who: Principal) -> tuple[str, ...]:
        return (who.upn.lower(), who.sam.lower(), f"{self._directory.netbios}\\{who.sam}".lower())

    def _full(self, box: Mailbox, who: Principal) -> bool:
        return any(box.allows(name, FULL_ACCESS) for name in self._names(who))

    def _folders(self, box: Mailbox, who: Principal) -> frozenset[str] | None:
        """What a delegate without full access sees; empty: nothing. None: all of it."""
        if who.sam == box.sam or self._full(box, who):
            return None
        names = self._names(who)
        return frozenset(
            folder
            for folder, grants in box.folder_permissions.items()
            for user, rights in grants.items()
            if user.lower() in names and rights and rights != ("None",)
        )
