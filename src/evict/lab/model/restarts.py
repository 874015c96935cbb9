# SPDX-License-Identifier: Apache-2.0
"""Restarts: of one pool, of IIS, of a mail protocol's service. They disturb everybody there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from evict.lab.model.profile import Profile
from evict.lab.model.servers import ClientAccess
from evict.lab.model.sessions import RECYCLED, Sessions
from evict.lab.model.tickets import Tickets
from evict.lab.model.words import ModelError, Pool, Protocol

SERVICES: Final[Mapping[str, Protocol]] = {
    "MSExchangeImap4": Protocol.IMAP,
    "MSExchangeIMAP4BE": Protocol.IMAP,
    "MSExchangePop3": Protocol.POP3,
    "MSExchangePOP3BE": Protocol.POP3,
    "MSExchangeFrontEndTransport": Protocol.SMTP,
    "MSExchangeTransport": Protocol.SMTP,
    "MSExchangeRPC": Protocol.MAPI,
}
"""Windows services whose restart ends the connections of a protocol (MSExchangeRPC: RPC Client
Access, which serves Outlook in 2010)."""


class Restarts:
    def __init__(
        self,
        *,
        profile: Profile,
        servers: Mapping[str, ClientAccess],
        sessions: Sessions,
        tickets: Tickets,
        now: Callable[[], float],
    ) -> None:
        self._profile = profile
        self._servers = servers
        self._sessions = sessions
        self._tickets = tickets
        self._now = now

    def server(self, name: str) -> ClientAccess:
        """By short or full name. Raises `ModelError` where there is none."""
        found = self._servers.get(name.partition(".")[0].lower())
        if found is None:
            raise ModelError("not-found", f"there is no server {name}")
        return found

    def disturbs(self, server: str, pool: Pool) -> set[str]:
        """Accounts that a recycle of this pool would sign in again, or cut."""
        front, worker = self.server(server), self._profile.worker(pool)
        cut = {session.sam for session in self._sessions.at(front.name, worker)}
        return cut | front.caches[worker].holders(self._now())

    def recycle(self, server: str, pool: Pool) -> int:
        """Restart one pool's worker; how many held requests, contexts and connections that cut."""
        front, worker = self.server(server), self._profile.worker(pool)
        front.restart(worker)
        cut = self._sessions.at(front.name, worker)
        for session in cut:
            self._sessions.end(session, RECYCLED)
        return len(cut) + self._tickets.cut(front.name, worker)

    def iisreset(self, server: str, *, force: bool) -> int:
        """Restart IIS. Raises `ModelError` "busy" where it is not forced and does not stop.

        That nothing is cut then, and that a forced one is over at once, is assumed.
        """
        front = self.server(server)
        if front.stops_late and not force:
            raise ModelError(
                "busy",
                "The service did not respond to the start or control request in a timely fashion.",
            )
        return sum(self.recycle(server, pool) for pool in Pool)

    def service(self, server: str, service: str) -> int:
        """Every connection of that protocol to this server ends, and settings are read again."""
        names = {name.lower(): protocol for name, protocol in SERVICES.items()}
        protocol = names.get(service.lower())
        if protocol is None or (protocol is Protocol.MAPI and self._profile.has("mapi-http")):
            raise ModelError("not-found", f"Cannot find any service with service name '{service}'.")
        front = self.server(server)
        front.forget(protocol)
        cut = [s for s in self._sessions.at(front.name) if s.protocol is protocol]
        for session in cut:
            self._sessions.end(session, "service restarted")
        return len(cut)
