# SPDX-License-Identifier: Apache-2.0
"""One leaver's clients: live sessions on every protocol, and new logins without pause.

They note, on the wall clock, when each door let them in last and refused them first.
"""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from types import TracebackType
from typing import Final, Self

from msgspec import Struct

from estate.clients.kerberos import ImapKerberos, Ticket
from estate.clients.lines import Ended, Refused
from estate.clients.live import Live, Protocols
from estate.clients.sessions import PROTOCOLS
from estate.layout import Layout
from estate.people import Person

STORM: Final = ("imap", "imap", "pop3", "managesieve")
"""The protocols of the four connections on which new logins are made without pause."""


class Doors(Struct, frozen=True, kw_only=True):
    """A kind of doors.

    Attributes:
        table: name of a protocol -> how to log in.
        kerberos: IMAP by a ticket too.
        pause_s: between two beats of a live session.
        storm_pause_s: between two logins of the storm.
    """

    table: Protocols
    kerberos: bool
    pause_s: float
    storm_pause_s: float


MAIL: Final = Doors(table=PROTOCOLS, kerberos=True, pause_s=0.003, storm_pause_s=0.0)


class Track:
    """What one client saw of one door.

    Attributes:
        door: protocol, with `live` for a session that was open, `new` for logins.
        last_success_ns, first_failure_ns: when the answer came, UTC, of time.time_ns; None: never.
        first_failure_began_ns: when the try was begun whose answer that was. A login that Dovecot
            refuses is answered 2 s later.
        failure: the server's words.
        successes: how many tries worked.
    """

    def __init__(self, door: str) -> None:
        self.door = door
        self.last_success_ns: int | None = None
        self.first_failure_ns: int | None = None
        self.first_failure_began_ns: int | None = None
        self.failure = ""
        self.successes = 0

    def attempt(self, what: Callable[[], None]) -> bool:
        """Do it, and note what came of it."""
        began = time.time_ns()
        try:
            what()
        except (Ended, Refused) as error:
            if self.first_failure_ns is None:
                self.first_failure_ns = time.time_ns()
                self.first_failure_began_ns = began
                self.failure = str(error) or type(error).__name__
            return False
        self.last_success_ns = time.time_ns()
        self.successes += 1
        return True


class LeaverClients:
    """All clients of one leaver, running from `start` to `stop`.

    Args:
        protocols: live sessions, one each; where there is Kerberos one more, by a ticket taken now.
        storm: one connection each with new logins without pause; each holds its newest session
            until the next is open, as a client that reconnects does.
        doors: what the names of protocols stand for.
    """

    def __init__(
        self,
        layout: Layout,
        person: Person,
        *,
        protocols: Sequence[str] = tuple(PROTOCOLS),
        storm: Sequence[str] = STORM,
        doors: Doors = MAIL,
    ) -> None:
        self._doors = doors
        self._layout = layout
        self._person = person
        self._addresses = _addresses(layout, person)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._newest: dict[int, Live] = {}
        self._live: list[tuple[Track, Live]] = []
        self.ticket = Ticket(layout, person) if doors.kerberos else None
        try:
            for protocol in protocols:
                session = doors.table[protocol](layout, person, self._address())
                self._live.append((Track(f"{protocol} live"), session))
            if self.ticket is not None:
                session = ImapKerberos(layout, person, self._address(), self.ticket)
                self._live.append((Track("imap-kerberos live"), session))
        except BaseException:
            self._close_all()
            raise
        self._storm = [Track(f"{protocol} new {number}") for number, protocol in enumerate(storm)]
        self._threads = [
            *(threading.Thread(target=self._beat, args=each, daemon=True) for each in self._live),
            *(
                threading.Thread(target=self._log_in_on, args=(number, *each), daemon=True)
                for number, each in enumerate(zip(self._storm, storm, strict=True))
            ),
        ]

    @property
    def tracks(self) -> tuple[Track, ...]:
        return (*(track for track, _ in self._live), *self._storm)

    @property
    def live(self) -> tuple[Live, ...]:
        """The live sessions themselves; only for looking at."""
        return tuple(session for _, session in self._live)

    def start(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def wait_shut(self, timeout_s: float) -> bool:
        """Wait until every door has failed once; False where one has not in time."""
        until = time.monotonic() + timeout_s
        while any(track.first_failure_ns is None for track in self.tracks):
            if time.monotonic() > until:
                return False
            time.sleep(0.01)
        return True

    def survivors(self) -> tuple[str, ...]:
        """Doors of sessions, the storm's newest included, that can still be used now."""
        with self._lock:
            newest = [(self._storm[number].door, each) for number, each in self._newest.items()]
        sessions = [*((track.door, session) for track, session in self._live), *newest]
        return tuple(door for door, session in sessions if _lives(session))

    def kerberos_login(self) -> bool:
        """Whether the ticket taken at the start opens a new session now."""
        if self.ticket is None:
            raise ValueError("these clients took no ticket")
        track = Track("imap-kerberos new")
        address = self._address()
        ticket = self.ticket
        return track.attempt(
            lambda: ImapKerberos(self._layout, self._person, address, ticket).close()
        )

    def stop(self) -> None:
        """End all tries and all sessions."""
        self._stop.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()
        self._close_all()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _beat(self, track: Track, session: Live) -> None:
        while not self._stop.is_set() and track.attempt(session.beat):
            self._stop.wait(self._doors.pause_s)

    def _log_in_on(self, number: int, track: Track, protocol: str) -> None:
        """After a refusal from another address, since Dovecot delays the one that was refused."""
        address = self._address()

        def log_in() -> None:
            session = self._doors.table[protocol](self._layout, self._person, address)
            with self._lock:
                before = self._newest.get(number)
                self._newest[number] = session
            if before is not None:
                before.close()

        while not self._stop.is_set():
            if not track.attempt(log_in):
                address = self._address()
            self._stop.wait(self._doors.storm_pause_s)

    def _address(self) -> str:
        with self._lock:
            return next(self._addresses)

    def _close_all(self) -> None:
        for session in [*(session for _, session in self._live), *self._newest.values()]:
            session.close()


def _lives(session: Live) -> bool:
    try:
        session.beat()
    except (Ended, Refused):
        return False
    return True


def _addresses(layout: Layout, person: Person) -> Iterator[str]:
    """Endless; begins at a place that depends on the name, so that leavers seldom share one."""
    hosts = [str(host) for host in layout.leaver_network.hosts()]
    begin = zlib.crc32(person.name.encode()) % len(hosts)
    return cycle(hosts[begin:] + hosts[:begin])
