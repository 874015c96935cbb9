# SPDX-License-Identifier: Apache-2.0
"""A leaver's clients that ask without rest, and one held Ping, in a process of their own.

Each has one kept-alive connection and asks again 1 ms after each answer, so that the instant of a
refusal is known that finely. Apart from the other clients, whose threads would make it wait.

Long: each door's request stands beside how its answer is read.
"""

from __future__ import annotations

import asyncio
import base64
import json
import multiprocessing
import ssl
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Final

from msgspec import Struct

from estate.clients.https import Https, expect
from estate.clients.lines import Ended, Refused
from estate.clients.phone import PhonePing
from estate.clients.roundcube import RoundcubeWeb
from estate.clients.sogo import COOKIE, SogoWeb
from estate.commands import EstateError
from estate.layout import HAPROXY, MAIL_HOST, Layout
from estate.people import Person

PAUSE_S: Final = 0.001
AFTER_S: Final = 1.0
"""So long they go on after their first refusal, to see whether one more is let in."""
AFTER_PAUSE_S: Final = 0.02
GIVE_UP_S: Final = 20.0
_OWN: Final = {
    b"400": b"sent an invalid request",
    b"401": b"need a valid user and password",
    b"403": b"forbidden by administrative rules",
}
"""Status -> in the body of HAProxy's own answer; any other answer is an application's."""
_CLOSED: Final = b"403"
_LOOK_S: Final = 0.0005

CHEAP: Final = ("roundcube cookie", "roundcube sign-in")
"""Asked in every closing: a file, with the cookie, or a sign-in posted to it with the cookie of a
login page, so that HAProxy's rules are passed and no application has to answer."""
DEAR: Final = ("sogo cookie", "activesync", "caldav", "carddav", "sogo sign-in")
"""Each takes 2 to 15 ms of SOGo's time, so one of them a closing, in turn."""


class Fine(Struct, frozen=True, kw_only=True):
    """What one of them saw. Instants: UTC, of time.time_ns; 0: never.

    Attributes:
        last_success_ns: when the last answer came that was no refusal.
        refusal_began_ns: when the first refused request was sent.
        refusal_ns: when its refusal, or the end of its connection, came; nothing was let in then.
        gap_ns: median time between two answers before.
        after: requests let in after the first refusal.
    """

    door: str
    last_success_ns: int
    refusal_began_ns: int
    refusal_ns: int
    gap_ns: int
    successes: int
    after: int


class Ping(Struct, frozen=True, kw_only=True):
    """The held one.

    Attributes:
        begun_ns: when the phone sent it; 0: the phone was fetching mail, so none was held.
        ended_ns: when it was refused, or its connection ended.
    """

    begun_ns: int
    ended_ns: int
    text: str


class FineClients:
    """The process; `go` begins, `result` waits for its end."""

    def __init__(self, layout: Layout, person: Person, dear: str, sources: tuple[str, str]) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_run, args=(theirs, layout, person, dear, sources), daemon=True
        )
        self._process.start()
        theirs.close()

    def wait_ready(self) -> None:
        """Raises `EstateError` where it does not get in."""
        if not self._pipe.poll(60):
            raise EstateError("the clients without rest do not get in")
        said = self._receive()
        if said != "ready":
            raise EstateError(f"the clients without rest do not get in: {said}")

    def go(self) -> None:
        self._pipe.send("go")

    def result(self) -> tuple[list[Fine], Ping]:
        if not self._pipe.poll(GIVE_UP_S + 10):
            raise EstateError("the clients without rest say nothing")
        said = self._receive()
        if isinstance(said, str):
            raise EstateError(f"the clients without rest: {said}")
        return said

    def _receive(self) -> tuple[list[Fine], Ping] | str:
        try:
            said: tuple[list[Fine], Ping] | str = self._pipe.recv()
        except EOFError:
            return "its process ended"
        return said

    def stop(self) -> None:
        self._pipe.close()
        self._process.join(5)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


class _Roundcube(RoundcubeWeb):
    @property
    def cookie(self) -> str:
        return self._https.cookies["roundcube_sessid"]


def _run(
    pipe: Connection, layout: Layout, person: Person, dear: str, sources: tuple[str, str]
) -> None:
    try:
        sogo = SogoWeb(layout, person, sources[0])
        roundcube = _Roundcube(layout, person, sources[0])
        held = _HeldPing(layout, person, sources[1])
        wanted = _requests(person, sogo, roundcube, _login_page(layout, sources[0]))
        asking = {door: wanted[door] for door in (*CHEAP, dear)}
        asyncio.run(_check_all(layout, sources[0], asking))
        pipe.send("ready")
        pipe.recv()
        fine = asyncio.run(_ask_all(layout, sources[0], asking))
        pipe.send((fine, held.result()))
    except (Ended, Refused, OSError, EOFError) as error:
        with suppress(OSError):
            pipe.send(repr(error))


def _login_page(layout: Layout, source: str) -> str:
    """The cookie that Roundcube's login page gives everybody: without it HAProxy lets nobody post.

    With it a form is a sign-in, whatever path it is posted to.
    """
    https = Https(layout, HAPROXY, source)
    try:
        expect(https.request("GET", "/roundcube/?_task=login"), 200)
        return https.cookies["roundcube_sessid"]
    finally:
        https.close()


def _requests(
    person: Person, sogo: SogoWeb, roundcube: _Roundcube, stranger: str
) -> dict[str, bytes]:
    token = base64.b64encode(f"{person.name}:{person.password}".encode()).decode()
    basic = f"Authorization: Basic {token}"
    session = f"Cookie: {COOKIE}={sogo.cookie}"
    site = f"Cookie: roundcube_sessid={roundcube.cookie}"
    page = f"Cookie: roundcube_sessid={stranger}"
    form = "Content-Type: application/x-www-form-urlencoded"
    login = json.dumps({"userName": person.name, "password": person.password})
    logo = "/roundcube/skins/elastic/images/logo.svg"
    dav = f"/SOGo/dav/{person.name}"
    return {
        "roundcube cookie": _request("GET", logo, site),
        "roundcube sign-in": _request(
            "POST", logo, page, form, body=f"_task=login&_user={person.name}&_pass=x"
        ),
        "sogo cookie": _request("GET", f"/SOGo/so/{person.name}/nothing", session),
        "activesync": _request("OPTIONS", "/Microsoft-Server-ActiveSync", basic),
        "caldav": _request("OPTIONS", f"{dav}/Calendar/personal/", basic),
        "carddav": _request("OPTIONS", f"{dav}/Contacts/personal/", basic),
        "sogo sign-in": _request(
            "POST", "/SOGo/connect", "Content-Type: application/json", body=login
        ),
    }


def _request(method: str, path: str, *headers: str, body: str = "") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {MAIL_HOST}:{HAPROXY}", *headers]
    if method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


class _Asker:
    """One connection that asks the same again and again."""

    def __init__(self, door: str, request: bytes, connect: _Connect) -> None:
        self._door = door
        self._request = request
        self._connect = connect
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._success_ns = 0
        self._began_ns = 0
        self._refusal_ns = 0
        self._ends: list[int] = []
        self._after = 0
        self._said_no = False

    async def run(self, until: float) -> Fine:
        while time.monotonic() < until:
            began = time.time_ns()
            let_in = await self._try()
            ended = time.time_ns()
            if let_in and self._said_no:
                self._after += 1
            elif let_in:
                self._refusal_ns = 0  # only a connection had ended
                self._success_ns = ended
                self._ends.append(ended)
            elif not self._refusal_ns:
                self._began_ns, self._refusal_ns = began, ended
                until = min(until, time.monotonic() + AFTER_S)
            await asyncio.sleep(AFTER_PAUSE_S if self._refusal_ns else PAUSE_S)
        self._drop()
        gaps = sorted(b - a for a, b in zip(self._ends, self._ends[1:], strict=False))
        return Fine(
            door=self._door,
            last_success_ns=self._success_ns,
            refusal_began_ns=self._began_ns,
            refusal_ns=self._refusal_ns,
            gap_ns=gaps[len(gaps) // 2] if gaps else 0,
            successes=len(self._ends),
            after=self._after,
        )

    async def _try(self) -> bool:
        """Whether it was let in; a connection that ended is made anew."""
        try:
            if self._streams is None:
                self._streams = await self._connect()
            reader, writer = self._streams
            writer.write(self._request)
            status, body = await _answer(reader)
        except (OSError, EOFError):
            self._drop()
            return False
        refused = status in _OWN and _OWN[status] in body
        self._said_no = self._said_no or (refused and status == _CLOSED)
        return not refused

    async def check(self) -> None:
        """Ask once. Raises `Refused` where HAProxy refuses already: nothing would be measured."""
        let_in = await self._try()
        self._drop()
        if not let_in:
            raise Refused(f"{self._door}: HAProxy lets nobody in with this request")

    def _drop(self) -> None:
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None


_Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


async def _answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Status and body (RFC 9112 section 6.3)."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    status = head.split(b" ", 2)[1]
    if b"\r\ntransfer-encoding: chunked" in head:
        return status, await reader.readuntil(b"0\r\n\r\n")
    _, found, rest = head.partition(b"\r\ncontent-length:")
    return status, await reader.readexactly(int(rest.split(b"\r", 1)[0])) if found else b""


async def _check_all(layout: Layout, source: str, requests: dict[str, bytes]) -> None:
    for asker in _askers(layout, source, requests):
        await asker.check()


async def _ask_all(layout: Layout, source: str, requests: dict[str, bytes]) -> list[Fine]:
    until = time.monotonic() + GIVE_UP_S
    askers = _askers(layout, source, requests)
    return list(await asyncio.gather(*(asker.run(until) for asker in askers)))


def _askers(layout: Layout, source: str, requests: dict[str, bytes]) -> list[_Asker]:
    context = ssl.create_default_context(cafile=str(layout.ca))

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(
            *(layout.ip, HAPROXY),
            ssl=context,
            server_hostname=MAIL_HOST,
            local_addr=(source, 0),
        )

    return [_Asker(door, request, connect) for door, request in requests.items()]


class _HeldPing(PhonePing):
    """Held by a thread that looks each half millisecond whether it was answered."""

    def __init__(self, layout: Layout, person: Person, source: str) -> None:
        self._begun_ns = 0
        self._ended = threading.Event()
        self._saw = Ping(begun_ns=0, ended_ns=0, text="never ended")
        super().__init__(layout, person, source)
        threading.Thread(target=self._hold, daemon=True).start()

    def begin(self) -> None:
        super().begin()
        self._begun_ns = time.time_ns()

    def fetch(self) -> None:
        self._begun_ns = 0
        super().fetch()

    def _hold(self) -> None:
        while not self._ended.is_set():
            while not self._https.waiting():
                time.sleep(_LOOK_S)
            answered = time.time_ns()
            try:
                self.beat()
            except (Ended, Refused) as error:
                text = str(error)[:200]
                self._saw = Ping(begun_ns=self._begun_ns, ended_ns=answered, text=text)
                self._ended.set()

    def result(self) -> Ping:
        self._ended.wait(GIVE_UP_S)
        return self._saw
