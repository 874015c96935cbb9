# SPDX-License-Identifier: Apache-2.0
"""Integrated sign-in that outlives its check: Kerberos tickets, and connections bound to somebody.

A server takes a service ticket by itself, without asking the KDC; and what was authenticated on a
connection stays so until the connection ends, whatever became of the ticket or the password.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from msgspec import Struct

from evict.lab.model.delays import Delays
from evict.lab.model.directory import DirectoryState
from evict.lab.model.servers import ClientAccess
from evict.lab.model.words import Denial, Denied, How, Pool, Principal


class GrantingTicket(Struct, frozen=True, kw_only=True):
    """What a sign-in at a workstation gives."""

    sam: str
    upn: str
    issued: float
    expires: float


class ServiceTicket(Struct, frozen=True, kw_only=True):
    """For HTTP at one server."""

    sam: str
    upn: str
    server: str
    issued: float
    expires: float


@dataclass(eq=False)
class BoundConnection:
    """A TCP connection on which somebody authenticated (NTLM or Kerberos)."""

    principal: Principal
    server: str
    pool: Pool
    used: float
    ended: bool = False


class Tickets:
    def __init__(
        self,
        delays: Delays,
        directory: DirectoryState,
        servers: Mapping[str, ClientAccess],
        now: Callable[[], float],
    ) -> None:
        self._delays = delays
        self._directory = directory
        self._servers = servers
        self._now = now
        self._bound: dict[str, list[BoundConnection]] = {}
        self.issued: dict[str, list[ServiceTicket]] = {}

    def sign_in(self, name: str, password: str) -> GrantingTicket | Denied:
        """A ticket-granting ticket; the previous password is no use here."""
        account = self._directory.check(name, password)
        if isinstance(account, Denied):
            return account
        now = self._now()
        life = self._delays.kerberos_tgt_s.value
        return GrantingTicket(sam=account.sam, upn=account.upn, issued=now, expires=now + life)

    def service(self, tgt: GrantingTicket, server: str) -> ServiceTicket | Denied:
        """A ticket for a server; the account is looked at where the TGT is older than 20 min.

        Source: MS-KILE 3.3.5.7.1.
        """
        now = self._now()
        account = self._directory.accounts.get(tgt.sam)
        if account is None or now >= tgt.expires:
            return Denied(Denial.BAD_CREDENTIALS, "the ticket is no good")
        if now - tgt.issued > self._delays.kerberos_recheck_s.value and not account.enabled:
            return Denied(Denial.ACCOUNT_DISABLED)
        ends = min(tgt.expires, now + self._delays.kerberos_ticket_s.value)
        ticket = ServiceTicket(sam=tgt.sam, upn=tgt.upn, server=server, issued=now, expires=ends)
        kept = [t for t in self.issued.get(tgt.sam, ()) if now < t.expires]
        self.issued[tgt.sam] = [*kept, ticket]
        return ticket

    def accept(self, server: str, ticket: ServiceTicket) -> Principal | Denied:
        """What the server says to it: its life is all that counts."""
        front = self._servers[server]
        if front.down:
            return Denied(Denial.SERVER_DOWN)
        if ticket.server != server or self._now() >= ticket.expires:
            return Denied(Denial.BAD_CREDENTIALS, "the ticket is no good")
        return Principal(sam=ticket.sam, upn=ticket.upn, how=How.INTEGRATED, at=self._now())

    def bind(self, server: str, pool: Pool, principal: Principal) -> BoundConnection:
        """Keep who authenticated on a connection."""
        bound = BoundConnection(principal, server, pool, self._now())
        kept = [b for b in self._bound.get(principal.sam, ()) if self._lives(b)]
        self._bound[principal.sam] = [*kept, bound]
        return bound

    def use(self, bound: BoundConnection) -> Principal | Denied:
        """A further request on it: nobody is asked. IIS ends it after resting (assumed 2 min)."""
        if not self._lives(bound):
            bound.ended = True
            return Denied(Denial.SESSION_ENDED)
        bound.used = self._now()
        return bound.principal

    def of(self, sam: str) -> list[BoundConnection]:
        """Live connections of one account."""
        return [b for b in self._bound.get(sam, ()) if self._lives(b)]

    def cut(self, server: str, pool: Pool) -> int:
        """A worker that restarts takes its connections with it (assumed)."""
        mine = [
            b
            for bound in self._bound.values()
            for b in bound
            if b.server == server and b.pool is pool and self._lives(b)
        ]
        for bound in mine:
            bound.ended = True
        return len(mine)

    def _lives(self, bound: BoundConnection) -> bool:
        rested = self._now() - bound.used
        return not bound.ended and rested < self._delays.http_connection_idle_s.value
