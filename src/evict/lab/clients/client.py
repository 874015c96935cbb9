# SPDX-License-Identifier: Apache-2.0
"""What every client has: credentials, a door, and a tally of what it saw."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from msgspec import Struct

from evict.lab.clients.place import Place
from evict.lab.model.store import Access
from evict.lab.model.words import Denied, How, Pool, Principal, Protocol

QUIET_ENDS: Final = frozenset({"idle", "time-out"})
"""Ends that a session meets anyway; every other one was done to it."""


@dataclass
class Who:
    """Somebody with the password as their clients know it."""

    sam: str
    name: str
    password: str = field(repr=False)


@dataclass
class Tally:
    """What one client saw, from its own side.

    Attributes:
        dropped: how often a server or the front ended what it had open.
        prompts: how often a person was asked for name and password.
        said: how the last refusal was worded.
    """

    successes: int = 0
    refusals: int = 0
    dropped: int = 0
    prompts: int = 0
    last_success_s: float | None = None
    first_refusal_s: float | None = None
    said: str = ""


class Seat(Struct, frozen=True, kw_only=True):
    """Who sits where.

    Attributes:
        door: what the client's tally is kept under.
        types_again: a person is there who types the password when asked, as it is by then.
    """

    place: Place
    who: Who
    door: str
    types_again: bool = False


class Client:
    """One program of one person, on one door.

    Args:
        every_s: between two acts; jittered by a tenth either way, so that clients do not march.
    """

    def __init__(self, seat: Seat, every_s: float) -> None:
        self.seat = seat
        self.place = seat.place
        self.who = seat.who
        self.every_s = every_s
        self.tally = Tally()
        self.stopped = False
        self.dice = self.place.dice_for(f"{self.who.sam}/{seat.door}")

    def any_server(self) -> str:
        return self.place.any_server(self.dice)

    def next_server(self, kept: str) -> str:
        return self.place.next_server(kept, self.dice)

    def begin(self) -> None:
        """Act now, and again and again."""
        self.place.course.at(self.place.now_s, self._turn)

    def stop(self) -> None:
        """It is shut down; nothing of it goes on."""
        self.stopped = True

    def act(self) -> None:
        """One try of the door, in this client's way."""
        raise AssertionError("each client has its own way")

    def wait_s(self) -> float:
        """Until the next act."""
        return self.every_s * self.dice.uniform(0.9, 1.1)

    def _turn(self) -> None:
        if self.stopped:
            return
        self.act()
        self.place.course.after(self.wait_s(), self._turn)

    # What an act ends with.

    def let_in(self, access: Access) -> None:
        """It was; a server writes that to its log."""
        self.tally.successes += 1
        self.tally.last_success_s = self.place.now_s
        self.place.organisation.log(access.server, access.protocol, access.principal.sam, 200)

    def refused(self, denied: Denied | None = None, said: str = "") -> None:
        self.tally.refusals += 1
        if self.tally.first_refusal_s is None:
            self.tally.first_refusal_s = self.place.now_s
        self.tally.said = said if denied is None else str(denied.denial)

    def asked(self) -> bool:
        """A person is asked for the password; whether somebody is there to type it."""
        self.tally.prompts += 1
        if self.seat.types_again:
            account = self.place.organisation.directory.accounts[self.who.sam]
            self.who.password = account.password
        return self.seat.types_again

    # Ways in.

    def basic(self, server: str, pool: Pool) -> Principal | Denied | None:
        """With the password at a web door; None: the front refused it, nobody behind was asked."""
        if self.place.front.refuses(self.who.sam, How.BASIC):
            return None
        name, password = self.who.name, self.who.password
        return self.place.organisation.sign_in_basic(server, pool, name, password)

    def enter(
        self, server: str, protocol: Protocol, who: Principal | Denied, mailbox: str | None = None
    ) -> Access | Denied:
        if isinstance(who, Denied):
            return who
        return self.place.organisation.enter(server, protocol, who, mailbox=mailbox)

    def told(self, reason: str) -> None:
        """Somebody ended what it had open."""
        if reason not in QUIET_ENDS:
            self.tally.dropped += 1
