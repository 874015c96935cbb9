# SPDX-License-Identifier: Apache-2.0
"""One process of HAProxy's, and what its maps hold."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Iterable
from typing import Final, TypeVar

from evict.core.errors import RemoteProtocolError
from evict.systems.haproxy import protocol
from evict.systems.haproxy.cookies import Cookies
from evict.systems.haproxy.places import STATE, UNTIL, Places
from evict.systems.haproxy.protocol import Entry, Malformed
from evict.systems.haproxy.runtime import Runtime, pid_of

FEW: Final = 20
"""Cookies that are taken away by their keys; of more the ids are read first."""
Parsed = TypeVar("Parsed")


def key_of(form: str) -> str:
    """A canonical form as maps and their files have it: one word, and no comment."""
    word = form.replace(" ", "%20")
    return "%23" + word[1:] if word.startswith("#") else word


class Mark:
    """What a set of keys is, in a word that is cheap to keep up."""

    def __init__(self, keys: Iterable[str] = ()) -> None:
        self._sum = 0
        self._count = 0
        for key in keys:
            self.add(key)

    def add(self, key: str) -> None:
        self._move(key, 1)

    def remove(self, key: str) -> None:
        self._move(key, -1)

    def _move(self, key: str, way: int) -> None:
        digest = hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
        self._sum = (self._sum + way * int.from_bytes(digest[:16], "big")) % (1 << 128)
        self._count += way

    def __str__(self) -> str:
        return f"{self._count}-{self._sum:032x}"


class Process:
    """Two connections to one process: the maps are changed on one, requests ended on the other.

    After a reload the old process goes on with the requests it has; it keeps answering here, so
    that it refuses and ends them too.
    """

    def __init__(
        self,
        address: str,
        at: Places,
        *,
        system: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._at = at
        self._clock = clock
        self._system = system
        self._closed: set[str] = set()
        self._count = 0
        self._ids: dict[str, str] = {}
        self.maps = Runtime(address, system=system)
        self.requests = Runtime(address, system=system)
        self.pid = ""

    async def connect(self) -> None:
        """Begin; both must be the same process. Raises a `SystemFault`."""
        try:
            await self.maps.connect()
            await self.requests.connect()
            self.pid, other = await pid_of(self.maps), await pid_of(self.requests)
        except BaseException:
            self.drop()
            raise
        if other != self.pid:
            self.drop()
            text = "HAProxy was reloaded in the middle of a connection"
            raise RemoteProtocolError(text, system=self._system)

    def drop(self) -> None:
        """End both connections."""
        self.maps.drop()
        self.requests.drop()

    async def is_busy(self) -> bool:
        """Whether it has a request of anybody's but ours."""
        said = self._parsed(protocol.streams, await self.requests.ask("show sess"))
        return any(stream.frontend != "GLOBAL" for stream in said)

    async def fill(self, keys: Collection[str], mark: str, cookies: Cookies) -> None:
        """Make the maps what the ledger and the book of cookies say, whatever they are."""
        held = await self._maps()
        told = await self._state()
        self._closed = set()
        if told == mark and held[str(self._at.closed)].entries == len(keys) + 1:
            self._closed = set(keys)
        else:
            await self._read_closed()
            await self.close(keys)
            await self.spare(self._closed - set(keys))
        await self._fill_cookies(cookies, empty=held[str(self._at.cookies)].entries == 0)
        self._count = await self._closed_entries()

    async def _maps(self) -> dict[str, protocol.Map]:
        held = self._parsed(protocol.maps, await self.maps.ask("show map"))
        missing = [p.name for p in self._at.maps if str(p) not in held]
        if missing:
            text = f"HAProxy has no map {missing[0]}: paste `evict agent snippet haproxy`"
            raise RemoteProtocolError(text, system=self._system)
        return held

    async def _state(self) -> str:
        """What the file said of itself that HAProxy read at its start."""
        said = await self.maps.ask(
            f"get map {protocol.word(str(self._at.closed))} {protocol.word(STATE)}"
        )
        seen = protocol.VALUE.search(said)
        return seen[1] if seen else ""

    async def _read_closed(self) -> None:
        for entry in self._parsed(
            protocol.entries, await self.maps.ask(protocol.show(self._at.closed))
        ):
            if entry.key != STATE:
                self._closed.add(entry.key)

    async def _fill_cookies(self, cookies: Cookies, *, empty: bool) -> None:
        held: set[str] = set()
        if not empty:
            for entry in self._parsed(
                protocol.cookies, await self.maps.ask(protocol.show(self._at.cookies))
            ):
                held.add(entry.key)
                if cookies.whose(entry.key) is None:
                    cookies.bind(entry.key, entry.value)
        missing = ((k, v) for k, v in cookies.entries() if k not in held)
        await self.maps.ask(*protocol.add(self._at.cookies, missing))

    async def close(self, keys: Iterable[str]) -> int:
        """Refuse these; says how many were not refused yet."""
        new = [key for key in keys if key not in self._closed]
        if new:
            await self.maps.ask(*protocol.add(self._at.closed, ((key, "1") for key in new)))
            self._closed.update(new)
            self._count += len(new)
        return len(new)

    async def spare(self, keys: Iterable[str]) -> None:
        """Refuse these no more."""
        over = [key for key in keys if key in self._closed]
        await self.maps.each(protocol.remove(self._at.closed, key) for key in over)
        self._closed.difference_update(over)
        self._count -= len(over)

    async def settle(self, keys: Collection[str]) -> None:
        """Refuse these and nobody else."""
        await self.close(keys)
        if len(self._closed) > len(keys):
            await self.spare(self._closed - set(keys))

    async def let_in(self, lease_s: int) -> None:
        """The maps are right, and count as right for so long."""
        await set_gate(self.maps, self._at, int(self._clock()) + lease_s)

    async def learn(self, cookies: Cookies) -> list[Entry]:
        """Take the cookies that were bound since."""
        said = await self.maps.ask(protocol.show(self._at.news))
        news = self._parsed(protocol.cookies, said)
        await self.know(news, cookies)
        for entry in news:
            cookies.bind(entry.key, entry.value)
        await self.maps.each(protocol.remove(self._at.news, entry.key) for entry in news)
        return news

    async def know(self, news: Iterable[Entry], cookies: Cookies) -> None:
        """Take these into the map; one that is another's by now is first taken out of it."""
        last = {entry.key: entry.value for entry in news}
        again = [key for key in last if cookies.whose(key) is not None]
        await self.maps.each(protocol.remove(self._at.cookies, key) for key in again)
        await self.maps.ask(*protocol.add(self._at.cookies, last.items()))

    async def forget(self, digests: Collection[str]) -> None:
        """These cookies are over. By its key HAProxy looks for each from the front to the end."""
        if len(digests) > FEW and not self._ids.keys() & set(digests):
            said = await self.maps.ask(protocol.show(self._at.cookies))
            held = self._parsed(protocol.cookies, said)
            self._ids = {entry.key: f"#{entry.id}" for entry in held}
        ids = [self._ids.pop(digest, digest) for digest in digests]
        await self.maps.each(protocol.remove(self._at.cookies, which) for which in ids)

    async def is_as_left(self) -> bool:
        """Whether nobody else has changed the map of closed names; keeps both connections alive."""
        await self.requests.ask("show info")
        return await self._closed_entries() == self._count

    async def _closed_entries(self) -> int:
        return (await self._maps())[str(self._at.closed)].entries

    def _parsed(self, how: Callable[[str], Parsed], text: str) -> Parsed:
        try:
            return how(text)
        except Malformed as error:
            raise self.maps.broken(error) from error


async def set_gate(runtime: Runtime, at: Places, until: int) -> None:
    """Let people in until then. Raises a `SystemFault`."""
    if not await runtime.each([protocol.change(at.gate, UNTIL, str(until))]):
        await runtime.ask(*protocol.add(at.gate, [(UNTIL, str(until))]))
