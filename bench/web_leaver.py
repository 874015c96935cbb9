# SPDX-License-Identifier: Apache-2.0
"""A leaver in all web doors who goes on trying after the refusal, and whose mail goes on arriving.

What reaches the clients is kept: subjects and bodies, with the instant.
"""

from __future__ import annotations

import smtplib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from email.message import EmailMessage
from functools import partial
from types import TracebackType
from typing import Final, Self
from uuid import uuid4

from msgspec import Struct

from estate import layout as at
from estate.clients.leaver import Track
from estate.clients.lines import Ended, Refused
from estate.clients.live import Live, Protocols
from estate.clients.phone import Phone, PhonePing, Received
from estate.clients.roundcube import RoundcubeWeb
from estate.clients.sogo import CalDav, CardDav, SogoWeb
from estate.commands import EstateError
from estate.layout import Layout
from estate.people import Person

MAIL_EVERY_S: Final = 1.0
SIGN_INS: Final = ("sogo-web", "roundcube-web", "activesync", "caldav", "carddav")
PAUSE_S: Final = 0.5
SIGN_IN_PAUSE_S: Final = 2.0
"""A sign-in at a web mail takes some 0.1 s of a CPU; after a refusal clients pause as long."""
_WARM_S: Final = 40.0
_LINE: Final = "Salaries of the board, not to be passed on."


class SogoReader(SogoWeb):
    """A beat lists the inbox and reads the newest mail, where there is a new one."""

    def __init__(self, layout: Layout, person: Person, source: str) -> None:
        self.received: list[Received] = []
        self._newest = 0
        super().__init__(layout, person, source)

    def beat(self) -> None:
        self._newest = _read_newest(self.inbox(), self._newest, self.read, self.received)


class RoundcubeReader(RoundcubeWeb):
    """As SOGo's."""

    def __init__(self, layout: Layout, person: Person, source: str) -> None:
        self.received: list[Received] = []
        self._newest = 0
        super().__init__(layout, person, source)

    def beat(self) -> None:
        self._newest = _read_newest(self.inbox(), self._newest, self.read, self.received)


def _read_newest(
    uids: Sequence[int], known: int, read: Callable[[int], str], received: list[Received]
) -> int:
    newest = max(uids, default=0)
    if newest > known:
        page = read(newest)
        received.append(Received(at_ns=time.time_ns(), subject="", body=page))
    return max(newest, known)


class PingingPhone(PhonePing):
    """After its Ping was refused it asks for mail without one."""

    refused = False

    def beat(self) -> None:
        if self.refused:
            self.fetch()
            return
        try:
            super().beat()
        except (Ended, Refused):
            self.refused = True
            raise


DOORS: Final[Protocols] = {
    "sogo-web": SogoReader,
    "roundcube-web": RoundcubeReader,
    "activesync": Phone,
    "activesync-ping": PingingPhone,
    "caldav": CalDav,
    "carddav": CardDav,
}


class Sent(Struct, frozen=True, kw_only=True):
    """A mail that was given to Postfix. `begun_ns`: before its first byte was sent."""

    marker: str
    begun_ns: int


class WebLeaver:
    """One leaver; everything runs from `start` to `stop`.

    Args:
        sources: addresses, one for each client.
    """

    def __init__(self, layout: Layout, person: Person, sources: Iterator[str]) -> None:
        self._layout = layout
        self._person = person
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._newest: dict[str, Live] = {}
        self.sent: list[Sent] = []
        self.successes_after = 0
        self._live: list[tuple[Track, Live]] = []
        try:
            for name, opens in DOORS.items():
                session = opens(layout, person, next(sources))
                self._live.append((Track(f"{name} live"), session))
        except BaseException:
            self._close()
            raise
        self._new = [Track(f"{name} new") for name in SIGN_INS]
        works: list[Callable[[], None]] = [
            partial(self._go_on, track, session.beat) for track, session in self._live
        ]
        for track, name in zip(self._new, SIGN_INS, strict=True):
            works.append(partial(self._go_on, track, partial(self._sign_in, name, next(sources))))
        works.append(self._mail_on)
        self._threads = [threading.Thread(target=work, daemon=True) for work in works]

    @property
    def tracks(self) -> tuple[Track, ...]:
        return (*(track for track, _ in self._live), *self._new)

    @property
    def received(self) -> Iterator[tuple[Track, Received]]:
        """Mails, with the track of the client they reached."""
        for track, session in self._live:
            if isinstance(session, SogoReader | RoundcubeReader | Phone):
                for mail in tuple(session.received):
                    yield track, mail

    def start(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def wait_warm(self) -> None:
        """Return once every door works and a mail has reached each client that reads mail."""
        until = time.monotonic() + _WARM_S
        readers = {t.door for t, s in self._live if isinstance(s, SogoReader | Phone)}
        while True:
            silent = [t for t in self.tracks if not t.successes]
            reached = {track.door for track, _ in self.received}
            if not silent and readers <= reached:
                return
            if time.monotonic() > until:
                said = [f"{t.door}: {t.failure or 'no answer'}" for t in silent]
                raise EstateError(f"the leaver does not get in, {said}, mail reached {reached}")
            time.sleep(0.02)

    def wait_shut(self, timeout_s: float) -> bool:
        until = time.monotonic() + timeout_s
        while any(track.first_failure_ns is None for track in self.tracks):
            if time.monotonic() > until:
                return False
            time.sleep(0.01)
        return True

    def stop(self) -> None:
        """End everything."""
        self._stop.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()
        self._close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _go_on(self, track: Track, what: Callable[[], None]) -> None:
        """For ever: who was refused tries again, and must not come in."""
        while not self._stop.is_set():
            refused = track.first_failure_ns is not None
            if track.attempt(what) and refused:
                with self._lock:
                    self.successes_after += 1
            often = track.door.endswith(" live") and not refused
            self._stop.wait(PAUSE_S if often else SIGN_IN_PAUSE_S)

    def _sign_in(self, name: str, source: str) -> None:
        session = DOORS[name](self._layout, self._person, source)
        before = self._newest.get(name)
        self._newest[name] = session
        if before is not None:
            before.close()

    def _mail_on(self) -> None:
        with smtplib.SMTP(self._layout.ip, at.SMTP, local_hostname="outside.test") as server:
            while not self._stop.is_set():
                marker = uuid4().hex
                message = EmailMessage()
                message["From"] = "somebody@outside.test"
                message["To"] = self._person.mail
                message["Subject"] = f"Board {marker}"
                message.set_content(f"{_LINE}\n{marker}\n" * 10)
                self.sent.append(Sent(marker=marker, begun_ns=time.time_ns()))
                server.send_message(message)
                self._stop.wait(MAIL_EVERY_S)

    def _close(self) -> None:
        for session in [*(session for _, session in self._live), *self._newest.values()]:
            session.close()
