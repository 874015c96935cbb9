# SPDX-License-Identifier: Apache-2.0
"""A person's own programs: a browser, a phone, Outlook, mail clients, all signed in and in use.

They use the same code as the probes, but with the person's own password, and know nothing of
Evict.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from evict.core.door import Credential
from evict.core.endpoint import Endpoint
from evict.core.errors import EvictError
from evict.core.secret import Secret
from evict.core.sighting import Outcome
from evict.lab.estate.people import Person
from evict.probes.base import Login, Witness
from evict.probes.registry import prober

_TIMEOUT_S: Final = 10.0
_REFUSED_PAUSE_S: Final = 0.5
"""A program that was refused tries again less often."""

LABELS: Final = {
    "owa": "Outlook on the web",
    "activesync": "phone, Ping in flight",
    "ews": "EWS",
    "mapi": "Outlook, MAPI over HTTP",
    "imap": "IMAP",
    "pop3": "POP3",
    "submission": "SMTP submission",
}


class Track(Struct, kw_only=True):
    """What one client saw so far.

    Attributes:
        credential: `session` where it stays signed in, `password` where it signs in anew each time.
        last_success: when the newest successful use ended.
        first_refusal: when the first refused use after it began.
    """

    endpoint: Endpoint
    credential: Credential
    tries: int = 0
    successes: int = 0
    refusals: int = 0
    last_success: datetime | None = None
    first_refusal: datetime | None = None
    outcome: Outcome = Outcome.UNCLEAR

    @property
    def label(self) -> str:
        kind = "signed in" if self.credential is Credential.SESSION else "signs in anew"
        return f"{LABELS[self.endpoint.protocol]} ({kind})"

    @property
    def door(self) -> str:
        return f"{self.endpoint.system}/{self.endpoint.protocol}/{self.credential}"

    def add(self, outcome: Outcome, started: datetime, ended: datetime) -> None:
        """A refusal counts from when the refused try began, and only while nothing came after."""
        self.tries += 1
        self.outcome = outcome
        if outcome.open:
            self.successes += 1
            self.last_success, self.first_refusal = ended, None
        elif outcome.shut:
            self.refusals += 1
            self.first_refusal = self.first_refusal or started


class Clients:
    """All programs of one person, opened at every endpoint."""

    def __init__(self, person: Person, domain: str, *, anew: bool = True) -> None:
        self._person = person
        self._upn = person.upn(domain)
        self._anew = anew
        self._witnesses: dict[int, Witness] = {}
        self.tracks: list[Track] = []
        self._tasks: list[asyncio.Task[None]] = []

    def _login(self) -> Login:
        return Login(
            name=self._upn,
            password=Secret(self._person.password),
            source=None,
            timeout_s=_TIMEOUT_S,
            address=self._upn,
        )

    async def open(self, endpoints: Iterable[Endpoint]) -> None:
        """Sign in everywhere. Raises `SystemFault` where that does not work."""
        for endpoint in endpoints:
            witness = await prober(endpoint.protocol).open_witness(endpoint, self._login())
            self._witnesses[len(self.tracks)] = witness
            self.tracks.append(Track(endpoint=endpoint, credential=Credential.SESSION))
            if self._anew:
                self.tracks.append(Track(endpoint=endpoint, credential=Credential.PASSWORD))

    async def use_all(self, skip: frozenset[int] = frozenset()) -> None:
        """Use every program once, one after the other, but those in `skip`."""
        for number in range(len(self.tracks)):
            if number not in skip:
                await self._use(number)

    def keep_using(self, pause_s: float) -> None:
        """Use each again and again, each in a task of its own, until `stop`."""
        self._tasks = [
            asyncio.create_task(self._again(number, pause_s)) for number in range(len(self.tracks))
        ]

    async def stop(self) -> None:
        """End the using and close what is still open."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        await asyncio.gather(*(w.close() for w in self._witnesses.values()))

    async def _again(self, number: int, pause_s: float) -> None:
        while True:
            await self._use(number)
            if self.tracks[number].outcome is Outcome.CUT and number in self._witnesses:
                return
            shut = self.tracks[number].outcome.shut
            await asyncio.sleep(_REFUSED_PAUSE_S if shut else pause_s)

    async def _use(self, number: int) -> None:
        track = self.tracks[number]
        started = datetime.now(UTC)
        if number in self._witnesses:
            outcome = track.outcome
            if outcome is not Outcome.CUT:
                outcome = await self._witnesses[number].beat()
        else:
            outcome = await self._sign_in(track.endpoint)
        track.add(outcome, started, datetime.now(UTC))

    async def _sign_in(self, endpoint: Endpoint) -> Outcome:
        try:
            seen = await prober(endpoint.protocol).negative_login(endpoint, self._login())
        except EvictError:
            return Outcome.UNREACHABLE
        return seen.outcome


async def open_all(
    persons: Sequence[Person], domain: str, endpoints: Sequence[Endpoint]
) -> list[Clients]:
    """Bystanders, each signed in everywhere, who never sign in anew."""
    made = [Clients(person, domain, anew=False) for person in persons]
    for each in made:
        await each.open(endpoints)
    return made
