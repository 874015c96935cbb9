# SPDX-License-Identifier: Apache-2.0
"""Signing in: through a token cache, with a form's cookie, at the directory itself."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Final

from evict.lab.model.cookies import OwaCookie, ServerSession
from evict.lab.model.delays import Delays
from evict.lab.model.directory import DirectoryState
from evict.lab.model.profile import Profile, Version
from evict.lab.model.servers import ClientAccess
from evict.lab.model.words import Denial, Denied, How, Pool, Principal

_DOWN: Final = Denied(Denial.SERVER_DOWN, "the server is restarting")
_SESSIONS: Final = uuid.UUID("b5a7d3c0-6f0e-4a2b-9c1d-0a1b2c3d4e5f")


class SignIn:
    """Every way to say who one is. A refusal is a value, never an error."""

    def __init__(
        self,
        profile: Profile,
        delays: Delays,
        directory: DirectoryState,
        servers: Mapping[str, ClientAccess],
        now: Callable[[], float],
    ) -> None:
        self._profile = profile
        self._delays = delays
        self._directory = directory
        self._servers = servers
        self._now = now
        self._cookies = 0
        self.last_cookie: dict[str, OwaCookie] = {}
        """The newest of each account: nothing of Exchange knows it, a prediction needs it."""

    def basic(
        self, server: str, pool: Pool, name: str, password: str, how: How = How.BASIC
    ) -> Principal | Denied:
        """With a password at IIS: the directory is asked only where no token lives."""
        front = self._servers[server]
        if front.down:
            return _DOWN
        now = self._now()
        cache = front.caches[self._profile.worker(pool)]
        token = cache.find(name, password, now)
        if token is None:
            account = self._directory.check(name, password)
            if isinstance(account, Denied):
                return account
            token = cache.add(name, password, account.sam, account.upn, now)
        return Principal(sam=token.sam, upn=token.upn, how=how, at=token.made)

    def integrated(self, server: str, name: str, password: str) -> Principal | Denied:
        """NTLM: the directory is asked each time, and takes the previous password for a while."""
        if self._servers[server].down:
            return _DOWN
        account = self._directory.check(name, password, ntlm=True)
        if isinstance(account, Denied):
            return account
        return Principal(sam=account.sam, upn=account.upn, how=How.INTEGRATED, at=self._now())

    def direct(self, server: str, name: str, password: str) -> Principal | Denied:
        """A mail protocol's own login: the directory is asked each time."""
        if self._servers[server].down:
            return _DOWN
        account = self._directory.check(name, password)
        if isinstance(account, Denied):
            return account
        return Principal(sam=account.sam, upn=account.upn, how=How.DIRECT, at=self._now())

    def forms(self, server: str, name: str, password: str, *, private: bool) -> OwaCookie | Denied:
        """OWA's login form."""
        who = self.basic(server, Pool.OWA, name, password, How.FORMS)
        if isinstance(who, Denied):
            return who
        now = self._now()
        timeout = self.cookie_timeout_s(private=private)
        if self._profile.has("self-contained-cookie"):
            return self._issue(who.sam, name, password, private=private)
        self._cookies += 1
        session = uuid.uuid5(_SESSIONS, f"{server}/{self._cookies}/{now}").hex
        front = self._servers[server]
        front.sessions[session] = ServerSession(name, password, now, timeout)
        cookie = OwaCookie(
            name=name,
            password="",
            private=private,
            issued=now,
            expires=now + timeout,
            session=session,
            server=server,
        )
        self.last_cookie[who.sam] = cookie
        return cookie

    def _issue(self, sam: str, name: str, password: str, *, private: bool) -> OwaCookie:
        """A self-contained one: it lives half as long again as the setting."""
        now = self._now()
        life = self.cookie_timeout_s(private=private) * self._delays.owa_cookie_life_factor.value
        cookie = OwaCookie(
            name=name, password=password, private=private, issued=now, expires=now + life
        )
        self.last_cookie[sam] = cookie
        return cookie

    def cookie_timeout_s(self, *, private: bool) -> float:
        """The setting, seconds: how long a browser may rest."""
        if not private:
            return self._delays.owa_public_timeout_s.value
        if self._profile.version is Version.V2003:
            return self._delays.owa_trusted_2003_timeout_s.value
        return self._delays.owa_private_timeout_s.value

    def cookie(self, server: str, cookie: OwaCookie) -> Principal | Denied:
        """A request with a cookie: it signs in again with what the cookie holds."""
        front = self._servers[server]
        if front.down:
            return _DOWN
        now = self._now()
        if cookie.session:
            session = front.sessions.get(cookie.session)
            if session is None or not session.lives(now):
                front.sessions.pop(cookie.session, None)
                return Denied(Denial.COOKIE_EXPIRED)
            session.used = now
            return self.basic(server, Pool.OWA, session.name, session.password, How.FORMS)
        if now >= cookie.expires:
            return Denied(Denial.COOKIE_EXPIRED)
        return self.basic(server, Pool.OWA, cookie.name, cookie.password, How.FORMS)

    def renew(self, cookie: OwaCookie) -> OwaCookie | None:
        """A new cookie for somebody active, once the old one is within one setting of its end."""
        now = self._now()
        near = cookie.expires - now <= self.cookie_timeout_s(private=cookie.private)
        if cookie.session or not near or now >= cookie.expires:
            return None
        account = self._directory.find(cookie.name)
        sam = cookie.name if account is None else account.sam
        return self._issue(sam, cookie.name, cookie.password, private=cookie.private)
