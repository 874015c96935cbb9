# SPDX-License-Identifier: Apache-2.0
"""What an administrator does: features, permissions, quarantine, moves, restarts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from evict.lab.model.mailbox import (
    FEATURES,
    FULL_ACCESS,
    SELF,
    Mailbox,
    MobileDevice,
    PermissionEntry,
    Quarantine,
)
from evict.lab.model.words import ModelError, Pool, Protocol

if TYPE_CHECKING:
    from evict.lab.model.organisation import Organisation

_SERVICES: Mapping[str, tuple[Protocol, ...]] = {
    "MSExchangeImap4": (Protocol.IMAP,),
    "MSExchangeIMAP4BE": (Protocol.IMAP,),
    "MSExchangePop3": (Protocol.POP3,),
    "MSExchangePOP3BE": (Protocol.POP3,),
    "MSExchangeFrontEndTransport": (Protocol.SMTP,),
    "MSExchangeTransport": (Protocol.SMTP,),
}


class Administration:
    """Raises `ModelError` for what Exchange or IIS refuses."""

    def __init__(self, organisation: Organisation, now: Callable[[], float]) -> None:
        self._organisation = organisation
        self._now = now

    def box(self, name: str) -> Mailbox:
        """By any name of the account, the display name included."""
        found = self._organisation.find_mailbox(name)
        if found is None:
            raise ModelError("not-found", f"The operation couldn't be performed: {name}")
        return found

    def set_features(self, name: str, flags: Mapping[str, bool]) -> bool:
        """Whether anything changed. Servers notice when they read it again."""
        box = self.box(name)
        for flag in flags:
            if flag not in FEATURES:
                raise ModelError("unsupported", f"there is no feature {flag!r}")
        changed = any(box.features[f] != on for f, on in flags.items())
        box.features.update(flags)
        return changed

    def add_permission(
        self, name: str, user: str, rights: tuple[str, ...], *, deny: bool = False
    ) -> None:
        box = self.box(name)
        entry = PermissionEntry(user=user, rights=rights, deny=deny)
        if entry not in box.acl:
            box.acl.append(entry)
        if user.upper() == SELF:
            self._organisation.store.self_removed_at.pop(box.sam, None)

    def remove_permission(self, name: str, user: str, rights: tuple[str, ...]) -> bool:
        """Whether anything was there. Raises `ModelError` "inherited" for an inherited entry."""
        box = self.box(name)
        mine = [
            e for e in box.acl if e.user.lower() == user.lower() and set(e.rights) & set(rights)
        ]
        if mine and all(e.inherited for e in mine):
            raise ModelError("inherited", f"the entry of {user} is inherited")
        for entry in [e for e in mine if not e.inherited]:
            number = box.acl.index(entry)
            left = tuple(r for r in entry.rights if r not in rights)
            box.acl[number : number + 1] = (
                [PermissionEntry(user=entry.user, rights=left, deny=entry.deny)] if left else []
            )
        if user.upper() == SELF and mine and not box.allows(SELF, FULL_ACCESS):
            self._organisation.store.self_removed_at[box.sam] = self._now()
        return bool(mine)

    def quarantine(
        self, name: str, duration_s: float | None = None, *, allow_migration: bool = False
    ) -> bool:
        """Whether it was not so before; every session on the mailbox ends (assumed: at once)."""
        organisation = self._organisation
        if not organisation.profile.has("quarantine"):
            raise ModelError("unsupported", "this version has no Enable-MailboxQuarantine")
        box = self.box(name)
        fresh = box.quarantine is None
        lasts = organisation.delays.quarantine_s.value if duration_s is None else duration_s
        held = Quarantine(self._now() + lasts, allow_migration)
        box.quarantine = held
        organisation.timers.at(held.until, lambda: self._quarantine_ends(box, held))
        self.end_on(box.sam, "quarantine")
        return fresh

    def _quarantine_ends(self, box: Mailbox, held: Quarantine) -> None:
        if box.quarantine is held:
            box.quarantine = None

    def release(self, name: str) -> bool:
        box = self.box(name)
        was, box.quarantine = box.quarantine is not None, None
        return was

    def end_on(self, sam: str, reason: str) -> None:
        """End every session that has this mailbox open; a submission has none open."""
        for session in self._organisation.sessions.on(sam):
            if session.protocol is not Protocol.SMTP:
                self._organisation.sessions.end(session, reason)

    def set_token_ttl(self, server: str, seconds: float) -> None:
        """UserTokenTTL; read when a pool starts, and tokens keep the one they were made with."""
        self._organisation.server(server).token_ttl_s = seconds

    def recycle(self, server: str, pool: Pool) -> int:
        """Restart one pool's worker; how many held requests and contexts that cut."""
        organisation = self._organisation
        organisation.server(server).restart(pool)
        cut = [
            s for s in organisation.sessions.live.values() if s.server == server and s.pool is pool
        ]
        for session in cut:
            organisation.sessions.end(session, "recycled")
        return len(cut)

    def iisreset(self, server: str, *, force: bool) -> int:
        """Restart IIS. Raises `ModelError` "busy" where it is not forced and does not stop."""
        front = self._organisation.server(server)
        if front.stops_late and not force:
            raise ModelError("busy", "The service did not respond in a timely fashion.")
        return sum(self.recycle(server, pool) for pool in Pool)

    def restart_service(self, server: str, service: str) -> int:
        """A mail protocol's service; every connection of it to this server ends."""
        names = {name.lower(): protocols for name, protocols in _SERVICES.items()}
        protocols = names.get(service.lower())
        if protocols is None:
            raise ModelError("not-found", f"Cannot find any service with service name '{service}'.")
        organisation = self._organisation
        organisation.server(server)
        cut = [
            s
            for s in organisation.sessions.live.values()
            if s.server == server and s.protocol in protocols
        ]
        for session in cut:
            organisation.sessions.end(session, "service restarted")
        return len(cut)

    def wipe_account(self, name: str, device_id: str) -> None:
        """Take the account off a phone at its next contact; nothing else of it is touched."""
        if not self._organisation.profile.has("account-only-wipe"):
            raise ModelError("unsupported", "this version has no account-only wipe")
        self._device(name, device_id).wipe = "pending"

    def cancel_wipe(self, name: str, device_id: str) -> None:
        device = self._device(name, device_id)
        if device.wipe == "pending":
            device.wipe = ""

    def _device(self, name: str, device_id: str) -> MobileDevice:
        device = self.box(name).devices.get(device_id)
        if device is None:
            raise ModelError("not-found", f"there is no device {device_id}")
        return device
