# SPDX-License-Identifier: Apache-2.0
"""A leaver's requests that are timed finely, and one held Ping, in a process of their own.

Apart from the other clients, whose threads would make it wait, and before them for a CPU.
"""

from __future__ import annotations

import asyncio
import base64
import json
import multiprocessing
import os
import threading
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Final

from msgspec import Struct

from bench.web_volley import Door, Fine, fire
from estate.clients.https import Https, expect
from estate.clients.lines import Ended, Refused
from estate.clients.phone import PhonePing
from estate.clients.roundcube import RoundcubeWeb
from estate.clients.sogo import COOKIE, SogoWeb
from estate.commands import EstateError
from estate.layout import HAPROXY, MAIL_HOST, Layout
from estate.people import Person

GIVE_UP_S: Final = 20.0
_LOOK_S: Final = 0.0005
_LEDGER: Final = "ledger/ledger.db-wal"
"""Beside the configuration; SQLite writes a commit there first."""

DOORS: Final = (
    "roundcube cookie",
    "sogo cookie",
    "roundcube sign-in",
    "activesync",
    "sogo sign-in",
    "caldav",
    "carddav",
)
"""One a closing, in turn: what is asked takes a CPU from what is measured. At Roundcube a file is
asked for, with the cookie, or a sign-in posted to it with the cookie of a login page: HAProxy's
rules are passed, and no application has to answer. At SOGo each takes 1 to 20 ms of its time."""


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

    def __init__(self, layout: Layout, person: Person, door: str, sources: tuple[str, str]) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_run, args=(theirs, layout, person, door, sources), daemon=True
        )
        self._process.start()
        theirs.close()

    def wait_ready(self) -> None:
        """Raises `EstateError` where it does not get in."""
        if not self._pipe.poll(60):
            raise EstateError("the timed clients do not get in")
        said = self._receive()
        if said != "ready":
            raise EstateError(f"the timed clients do not get in: {said}")

    def go(self) -> None:
        self._pipe.send("go")

    def result(self) -> tuple[Fine, Ping]:
        if not self._pipe.poll(GIVE_UP_S + 10):
            raise EstateError("the timed clients say nothing")
        said = self._receive()
        if isinstance(said, str):
            raise EstateError(f"the timed clients: {said}")
        return said

    def _receive(self) -> tuple[Fine, Ping] | str:
        try:
            said: tuple[Fine, Ping] | str = self._pipe.recv()
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
    pipe: Connection, layout: Layout, person: Person, door: str, sources: tuple[str, str]
) -> None:
    os.setpriority(os.PRIO_PROCESS, 0, 0)  # the other clients' is inherited
    try:
        sogo = SogoWeb(layout, person, sources[0])
        roundcube = _Roundcube(layout, person, sources[0])
        held = _HeldPing(layout, person, sources[1])
        wanted = _requests(person, sogo, roundcube, _login_page(layout, sources[0]))
        timed = Door(door, wanted[door], layout, sources[0])
        asyncio.run(timed.check())
        pipe.send("ready")
        pipe.recv()
        until = time.monotonic() + GIVE_UP_S
        fine = asyncio.run(fire(timed, layout.config.parent / _LEDGER, until))
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
