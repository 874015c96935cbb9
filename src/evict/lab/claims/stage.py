# SPDX-License-Identifier: Apache-2.0
"""A small organisation with one leaver and one bystander, and ways to measure how long she is in.

No client jitters here: what is measured is the rule alone, to the second.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from evict.lab.claims.seen import DAY_S, NotSeenError, expect
from evict.lab.clients.client import Seat, Who
from evict.lab.clients.place import Place
from evict.lab.model.cookies import OwaCookie
from evict.lab.model.mailbox import Mailbox
from evict.lab.model.mobile import Device
from evict.lab.model.profile import Profile, Version
from evict.lab.model.sessions import Session
from evict.lab.model.store import Access
from evict.lab.model.words import POOLS, Denial, Denied, Pool, Principal, Protocol

LEAVER: Final = "alice"
BYSTANDER: Final = "bob"
PASSWORD: Final = "Old-password-1"  # noqa: S105 - nothing of the lab is secret
OTHER: Final = "Bob-password-1"
SERVERS: Final = ("ex01", "ex02")
PHONE: Final = Device(device_id="PHONE1")
Knock = Callable[[], Denial | None]
"""One request: why it was refused, None where it was let in."""


class Page:
    """A page of OWA behind the login form, at the server that it was opened at."""

    def __init__(self, stage: Stage, password: str = PASSWORD, server: str = "ex01") -> None:
        self._stage = stage
        self._server = server
        self.cookie: OwaCookie | Denied = stage.org.sign_in_forms(
            server, stage.name, password, private=True
        )

    def request(self) -> Denial | None:
        if isinstance(self.cookie, Denied):
            return self.cookie.denial
        who = self._stage.org.check_cookie(self._server, self.cookie)
        return why(self._stage.enter(Protocol.OWA, who, self._server))


class Stage:
    def __init__(
        self, version: Version, *, seed: int = 2014, servers: tuple[str, ...] = SERVERS
    ) -> None:
        self.servers = servers
        self.place = Place(version, random.Random(seed), servers=servers)  # noqa: S311 - a model
        self.org = self.place.organisation
        self.name = self.org.add_person(LEAVER, "Alice Archer", PASSWORD, "DB01").account.upn
        self.org.add_person(BYSTANDER, "Bob Baker", OTHER, "DB01")

    @property
    def profile(self) -> Profile:
        return self.org.profile

    @property
    def box(self) -> Mailbox:
        return self.org.mailboxes[LEAVER]

    def seat(self, sam: str, door: str) -> Seat:
        account = self.org.directory.accounts[sam]
        who = Who(sam=sam, name=account.upn, password=account.password)
        return Seat(place=self.place, who=who, door=door)

    def wait(self, seconds: float) -> None:
        self.place.pass_s(seconds)

    def disable(self) -> None:
        self.org.directory.disable(LEAVER)

    def reset(self, password: str) -> None:
        self.org.directory.set_password(LEAVER, password)

    def recycle(self, *pools: Pool) -> None:
        for server in self.servers:
            for pool in pools:
                self.org.recycle(server, pool)

    # Ways in.

    def sign_in(
        self, protocol: Protocol, password: str = PASSWORD, server: str = "ex01"
    ) -> Principal | Denied:
        """In the door's own way: Basic at a web door, NTLM for Outlook, a mail protocol's login."""
        if protocol is Protocol.MAPI:
            return self.org.sign_in_integrated(server, self.name, password)
        if protocol in POOLS:
            return self.org.sign_in_basic(server, POOLS[protocol], self.name, password)
        return self.org.sign_in_direct(server, protocol, self.name, password)

    def enter(
        self, protocol: Protocol, who: Principal | Denied, server: str = "ex01"
    ) -> Access | Denied:
        if isinstance(who, Denied):
            return who
        device = PHONE if protocol is Protocol.ACTIVESYNC else None
        return self.org.enter(server, protocol, who, device=device)

    def knock(
        self,
        protocol: Protocol = Protocol.ACTIVESYNC,
        password: str = PASSWORD,
        server: str = "ex01",
    ) -> Denial | None:
        """One request of the leaver's with name and password."""
        return why(self.enter(protocol, self.sign_in(protocol, password, server), server))

    def signed_in(self, *protocols: Protocol) -> None:
        """She used these doors just now."""
        for protocol in protocols:
            denial = self.knock(protocol)
            expect(denial is None, f"not let in by {protocol} to begin with: {denial}")

    def live(self, protocol: Protocol) -> Session:
        """A live session of hers; at ActiveSync a Ping that is held for an hour."""
        access = self.enter(protocol, self.sign_in(protocol))
        if isinstance(access, Denied):
            raise NotSeenError(f"not let in by {protocol} to begin with: {access.denial}")
        ping = protocol is Protocol.ACTIVESYNC
        return self.org.open_session(
            access,
            pool=self.profile.pool_of(protocol),
            on_end=lambda _: None,
            holds_request=ping,
            lasts_s=3540 if ping else None,
        )


def why(answer: object) -> Denial | None:
    """Why it was refused; None where it was let in."""
    return answer.denial if isinstance(answer, Denied) else None


def ends_after_s(prepare: Callable[[], tuple[Stage, Knock]], most_s: int = DAY_S) -> int | None:
    """The shortest rest, in whole seconds, after which a first request is refused.

    Each try has an organisation of its own, as a request that is let in changes what comes after.
    None: one is let in even after `most_s`.
    """

    def refused(rest_s: int) -> bool:
        stage, knock = prepare()
        stage.wait(rest_s)
        return knock() is not None

    if not refused(most_s):
        return None
    low, high = -1, most_s
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if refused(middle) else (middle, high)
    return high


def until_refused_s(stage: Stage, knock: Knock, every_s: int, most_s: int = DAY_S) -> int | None:
    """When the first request of many is refused; None: all were let in until `most_s`."""
    for passed in range(every_s, most_s + 1, every_s):
        stage.wait(every_s)
        if knock() is not None:
            return passed
    return None
