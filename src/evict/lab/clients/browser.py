# SPDX-License-Identifier: Apache-2.0
"""Web mail: a page that is kept open, and a person who signs in anew each time."""

from __future__ import annotations

from typing import Final

from evict.lab.clients.client import Client, Seat
from evict.lab.model.cookies import OwaCookie
from evict.lab.model.store import Access
from evict.lab.model.words import Denial, Denied, How, Protocol

_LOGIN_PAGE: Final = (Denial.COOKIE_EXPIRED, Denial.BAD_CREDENTIALS, Denial.ACCOUNT_DISABLED)


class Browser(Client):
    """A page of OWA. Since 2007 it asks for news by itself; now and then its owner uses it.

    Args:
        poll_every_s: between two requests that the page makes by itself; None: it makes none (the
            light pages of a browser that is not Microsoft's, until 2007).
        use_every_s: between two acts of the person; each renews the cookie where that is near its
            end. None: the page was left open.
        sends: the address that each act of the person writes to; None: it only reads.
        private: the form's choice of a private computer.
    """

    def __init__(
        self,
        seat: Seat,
        *,
        poll_every_s: float | None,
        use_every_s: float | None,
        sends: str | None = None,
        private: bool = True,
    ) -> None:
        if poll_every_s is None and use_every_s is None:
            raise ValueError("a page that neither asks nor is used makes no request")
        super().__init__(seat, poll_every_s or use_every_s or 0.0)
        self._use_every_s = use_every_s
        self._polls = poll_every_s is not None
        self._private = private
        self._sends = sends
        self._cookie: OwaCookie | None = None
        self._server = self.any_server()
        self._used_s = self.place.now_s

    def sign_in(self) -> bool:
        """Send the form; whether a cookie came back."""
        if self.place.front.refuses(self.who.sam, How.FORMS):
            self.refused(said="front")
            return False
        self._server = self.any_server()
        name, password = self.who.name, self.who.password
        cookie = self.place.organisation.sign_in_forms(
            self._server, name, password, private=self._private
        )
        if isinstance(cookie, Denied):
            self.refused(cookie)
            return False
        self._cookie = cookie
        self._used_s = self.place.now_s
        return True

    def act(self) -> None:
        if self._cookie is None and not self.sign_in():
            return
        used = self._person_acts()
        access = self.request(sends=self._sends if used else None)
        if isinstance(access, Access):
            self.let_in(access)
            if used:
                self._renew()
        elif access.denial in _LOGIN_PAGE:
            self._login_page(access)
        else:
            self.refused(access)

    def request(self, *, sends: str | None = None) -> Access | Denied:
        """One request with the cookie."""
        if self._cookie is None:
            return Denied(Denial.COOKIE_EXPIRED)
        if self.place.front.refuses(self.who.sam, How.FORMS):
            return Denied(Denial.SESSION_ENDED, "front")
        self._server = self.next_server(self._server)
        organisation = self.place.organisation
        who = organisation.check_cookie(self._server, self._cookie)
        access = self.enter(self._server, Protocol.OWA, who)
        if isinstance(access, Denied) or sends is None:
            return access
        sent = organisation.submit(access, [sends], "from the page", "")
        return sent if isinstance(sent, Denied) else access

    def _person_acts(self) -> bool:
        if self._use_every_s is None:
            return False
        if self._polls and self.place.now_s < self._used_s + self._use_every_s:
            return False
        self._used_s = self.place.now_s
        return True

    def _renew(self) -> None:
        if self._cookie is not None:
            fresh = self.place.organisation.renew_cookie(self._cookie)
            self._cookie = fresh or self._cookie

    def _login_page(self, denied: Denied) -> None:
        """The page is gone: a person signs in again, who is there."""
        self._cookie = None
        self.refused(denied)
        if self.asked() and self.sign_in():
            access = self.request()
            if isinstance(access, Access):
                self.let_in(access)


class Knock(Client):
    """Signs in to web mail anew each time, with the password it knows."""

    def act(self) -> None:
        browser = Browser(self.seat, poll_every_s=self.every_s, use_every_s=None)
        if not browser.sign_in():
            self.refused(said=browser.tally.said)
            return
        access = browser.request()
        if isinstance(access, Access):
            self.let_in(access)
        else:
            self.refused(access)
