# SPDX-License-Identifier: Apache-2.0
"""Requests sent at a fixed pace from the instant at which the ledger is written.

Each has a connection of its own, opened before, and waits for no other's answer: the instant of
the first refusal is known as finely as the pace, however long an application takes to answer. Who
only asks again after an answer knows it no finer than one answer.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

from msgspec import Struct

from estate.clients.lines import Refused
from estate.layout import HAPROXY, MAIL_HOST, Layout

SHOTS: Final = 24
"""Connections that stand ready; further requests make their own."""
PACE_S: Final = 0.002
_WAITING: Final = 8
BEFORE_PAUSE_S: Final = 0.1
AFTER_S: Final = 1.0
"""So long it goes on after its first refusal, to see whether one more is let in."""
AFTER_PAUSE_S: Final = 0.02
_OWN: Final = {
    b"400": b"sent an invalid request",
    b"401": b"need a valid user and password",
    b"403": b"forbidden by administrative rules",
    b"502": b"the server returned an invalid or incomplete response",
    b"503": b"no server is available to handle this request",
    b"504": b"the server didn't respond in time",
}
"""Status -> in the body of HAProxy's own answer, in small letters; any other answer is an
application's. The last three: what was asked came to nothing, as where a connection ends."""
_CLOSED: Final = b"403"
_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Fine(Struct, frozen=True, kw_only=True):
    """What was seen at one door. Instants: UTC, of time.time_ns; 0: never.

    Attributes:
        last_success_ns: when the last answer came that was no refusal.
        refusal_began_ns: when the request was sent that was refused first.
        refusal_ns: when its refusal, or the end of its connection, came; nothing was let in then.
        gap_ns: median time between two requests of the volley.
        after: requests let in after the first refusal.
    """

    door: str
    last_success_ns: int
    refusal_began_ns: int
    refusal_ns: int
    gap_ns: int
    successes: int
    after: int


class Shot(Struct, frozen=True, kw_only=True):
    """One request. `closed`: HAProxy said that the account is closed, not that a line ended."""

    began_ns: int
    ended_ns: int
    let_in: bool
    closed: bool


class Door:
    """Sends one request again and again, each on its own connection."""

    def __init__(self, name: str, request: bytes, layout: Layout, source: str) -> None:
        self.name = name
        self._request = request
        self._address = (layout.ip, HAPROXY)
        self._source = (source, 0)
        self._context = ssl.create_default_context(cafile=str(layout.ca))
        self._ready: list[_Streams] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._volley: list[int] = []
        self._shots: list[Shot] = []

    @property
    def refused(self) -> bool:
        return any(shot.closed for shot in self._shots)

    @property
    def busy(self) -> bool:
        """So many wait for an answer that one more would wait for them."""
        return sum(not task.done() for task in self._tasks) >= _WAITING

    async def make_ready(self) -> None:
        self._ready = [await self._connect() for _ in range(SHOTS)]

    def ask(self, *, volley: bool = False) -> None:
        """Send the request; its answer is noted when it comes."""
        if volley:
            self._volley.append(time.time_ns())
        self._tasks.append(asyncio.create_task(self._shoot()))

    async def check(self) -> None:
        """Ask once. Raises `Refused` where it is refused already: nothing would be measured."""
        await self._shoot()
        if not self._shots.pop().let_in:
            raise Refused(f"{self.name}: HAProxy lets nobody in with this request")

    async def end(self) -> Fine:
        """Wait for all answers and say what they came to."""
        await asyncio.gather(*self._tasks)
        for _, writer in self._ready:
            writer.transport.abort()
        return condense(self.name, self._shots, self._volley)

    async def _shoot(self) -> None:
        began = time.time_ns()
        streams = self._ready.pop() if self._ready else None
        status, body = b"", b""
        try:
            streams = streams or await self._connect()
            streams[1].write(self._request)
            status, body = await _answer(streams[0])
        except (OSError, EOFError):
            pass
        ended = time.time_ns()
        if streams is not None:
            streams[1].transport.abort()
        own = _OWN.get(status, b"\0") in body.lower()
        self._shots.append(
            Shot(
                began_ns=began,
                ended_ns=ended,
                let_in=bool(status) and not own,
                closed=own and status == _CLOSED,
            )
        )

    async def _connect(self) -> _Streams:
        return await asyncio.open_connection(
            *self._address,
            ssl=self._context,
            server_hostname=MAIL_HOST,
            local_addr=self._source,
        )


def condense(name: str, shots: Sequence[Shot], volley: Sequence[int]) -> Fine:
    """In the order in which the answers came. A connection that only ended is a refusal as long as
    nothing is let in later; HAProxy's own word is one for ever."""
    success_ns, refusal, closed, successes, after = 0, None, False, 0, 0
    for shot in sorted(shots, key=lambda shot: shot.ended_ns):
        if shot.let_in and closed:
            after += 1
        elif shot.let_in:
            success_ns, refusal = shot.ended_ns, None
            successes += 1
        else:
            refusal = refusal or shot
            closed = closed or shot.closed
    gaps = sorted(b - a for a, b in pairwise(volley))
    return Fine(
        door=name,
        last_success_ns=success_ns,
        refusal_began_ns=refusal.began_ns if refusal else 0,
        refusal_ns=refusal.ended_ns if refusal else 0,
        gap_ns=gaps[len(gaps) // 2] if gaps else 0,
        successes=successes,
        after=after,
    )


async def fire(door: Door, ledger: Path, until: float) -> Fine:
    """Ask now and then until the ledger is written, then at the pace until one was refused.

    Args:
        ledger: the file that a commit is written to first.
        until: of time.monotonic: nothing was refused by then.
    """
    await door.make_ready()
    await _wait_for_commit(door, ledger, until)
    while not door.refused and time.monotonic() < until:
        if not door.busy:
            door.ask(volley=True)
        await asyncio.sleep(PACE_S)
    end = time.monotonic() + AFTER_S
    while time.monotonic() < end:
        door.ask()
        await asyncio.sleep(AFTER_PAUSE_S)
    return await door.end()


async def _wait_for_commit(door: Door, ledger: Path, until: float) -> None:
    before = _written(ledger)
    ask_at = 0.0
    while _written(ledger) == before and time.monotonic() < until:
        if time.monotonic() >= ask_at:
            ask_at = time.monotonic() + BEFORE_PAUSE_S
            door.ask()
        await asyncio.sleep(PACE_S / 2)


def _written(ledger: Path) -> int:
    return ledger.stat().st_mtime_ns


async def _answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Status and body (RFC 9112 section 6.3)."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    status = head.split(b" ", 2)[1]
    if b"\r\ntransfer-encoding: chunked" in head:
        return status, await reader.readuntil(b"0\r\n\r\n")
    _, found, rest = head.partition(b"\r\ncontent-length:")
    return status, await reader.readexactly(int(rest.split(b"\r", 1)[0])) if found else b""
