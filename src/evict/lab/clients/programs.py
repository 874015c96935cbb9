# SPDX-License-Identifier: Apache-2.0
"""Programs that speak EWS, IMAP, POP3 and submission."""

from __future__ import annotations

from evict.lab.clients.client import Client, Seat
from evict.lab.model.sessions import Session
from evict.lab.model.words import Denied, Pool, Protocol


class Services(Client):
    """EWS with Basic, as Mac and mobile apps do; each request signs in by the token cache.

    Args:
        mailbox: somebody else's, that it opens instead of its own.
    """

    def __init__(self, seat: Seat, every_s: float, *, mailbox: str | None = None) -> None:
        super().__init__(seat, every_s)
        self._mailbox = mailbox
        self._server = self.any_server()

    def act(self) -> None:
        self._server = self.next_server(self._server)
        who = self.basic(self._server, Pool.SERVICES)
        if who is None:
            self.refused(said="front")
            return
        if isinstance(who, Denied) and self.asked():
            who = self.basic(self._server, Pool.SERVICES) or who
        access = self.enter(self._server, Protocol.EWS, who, self._mailbox)
        if isinstance(access, Denied):
            self.refused(access)
        else:
            self.let_in(access)


class Connected(Client):
    """One connection of IMAP, POP3 or submission that is kept and used.

    Attributes:
        again: it signs in anew when the connection ended.
    """

    def __init__(self, seat: Seat, every_s: float, protocol: Protocol) -> None:
        super().__init__(seat, every_s)
        self._protocol = protocol
        self.again = True
        self._session: Session | None = None

    def act(self) -> None:
        organisation = self.place.organisation
        if self._session is not None:
            denied = organisation.use(self._session)
            if denied is None:
                self.let_in(self._session.access)
                return
            if not self.again:
                self.refused(denied)
                return
        self._connect()

    def _connect(self) -> None:
        self._session = None
        organisation = self.place.organisation
        server = self.any_server()
        name = self.who.name
        who = organisation.sign_in_direct(server, self._protocol, name, self.who.password)
        if isinstance(who, Denied) and self.asked():
            who = organisation.sign_in_direct(server, self._protocol, name, self.who.password)
        access = self.enter(server, self._protocol, who)
        if isinstance(access, Denied):
            self.refused(access)
            return
        self._session = organisation.open_session(access, pool=None, on_end=self.told)
        self.let_in(access)


class SignsInEachTime(Client):
    """Connects, signs in, looks and leaves again, as most programs do with POP3."""

    def __init__(self, seat: Seat, every_s: float, protocol: Protocol) -> None:
        super().__init__(seat, every_s)
        self._protocol = protocol

    def act(self) -> None:
        server = self.any_server()
        name = self.who.name
        organisation = self.place.organisation
        who = organisation.sign_in_direct(server, self._protocol, name, self.who.password)
        if isinstance(who, Denied) and self.asked():
            who = organisation.sign_in_direct(server, self._protocol, name, self.who.password)
        access = self.enter(server, self._protocol, who)
        if isinstance(access, Denied):
            self.refused(access)
        else:
            self.let_in(access)
