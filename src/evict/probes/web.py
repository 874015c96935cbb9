# SPDX-License-Identifier: Apache-2.0
"""What the probes of all web protocols share: a visit with its transcript, and a witness."""

from __future__ import annotations

import asyncio
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Final, Self
from urllib.parse import quote, quote_plus

import httpx2

from evict.core.door import Credential
from evict.core.endpoint import Endpoint
from evict.core.errors import AccessRefused, SystemFault, Uncertain
from evict.core.sighting import Method, Outcome, Sighting
from evict.probes import http
from evict.probes.base import Login, Witness
from evict.probes.http import Answer
from evict.probes.line import Seen, look
from evict.probes.transcript import Transcript
from evict.wire.reading import Reading, Says

NEGATIVE_LOGIN: Final = (Credential.PASSWORD, Method.NEGATIVE_LOGIN)
_OUTCOMES: Final = {
    Says.IN: Outcome.LET_IN,
    Says.REFUSED: Outcome.REFUSED,
    Says.GONE: Outcome.CUT,
}
_SHOWN: Final = ("location", "x-responsecode", "x-owa-error", "retry-after")
_TOKEN: Final = re.compile(r"(_token=)[^&#]*")
"""Of Roundcube's redirects: worth something beside the cookie."""
_FAREWELL_S: Final = 0.5
ENDED: Final = Reading(says=Says.UNCLEAR, words="the server ended the connection")


def outcome_of(reading: Reading) -> Outcome:
    return _OUTCOMES.get(reading.says, Outcome.UNCLEAR)


class Visit:
    """One client of one server: its connections, its cookies, its transcript.

    Cookies and credentials never come into the transcript: of headers only a few are shown, and
    a server that echoes the password gets `***` in its place.
    """

    def __init__(self, endpoint: Endpoint, login: Login) -> None:
        self.endpoint = endpoint
        self.login = login
        self.transcript = Transcript(_secrets(login))
        self._client = http.client(endpoint, login)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def host(self) -> str:
        """`name:port`, as the Host header says it."""
        return httpx2.URL(http.url(self.endpoint, "/")).netloc.decode("ascii")

    def cookie(self, name: str) -> str:
        """Its value, "" where there is none; of several paths the last one set."""
        values = [c.value or "" for c in self._client.cookies.jar if c.name == name]
        return values[-1] if values else ""

    @property
    def cookies(self) -> tuple[str, ...]:
        return tuple(cookie.name for cookie in self._client.cookies.jar)

    async def ask(  # noqa: PLR0913 - the parts of a request
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        shown: str = "",
        again: bool = True,
    ) -> Answer | None:
        """Ask, and once more on a new connection where the server ended the old one.

        A session is not its connection: one that was cut may go on over another.

        Args:
            shown: what the transcript says of the body.
            again: whether it may be asked twice.

        Raises:
            Unreachable, Uncertain, RemoteProtocolError, Unsupported.
        """
        for left in (1, 0) if again else (0,):
            self.transcript.sent(f"{method} {path} {shown}".rstrip())
            request = http.request(
                self._client, self.endpoint, method, path, headers=headers, body=body
            )
            try:
                answer = await http.fetch(
                    self._client, self.endpoint, request, self.login.timeout_s
                )
            except SystemFault as fault:
                self.transcript.note(self.transcript.clean(fault.text.encode()))
                raise
            if answer is not None or not left:
                break
            self.transcript.note("end of connection")
        if answer is None:
            self.transcript.note("end of connection")
        else:
            self._note(answer)
        return answer

    def _note(self, answer: Answer) -> None:
        self.transcript.received(f"{answer.status} {_phrase(answer.status)}".encode())
        for name, value in answer.headers:
            if name in _SHOWN:
                shown = _TOKEN.sub(r"\1***", value)
                self.transcript.received(f"{name}: {shown}".encode("utf-8", "replace"))
            elif name == "set-cookie":
                cookie = re.match(r"[\w.$!#%&'*+^`|~-]{1,64}", value)
                self.transcript.received(f"set-cookie: {cookie[0] if cookie else '?'}=***".encode())

    def found(self, reading: Reading) -> Reading:
        """Note what was understood."""
        self.transcript.note(self.transcript.clean(reading.words.encode("utf-8", "replace")))
        return reading

    def say(self, reading: Reading) -> str:
        """Its words, printable and without secrets."""
        return self.transcript.clean(reading.words.encode("utf-8", "replace"))[:160]

    async def close(self) -> None:
        """End it; never raises."""
        try:
            await self._client.aclose()
        except (httpx2.HTTPError, OSError, RuntimeError):
            return


class WebProber(ABC):
    """A `Prober` of one web protocol."""

    async def negative_login(self, endpoint: Endpoint, login: Login) -> Sighting:
        transcript = Transcript(_secrets(login))

        async def attempt() -> Seen:
            async with Visit(endpoint, login) as visit:
                visit.transcript = transcript
                reading = visit.found(await self.come_in(visit))
                if reading.says is Says.IN:
                    await self.say_goodbye(visit)
                return Seen(outcome_of(reading), visit.say(reading))

        return await look(endpoint, NEGATIVE_LOGIN, transcript, attempt)

    async def open_witness(self, endpoint: Endpoint, login: Login) -> Witness:
        """Log in and stay.

        Raises:
            Unreachable, Uncertain, RemoteProtocolError, Unsupported.
            AccessRefused: the login was refused.
        """
        visit = Visit(endpoint, login)
        try:
            reading = visit.found(await self.come_in(visit))
            _insist_on_let_in(reading, visit)
            return WebWitness(self, visit)
        except BaseException:
            await visit.close()
            raise

    @abstractmethod
    async def come_in(self, visit: Visit) -> Reading:
        """Log in, and see that it opened the mailbox. Raises a `SystemFault`."""

    @abstractmethod
    async def use(self, visit: Visit) -> Reading:
        """Use the session once, without content. Raises a `SystemFault`."""

    async def leave(self, visit: Visit) -> None:
        """End the session at the server where there is a way to. Raises a `SystemFault`."""
        del visit

    async def say_goodbye(self, visit: Visit) -> None:
        """`leave`, for a moment; never raises."""
        try:
            async with asyncio.timeout(_FAREWELL_S):
                await self.leave(visit)
        except (SystemFault, TimeoutError):
            return


class WebWitness:
    """A `Witness` of a web session."""

    def __init__(self, prober: WebProber, visit: Visit) -> None:
        self._prober = prober
        self._visit = visit
        self._closed = False

    @property
    def endpoint(self) -> Endpoint:
        return self._visit.endpoint

    async def beat(self) -> Outcome:
        try:
            return outcome_of(self._visit.found(await self._prober.use(self._visit)))
        except SystemFault:
            return Outcome.UNCLEAR

    def transcript(self) -> tuple[str, ...]:
        return self._visit.transcript.lines()

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        await self._prober.say_goodbye(self._visit)
        await self._visit.close()


def _insist_on_let_in(reading: Reading, visit: Visit) -> None:
    system = visit.endpoint.system
    if reading.says is Says.REFUSED:
        raise AccessRefused(f"no witness: {visit.say(reading)}", system=system)
    if reading.says is not Says.IN:
        raise Uncertain(f"no witness: {visit.say(reading)}", system=system)


def _secrets(login: Login) -> Iterable[bytes]:
    """As they may come back: as they are, in a form, in an address, in an Authorization header."""
    password = login.password.reveal()
    spelled = (password, quote(password), quote(password, safe=""), quote_plus(password))
    return [*(text.encode() for text in spelled), http.basic(login).partition(" ")[2].encode()]


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
