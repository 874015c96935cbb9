# SPDX-License-Identifier: Apache-2.0
"""A small organisation whose clock a test moves by hand."""

from __future__ import annotations

from evict.lab.model.organisation import Organisation
from evict.lab.model.profile import Profile, Version
from evict.lab.model.sessions import Session
from evict.lab.model.store import Access
from evict.lab.model.words import Denial, Denied, Pool, Principal, Protocol

NAME = "alice@corp.example"
OLD = "Old-password-1"
NEW = "New-password-1"


def ignore(reason: str) -> None:
    """What a wire does that is told of an end; this one does nothing."""


class Hand:
    """Seconds; moved forwards, and the organisation told."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Estate:
    def __init__(self, version: Version = Version.V2019) -> None:
        self.clock = Hand()
        self.org = Organisation(Profile(version), self.clock)
        self.org.add_person("alice", "Alice Archer", OLD, "DB01")
        self.org.add_person("bob", "Bob Baker", "Bob-password-1", "DB02")

    def wait(self, seconds: float) -> None:
        self.clock.now += seconds
        self.org.tick()

    def basic(self, password: str = OLD, server: str = "ex01") -> Principal | Denied:
        return self.org.sign_in_basic(server, Pool.SERVICES, NAME, password)

    def access(self, protocol: Protocol = Protocol.EWS, server: str = "ex01") -> Access:
        """Alice, in. Fails the test where she is not let in."""
        who = self.org.sign_in_direct(server, protocol, NAME, OLD)
        assert isinstance(who, Principal)
        access = self.org.enter(server, protocol, who)
        assert isinstance(access, Access)
        return access

    def live(self, protocol: Protocol, *, pool: Pool | None = None) -> Session:
        """A live session of Alice's."""
        return self.org.open_session(self.access(protocol), pool=pool, on_end=ignore)

    def ping(self, heartbeat_s: float = 900) -> Session:
        """A Ping of hers, in flight."""
        return self.org.open_session(
            self.access(Protocol.ACTIVESYNC),
            pool=Pool.SYNC,
            on_end=ignore,
            holds_request=True,
            lasts_s=heartbeat_s,
        )


def denial(answer: object) -> Denial | None:
    """Why not; None where it was let in."""
    return answer.denial if isinstance(answer, Denied) else None
