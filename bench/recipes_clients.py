# SPDX-License-Identifier: Apache-2.0
"""A leaver's clients as recipes are measured with: every door tried until a watch ends.

They try without pause around the order, and at a pace that ten leavers at once can keep up on a
small machine for the rest of the watch. The last try of each door is made after the end.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final, Protocol

from msgspec import Struct

from estate import mailbox, people
from estate.clients.leaver import LeaverClients, Track
from estate.clients.lines import Refused
from estate.clients.sessions import PROTOCOLS
from estate.commands import EstateError
from estate.layout import Layout
from estate.people import Person

LOGINS: Final = ("imap", "pop3", "managesieve", "submission")
"""The protocols on which new logins are made, one connection each."""
TICKET: Final = "imap-kerberos new"
BIND: Final = "directory bind"
FORWARD: Final = "mail forwarded by Sieve"
_WARM_S: Final = 30.0


class Pace(Struct, frozen=True, kw_only=True):
    """Pauses between two tries."""

    beat_s: float
    login_s: float
    bind_s: float
    mail_s: float


DENSE: Final = Pace(beat_s=0.003, login_s=0.0, bind_s=0.2, mail_s=0.1)
WATCH: Final = Pace(beat_s=0.25, login_s=2.0, bind_s=5.0, mail_s=5.0)


class Used(Protocol):
    """A live session of any kind."""

    def beat(self) -> None: ...


class Found(Struct, frozen=True, kw_only=True):
    """One door when the watch had ended.

    Attributes:
        open: the try after the end worked.
        last_success_ns: UTC, of time.time_ns.
    """

    door: str
    open: bool
    last_success_ns: int


class WatchedClients(LeaverClients):
    """Adds to the sessions and logins: logins with the ticket, binds, mail that Sieve forwards.

    The password is the one the leaver knows: after a reset it is the old one.

    Args:
        colleague: to whom the leaver's active Sieve script forwards; nobody opens that mailbox.
    """

    def __init__(self, layout: Layout, leaver: Person, colleague: Person) -> None:
        super().__init__(layout, leaver, storm=LOGINS)
        self.leaver = leaver
        self.pace = DENSE
        self._colleague = colleague
        self._open: dict[str, bool] = {}
        self._more = [Track(TICKET), Track(BIND)]
        self._forward = Track(FORWARD)
        self._threads += [
            threading.Thread(target=target, args=args, daemon=True)
            for target, args in (
                (self._try_on, (self._more[0], self._use_ticket, lambda: self.pace.login_s)),
                (self._try_on, (self._more[1], self._bind, lambda: self.pace.bind_s)),
                (self._mail, ()),
            )
        ]

    def wait_warm(self) -> None:
        """Return once every door has let the leaver in."""
        until = time.monotonic() + _WARM_S
        while closed := [t for t in self._every() if not t.successes]:
            if time.monotonic() > until:
                said = "; ".join(f"{t.door}: {t.failure or 'no answer'}" for t in closed)
                raise EstateError(f"{self.leaver.name} does not get in: {said}")
            time.sleep(0.01)

    def finish(self) -> tuple[Found, ...]:
        """The last tries; then every session is ended.

        The session of a last login is not used before its one try, so the last success of one that
        is shut is the login itself.
        """
        self._stop.set()
        for thread in self._threads:
            thread.join()
        alive = set(self.survivors())
        self.stop()
        if missing := [t.door for t in self._every() if t.door not in self._open]:
            raise EstateError(f"not measured, since their client failed: {', '.join(missing)}")
        opened = [
            _found(f"{t.door.split()[0]} session of the last login", t, is_open=t.door in alive)
            for t in self._storm
        ]
        return (*(_found(t.door, t, is_open=self._open[t.door]) for t in self._every()), *opened)

    def _every(self) -> tuple[Track, ...]:
        return (*self.tracks, *self._more, self._forward)

    def _beat(self, track: Track, session: Used) -> None:
        while track.attempt(session.beat):
            if self._stop.is_set():
                self._open[track.door] = True
                return
            self._stop.wait(self.pace.beat_s)
        self._open[track.door] = False

    def _log_in_on(self, number: int, track: Track, protocol: str) -> None:
        """A connection holds its newest session until the next is open."""
        address = self._address()

        def log_in() -> None:
            nonlocal address
            try:
                session = PROTOCOLS[protocol](self._layout, self._person, address)
            except Refused:
                address = self._address()  # Dovecot delays the one that was refused
                raise
            with self._lock:
                before = self._newest.get(number)
                self._newest[number] = session
            if before is not None:
                before.close()

        self._try_on(track, log_in, lambda: self.pace.login_s)

    def _try_on(self, track: Track, what: Callable[[], None], pause_s: Callable[[], float]) -> None:
        while not self._stop.is_set():
            track.attempt(what)
            self._stop.wait(pause_s())
        self._open[track.door] = track.attempt(what)

    def _use_ticket(self) -> None:
        if not self.kerberos_login():
            raise Refused("the ticket opens nothing")

    def _bind(self) -> None:
        try:
            people.modify(self._layout, "", bind=self._person.upn, password=self._person.password)
        except EstateError as error:
            if "Invalid credentials" not in str(error):
                raise
            raise Refused(str(error)) from error

    def _mail(self) -> None:
        """The door let a mail through where the colleague has it; judged when all were sent."""
        arrived_ns: dict[str, int] = {}
        while True:
            last = self._stop.is_set()
            subject = f"Offer {len(arrived_ns)} of {self._person.name}."
            with suppress(FileNotFoundError):  # it is there: a session moved the file just now
                mailbox.deliver(self._layout, self._person, subject)
            arrived_ns[subject] = time.time_ns()
            if not self._forward.successes:
                self._forward.attempt(partial(self._wait_forwarded, subject))
            if last:
                break
            self._stop.wait(self.pace.mail_s)
        self._open[FORWARD] = self._forward.attempt(partial(self._wait_forwarded, subject))
        forwarded = mailbox.subjects(self._layout, self._colleague)
        self._forward.last_success_ns = max(arrived_ns[text] for text in forwarded)

    def _wait_forwarded(self, subject: str) -> None:
        try:
            mailbox.wait_for_mail(self._layout, self._colleague, subject)
        except EstateError as error:
            raise Refused(str(error)) from error


def _found(door: str, track: Track, *, is_open: bool) -> Found:
    if track.last_success_ns is None:
        raise EstateError(f"{door} never worked, so nothing can be said about its end")
    name = door.rsplit(" ", 1)[0] if door[-1].isdigit() else door
    return Found(door=name, open=is_open, last_success_ns=track.last_success_ns)
