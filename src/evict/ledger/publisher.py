# SPDX-License-Identifier: Apache-2.0
"""Serves the numbered feed: each entry goes to every agent as soon as it is durable.

An entry is encoded once and written to each connection without waiting. An agent that reads too
slowly is fed from the ledger at its own pace, and left when it reads nothing at all; it delays
neither the append nor the others.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog
from msgspec import Struct

from evict.core.errors import ConfigError
from evict.core.revocation import Entry
from evict.ledger.agent_link import AgentLink
from evict.ledger.feed import (
    Acknowledge,
    Announced,
    Announcement,
    Beat,
    CutAgain,
    CutStep,
    Entries,
    WireEntry,
    encode,
)
from evict.ledger.feed_socket import listen
from evict.ledger.service import Ledger

BEAT_S: Final = 2.0
REMEMBERED: Final = 4096
"""Pushes whose instants are remembered."""

log = structlog.get_logger()

OnAcknowledge = Callable[[str, tuple[str, ...], int], None]
OnCut = Callable[[str, tuple[str, ...], CutStep], None]


class AgentState(Struct, frozen=True, kw_only=True):
    """What is known of one agent.

    Attributes:
        hooks: names of the systems whose hooks it answers.
        acknowledged_seq: its hooks refuse by everything up to here; 0: it never said so.
        acknowledged_at: by the agent's own clock.
        connected_at, last_heard_at: by ours.
        forked: it came with entries that this ledger does not have: entries were lost here.
        listed: it has the newest list of announced leavers.
    """

    name: str
    hooks: tuple[str, ...]
    acknowledged_seq: int
    acknowledged_at: datetime | None
    connected_at: datetime
    last_heard_at: datetime
    forked: bool
    listed: bool = False


class _Push(Struct, frozen=True):
    first: int
    last: int
    at: datetime


class Publisher:
    """One unix socket; one connection an agent, the newest of a name counts.

    Args:
        group: the group whose members may connect; None leaves the file to its owner's.
        on_acknowledge: called with agent, its hooks, and how far they refuse.
        on_cut: called with agent, its hooks, and what its cutter did.
    """

    def __init__(
        self,
        ledger: Ledger,
        path: Path,
        *,
        group: str | None = None,
        on_acknowledge: OnAcknowledge | None = None,
        on_cut: OnCut | None = None,
    ) -> None:
        self._ledger = ledger
        self._path = path
        self._group = group
        self._on_acknowledge = on_acknowledge
        self._on_cut = on_cut
        self._server: asyncio.Server | None = None
        self._beating: asyncio.Task[None] | None = None
        self._unsubscribe: Callable[[], None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._links: dict[str, AgentLink] = {}
        self._lost: dict[str, AgentLink] = {}
        self._pushes: deque[_Push] = deque(maxlen=REMEMBERED)
        self._news = asyncio.Event()
        self._announced = b""
        self._announced_number = 0
        self.newest = ledger.head.seq
        """How far entries were announced to this publisher."""

    async def start(self) -> None:
        """Listen. Raises `ConfigError` where the socket cannot be made, or is somebody else's."""
        try:
            sock = listen(self._path, self._group)
        except OSError as error:
            raise ConfigError(f"the feed's socket {self._path} cannot be made: {error}") from error
        self.newest = self._ledger.head.seq
        self._unsubscribe = self._ledger.subscribe(self._push)
        self._server = await asyncio.start_unix_server(self._accept, sock=sock)
        self._beating = asyncio.create_task(self._beat(), name="feed beats")

    async def stop(self) -> None:
        """Leave every agent; each keeps its last view."""
        if self._unsubscribe is not None:
            self._unsubscribe()
        if self._beating is not None:
            self._beating.cancel()
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._server is not None:
            await self._server.wait_closed()
            self._path.unlink(missing_ok=True)

    @property
    def lives(self) -> bool:
        """Whether it beats: what agents take for a sign that they are told everything."""
        return self._beating is not None and not self._beating.done()

    def agents(self) -> tuple[AgentState, ...]:
        """The agents that are connected now."""
        return tuple(self._state(link) for link in self._links.values())

    def lost_agents(self) -> tuple[AgentState, ...]:
        """Agents that were connected once: they go on by their last view, wherever they are."""
        return tuple(self._state(link) for link in self._lost.values())

    def cut_again(self, seq: int) -> None:
        """Ask every agent to run its cutters once more for this entry's account."""
        frame = encode(CutAgain(seq=seq))
        for link in self._links.values():
            link.say(frame)

    def announce(self, people: Sequence[Announcement]) -> int:
        """Give every agent this list of announced leavers in the place of the one before.

        Before the first call no agent is told anything: each keeps the list that it has. Returns
        the list's number.
        """
        self._announced_number += 1
        self._announced = encode(Announced(number=self._announced_number, people=tuple(people)))
        for link in self._links.values():
            link.announce(self._announced)
        return self._announced_number

    async def wait_listed(self, number: int, timeout_s: float) -> frozenset[str]:
        """Wait until every connected agent that takes it has this list; whoever has it then."""
        try:
            async with asyncio.timeout(timeout_s):
                while any(
                    link.takes_announcements and link.listed < number
                    for link in self._links.values()
                ):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            pass
        return frozenset(name for name, link in self._links.items() if link.listed >= number)

    def published_at(self, seq: int) -> datetime | None:
        """When this entry was written to the agents that were connected then; our clock."""
        return next((p.at for p in reversed(self._pushes) if p.first <= seq <= p.last), None)

    async def wait_ack(
        self, seq: int, timeout_s: float, *, expected: Collection[str] = ()
    ) -> dict[str, datetime]:
        """Wait until every known agent, and every `expected` one, refuses up to `seq`.

        Returns whose hooks do by then, with the instant by the agent's own clock. Whoever is
        missing has not said so: nothing is known of its hooks.
        """
        wanted = {*self._links, *self._lost, *expected}
        try:
            async with asyncio.timeout(timeout_s):
                while wanted - (acked := self._acknowledged(seq)).keys():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return self._acknowledged(seq)
        return acked

    def _acknowledged(self, seq: int) -> dict[str, datetime]:
        everybody = {**self._lost, **self._links}
        told = ((name, link.acknowledged_at(seq)) for name, link in everybody.items())
        return {name: at for name, at in told if at is not None}

    def _push(self, entries: Sequence[Entry]) -> None:
        """Called by the ledger in the event loop, once per commit and in order."""
        first, last = entries[0].body.seq, entries[-1].body.seq
        self.newest = last
        wire = tuple(
            WireEntry(
                raw=e.raw, prev=e.prev, hash=e.hash, forms=e.personal.forms if e.personal else ()
            )
            for e in entries
        )
        frame = encode(Entries(entries=wire, whole=False, caught_up=True))
        for link in self._links.values():
            link.push(frame, first=first, last=last)
        self._pushes.append(_Push(first, last, datetime.now(UTC)))

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            frame = encode(Beat(seq=self.newest))
            for link in self._links.values():
                link.say(frame)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio runs this callback as a task
        self._tasks.add(task)
        link = AgentLink(reader, writer, self._ledger, self)
        try:
            await link.serve()
        except asyncio.CancelledError:
            pass  # the publisher stops; asyncio's own callback would log it as an error
        finally:
            self._tasks.discard(task)
            if self._links.get(link.name) is link:
                self._lost[link.name] = self._links.pop(link.name)

    def greeted(self, link: AgentLink) -> None:
        """An agent said who it is; an older connection of that name is left."""
        before = self._links.pop(link.name, None) or self._lost.pop(link.name, None)
        if before is not None:
            link.remember(before)
            before.abort()
        self._links[link.name] = link
        if self._announced:
            link.announce(self._announced)
        if link.forked:
            log.error("feed.forked", agent=link.name, seq=self.newest)

    def acknowledged(self, link: AgentLink, message: Acknowledge) -> None:
        self._news.set()
        if self._on_acknowledge is not None:
            self._on_acknowledge(link.name, link.hooks, message.seq)

    def listed(self, link: AgentLink) -> None:
        log.debug("feed.listed", agent=link.name, number=link.listed)
        self._news.set()

    def cut(self, link: AgentLink, step: CutStep) -> None:
        if self._on_cut is not None:
            self._on_cut(link.name, link.hooks, step)

    def _state(self, link: AgentLink) -> AgentState:
        seq, at = link.newest_acknowledgement
        return AgentState(
            name=link.name,
            hooks=link.hooks,
            acknowledged_seq=seq,
            acknowledged_at=at,
            connected_at=link.connected_at,
            last_heard_at=link.last_heard_at,
            forked=link.forked,
            listed=0 < self._announced_number == link.listed,
        )
