# SPDX-License-Identifier: Apache-2.0
"""What an administrator does: to one mailbox, by any name of it, and to servers.

Raises `ModelError` for what Exchange refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from evict.lab.model.mailbox import SELF, Archive, Mailbox, PermissionEntry, Quarantine
from evict.lab.model.permissions import Permissions
from evict.lab.model.profile import Version
from evict.lab.model.sessions import MOVED, QUARANTINED
from evict.lab.model.words import ModelError, Pool

if TYPE_CHECKING:
    from evict.lab.model.organisation import Organisation

_NEEDS = {
    "owa_for_devices": "owa-for-devices",
    "ews": "ews-flag",
    "mapi_http": "mapi-http",
    "ews_allow_outlook": "ews-flag",
    "ews_allow_mac_outlook": "ews-flag",
    "ews_allow_entourage": "ews-flag",
}
"""Flags that a version may not have."""


class Administration:
    def __init__(self, organisation: Organisation, now: Callable[[], float]) -> None:
        self._organisation = organisation
        self._now = now
        self.permissions = Permissions(organisation.store, now)

    def box(self, name: str) -> Mailbox:
        """By any name of the account, the mailbox's id or its display name."""
        found = self._organisation.find_mailbox(name)
        if found is None:
            raise ModelError(
                "not-found",
                f"The operation couldn't be performed because object '{name}' couldn't be found.",
            )
        return found

    def _needs(self, feature: str, what: str) -> None:
        if not self._organisation.profile.has(feature):
            version = self._organisation.profile.version
            raise ModelError("unsupported", f"Exchange {version} has no {what}")

    def set_features(self, name: str, flags: Mapping[str, bool | None]) -> bool:
        """Whether anything changed. Servers notice when they read it again."""
        box = self.box(name)
        rest = dict(flags)
        for flag in set(rest) & set(_NEEDS):
            self._needs(_NEEDS[flag], flag)
        um = rest.pop("um", None)
        if um is not None:
            self._needs("unified-messaging", "unified messaging")
        changed = box.features.change(rest, self._now())
        if um is None or um is box.um_enabled:
            return changed
        box.um_enabled = um
        return True

    def add_permission(
        self, name: str, user: str, rights: Sequence[str], *, deny: bool = False
    ) -> PermissionEntry:
        return self.permissions.add(self.box(name), user, rights, deny=deny)

    def add_permission_by_console(
        self, name: str, user: str, rights: Sequence[str]
    ) -> PermissionEntry:
        """By the management console, which looks for `user` in the directory: SELF is not there.

        Reported of 2007 and 2010 (Netmail blog, 24 March 2014), assumed of later ones; the dialog
        of 2003 takes SELF as typed (KB 319047).
        """
        typed = self._organisation.profile.version is Version.V2003
        if user.upper() == SELF and not typed:
            raise ModelError("not-found", f"the directory has no object {user}")
        return self.add_permission(name, user, rights)

    def remove_permission(
        self, name: str, user: str, rights: Sequence[str], *, deny: bool | None = None
    ) -> bool:
        return self.permissions.remove(self.box(name), user, rights, deny=deny)

    def quarantine(
        self, name: str, duration_s: float | None = None, *, allow_migration: bool = False
    ) -> bool:
        """Whether it was not so before; every session on the mailbox ends (assumed: at once)."""
        organisation = self._organisation
        self._needs("quarantine", "Enable-MailboxQuarantine")
        box = self.box(name)
        fresh = box.quarantine is None
        lasts = organisation.delays.quarantine_s.value if duration_s is None else duration_s
        held = Quarantine(self._now() + lasts, allow_migration)
        box.quarantine = held
        organisation.timers.at(held.until, lambda: self._quarantine_ends(box, held))
        self._end_on(box.sam, QUARANTINED)
        return fresh

    def _quarantine_ends(self, box: Mailbox, held: Quarantine) -> None:
        if box.quarantine is held:
            box.quarantine = None

    def release(self, name: str) -> bool:
        """Whether it was quarantined."""
        self._needs("quarantine", "Disable-MailboxQuarantine")
        box = self.box(name)
        was, box.quarantine = box.quarantine is not None, None
        return was

    def lock(self, sam: str) -> None:
        """A move comes to its end: nobody stays in."""
        self._end_on(sam, MOVED)

    def _end_on(self, sam: str, reason: str) -> None:
        for session in self._organisation.sessions.on(sam):
            self._organisation.sessions.end(session, reason)

    def set_token_ttl(self, server: str, seconds: float) -> None:
        """UserTokenTTL; read when a pool starts, and tokens keep the one they were made with."""
        self._organisation.server(server).token_ttl_s = seconds

    def recycle(self, server: str, pool: Pool) -> int:
        return self._organisation.restarts.recycle(server, pool)

    def iisreset(self, server: str, *, force: bool) -> int:
        return self._organisation.restarts.iisreset(server, force=force)

    def restart_service(self, server: str, service: str) -> int:
        return self._organisation.restarts.service(server, service)

    def wipe_account(self, name: str, device_id: str) -> None:
        self._organisation.mobile.wipe_account(self.box(name), device_id)

    def cancel_wipe(self, name: str, device_id: str) -> bool:
        return self._organisation.mobile.cancel_wipe(self.box(name), device_id)

    def add_archive(self, name: str, database: str, guid: str) -> Archive:
        """Enable-Mailbox -Archive."""
        self._needs("archive", "archive mailboxes")
        box = self.box(name)
        if box.archive is not None:
            raise ModelError("exists", f"{box.sam} has an archive already")
        box.archive = Archive(guid, f"In-Place Archive - {box.display_name}", database)
        return box.archive

    def disconnect(self, name: str) -> Mailbox:
        """Disable-Mailbox: "disconnected immediately after this task completes"."""
        box = self.box(name)
        box.connected = False
        self._end_on(box.sam, "disconnected")
        return box

    def connect(self, name: str) -> Mailbox:
        """Connect-Mailbox. What was lost with the disconnection is not modelled."""
        box = self.box(name)
        box.connected = True
        return box
