# SPDX-License-Identifier: Apache-2.0
"""The login that IMAP, POP3 and submission have in common, and the session it begins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from evict.lab.model.organisation import Organisation
from evict.lab.model.sessions import Session
from evict.lab.model.store import Access
from evict.lab.model.words import Denial, Denied, Protocol

_COUNTED: Final = frozenset({Protocol.IMAP, Protocol.POP3})


class Live(Struct, frozen=True, kw_only=True, eq=False):
    """Somebody is in, and stays until the client leaves or the model ends it."""

    access: Access
    session: Session


class Door:
    """One protocol at one server."""

    def __init__(self, organisation: Organisation, server: str, protocol: Protocol) -> None:
        self.organisation = organisation
        self.server = server
        self.protocol = protocol

    @property
    def down(self) -> bool:
        return self.organisation.servers[self.server].down

    def come_in(self, name: str, password: str, on_end: Callable[[str], None]) -> Live | Denied:
        """Sign in at the directory and open the mailbox.

        Args:
            on_end: called with the reason when the model ends the session.
        """
        organisation = self.organisation
        principal = organisation.sign_in_direct(self.server, self.protocol, name, password)
        if isinstance(principal, Denied):
            return principal
        if self._full(principal.sam):
            return Denied(Denial.THROTTLED, "too many connections")
        access = organisation.enter(self.server, self.protocol, principal)
        if isinstance(access, Denied):
            return access
        session = organisation.sessions.open(access, pool=None, on_end=on_end)
        return Live(access=access, session=session)

    def use(self, live: Live) -> Denied | None:
        """Each command on a live session asks."""
        return self.organisation.sessions.use(live.session)

    def leave(self, live: Live | None) -> None:
        """The client went; nothing where the model ended it before."""
        if live is not None:
            self.organisation.sessions.close(live.session)

    def _full(self, sam: str) -> bool:
        """MaxConnectionsPerUser of Set-ImapSettings and Set-PopSettings: 16 of one server."""
        if self.protocol not in _COUNTED:
            return False
        most = self.organisation.delays.imap_connections_per_user.value
        mine = self.organisation.sessions.of(sam)
        return sum(s.protocol is self.protocol and s.server == self.server for s in mine) >= most
