# SPDX-License-Identifier: Apache-2.0
"""The embedded organisation, made to answer a simulation's requests one by one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from evict.lab.model.cookies import OwaCookie
from evict.lab.model.organisation import Organisation
from evict.lab.model.profile import Profile, Version
from evict.lab.model.words import Pool, Principal
from evict.simulate import tokens
from evict.simulate.tokens import TICKS, Ints

PASSWORD = "Some-password-1"
_BEGIN = float(2**20)
"""A second's 1024 parts stay whole beside it, so both sides compare the very same times."""


class Company:
    """Exchange 2019 with a token lifetime, and people p0, p1 and so on."""

    def __init__(self, people: int, ttl_s: float, servers: int = 1) -> None:
        self.now = _BEGIN
        names = [f"ex{n:02}" for n in range(servers)]
        self.org = Organisation(Profile(Version.V2019), lambda: self.now, servers=names)
        self.servers = names
        for number in range(people):
            self.org.add_person(f"p{number}", f"Person {number}", PASSWORD, "DB01")
        for name in names:
            self.org.admin.set_token_ttl(name, ttl_s)
            self.org.admin.iisreset(name, force=True)
        while (due := self.org.next_due()) is not None:
            self.now = due
            self.org.tick()
        self.begin = float(np.ceil(self.now))
        self.disabled: set[int] = set()
        self.last: dict[int, int] = {}

    @property
    def sign_ins(self) -> int:
        return self.org.directory.sign_ins

    def basic(
        self, requests: Ints, pool: Pool, server: Ints | None = None, disabled: Ints | None = None
    ) -> None:
        """Basic sign-ins, in order of time, at the server that each names."""
        for row, who, at in in_order(requests, disabled, self):
            name = self.servers[0 if server is None else int(server[row])]
            upn = f"p{who}@corp.example"
            if isinstance(self.org.sign_in_basic(name, pool, upn, PASSWORD), Principal):
                self.last[who] = at

    def pages(self, requests: Ints, acted: NDArray[np.bool_], disabled: Ints) -> None:
        """Web mail: people act, and fill in the form where they must; pages ask by themselves."""
        cookies: dict[int, OwaCookie] = {}
        for row, who, at in in_order(requests, disabled, self):
            if self._page(cookies, who, acted=bool(acted[row])):
                self.last[who] = at

    def _page(self, cookies: dict[int, OwaCookie], who: int, *, acted: bool) -> bool:
        server, cookie = self.servers[0], cookies.get(who)
        live = cookie is not None and self.now < cookie.expires
        if cookie is not None and live:
            inside = isinstance(self.org.check_cookie(server, cookie), Principal)
            if inside and acted:
                cookies[who] = self.org.renew_cookie(cookie) or cookie
            return inside
        if not acted:
            return False
        made = self.org.sign_in_forms(server, f"p{who}@corp.example", PASSWORD, private=True)
        if isinstance(made, OwaCookie):
            cookies[who] = made
        return isinstance(made, OwaCookie)

    def exposures(self, disabled: Ints) -> NDArray[np.int64]:
        """Ticks from each one's disable to the last success; 0 where none came after it."""
        return np.array([max(self.last.get(n, 0) - int(d), 0) for n, d in enumerate(disabled)])


def in_order(
    requests: Ints, disabled: Ints | None, company: Company
) -> Iterator[tuple[int, int, int]]:
    """Number, holder and time of each request, with the clock there and disables carried out."""
    when, whose = tokens.when(requests), tokens.whose(requests)
    for row in np.argsort(when, kind="stable"):
        who, at = int(whose[row]), int(when[row])
        company.now = company.begin + at / TICKS
        if disabled is not None and at >= disabled[who] and who not in company.disabled:
            company.org.directory.disable(f"p{who}")
            company.disabled.add(who)
        yield int(row), who, at
