# SPDX-License-Identifier: Apache-2.0
"""Where clients are: the organisation, the front before it, and the dice that choose a server."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from evict.lab.clients.course import Course
from evict.lab.model.organisation import Organisation
from evict.lab.model.profile import Profile, Version
from evict.lab.model.sessions import Session
from evict.lab.model.store import Access
from evict.lab.model.words import How

CUT = "cut at the front"
DOMAIN = "corp.example"


class Front:
    """What stands before the web doors, and asks a hook where there is one.

    It knows whose a request is where it sees the credentials: Basic, or a cookie whose login it
    carried. What signed in by NTLM or Kerberos it cannot name, and lets through.
    """

    def __init__(self) -> None:
        self._closed: set[str] = set()
        self._held: dict[str, list[tuple[Session, Callable[[str], None]]]] = {}

    def refuses(self, sam: str, how: How) -> bool:
        return sam in self._closed and how in (How.BASIC, How.FORMS)

    def hold(self, session: Session, cut: Callable[[str], None]) -> None:
        """A request of somebody it knows is in flight; `cut` is called when it ends that."""
        kept = [pair for pair in self._held.get(session.sam, ()) if not pair[0].ended]
        self._held[session.sam] = [*kept, (session, cut)]

    def close(self, sam: str) -> int:
        """Refuse somebody from now on, and end what is in flight; how many that were."""
        self._closed.add(sam)
        live = [pair for pair in self._held.pop(sam, []) if not pair[0].ended]
        for _, cut in live:
            cut(CUT)
        return len(live)

    def open(self, sam: str) -> None:
        self._closed.discard(sam)


class Place:
    """One organisation with its front, its passing of time and its dice.

    Args:
        dice: seeded. Each client gets dice of its own from it, so that what one does more or less
            of changes nothing that another throws.
    """

    def __init__(
        self, version: Version, dice: random.Random, *, servers: Sequence[str] = ("ex01", "ex02")
    ) -> None:
        self.course = Course()
        self._seed = dice.getrandbits(64)
        self.front = Front()
        self.organisation = Organisation(
            Profile(version), self.course.now, domain=DOMAIN, servers=servers
        )
        self._servers = tuple(servers)

    @property
    def now_s(self) -> float:
        return self.course.now()

    def dice_for(self, label: str) -> random.Random:
        """Always the same ones for one label."""
        return random.Random(f"{self._seed}/{label}")  # noqa: S311 - chance, no secret

    def any_server(self, dice: random.Random) -> str:
        """Where the balancer sends somebody who is new to it."""
        return dice.choice(self._servers)

    def next_server(self, kept: str, dice: random.Random) -> str:
        """Where it sends the next request: since 2013 anywhere, before to the same server.

        Source: Exchange 2013 and later need no session affinity at the balancer
        (https://learn.microsoft.com/exchange/architecture/client-access/load-balancing).
        """
        if self.organisation.profile.has("self-contained-cookie"):
            return self.any_server(dice)
        return kept

    def run(self, until_s: float) -> None:
        self.course.run(self.organisation, until_s)

    def pass_s(self, seconds: float) -> None:
        self.run(self.now_s + seconds)

    def cut(self, session: Session, told: Callable[[str], None]) -> None:
        """The front takes a request away from its server."""
        self.organisation.sessions.close(session)
        told(CUT)

    def watch(self, access: Access, session: Session, told: Callable[[str], None]) -> None:
        """Let the front know a request in flight whose sender it can name."""
        if access.principal.how in (How.BASIC, How.FORMS):
            self.front.hold(session, lambda _: self.cut(session, told))
