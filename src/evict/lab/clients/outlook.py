# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from evict.lab.clients.client import Client, Seat
from evict.lab.model.sessions import Session
from evict.lab.model.words import Denied, Protocol


class Outlook(Client):
    """Signs in by NTLM, and keeps its MAPI logon alive as long as it is let."""

    def __init__(self, seat: Seat, every_s: float) -> None:
        super().__init__(seat, every_s)
        self._session: Session | None = None

    def act(self) -> None:
        organisation = self.place.organisation
        if self._session is not None and not self._session.ended:
            denied = organisation.use(self._session)
            if denied is None:
                self.let_in(self._session.access)
                return
        self._connect()

    def _connect(self) -> None:
        self._session = None
        organisation = self.place.organisation
        server = self.any_server()
        who = organisation.sign_in_integrated(server, self.who.name, self.who.password)
        if isinstance(who, Denied) and self.asked():
            who = organisation.sign_in_integrated(server, self.who.name, self.who.password)
        access = self.enter(server, Protocol.MAPI, who)
        if isinstance(access, Denied):
            self.refused(access)
            return
        pool = organisation.profile.pool_of(Protocol.MAPI)
        self._session = organisation.open_session(access, pool=pool, on_end=self.told)
        self.let_in(access)
