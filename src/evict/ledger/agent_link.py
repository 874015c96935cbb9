# SPDX-License-Identifier: Apache-2.0
"""The control plane's end of one agent's connection."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from datetime import UTC, datetime
from typing import Final, Protocol

import structlog

from evict.core.errors import LedgerError, RemoteProtocolError
from evict.ledger.feed import (
    ANNOUNCED,
    Acknowledge,
    CutStep,
    Entries,
    Frames,
    FromAgent,
    Hello,
    Listed,
    decode_from_agent,
    encode,
)
from evict.ledger.service import CHUNK, Ledger

MAX_UNSENT: Final = 8 * 1024 * 1024
"""Bytes. Above it nothing more is pushed to an agent; it is fed from the ledger when it reads."""
STALL_S: Final = 10.0
"""An agent that reads nothing for so long is left."""
SILENCE_S: Final = 20.0
"""An agent that says nothing for so long is left; it beats every 5 s."""
_GREETING_S: Final = 5.0
_READ: Final = 64 * 1024
_REMEMBERED: Final = 4096
_MAX_NAME: Final = 128

log = structlog.get_logger()


class Hall(Protocol):
    """What a link tells its publisher."""

    newest: int

    def greeted(self, link: AgentLink) -> None: ...
    def acknowledged(self, link: AgentLink, message: Acknowledge) -> None: ...
    def cut(self, link: AgentLink, step: CutStep) -> None: ...
    def listed(self, link: AgentLink) -> None: ...


class AgentLink:
    """Feeds one agent.

    While it is `live`, pushes are written straight to it. Otherwise its feeder reads from the
    ledger what is missing, and makes it live again when nothing is.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        ledger: Ledger,
        hall: Hall,
    ) -> None:
        self.name = ""
        self.hooks: tuple[str, ...] = ()
        self.forked = False
        self.takes_announcements = False
        self.listed = 0
        self.connected_at = self.last_heard_at = datetime.now(UTC)
        self._reader = reader
        self._writer = writer
        self._ledger = ledger
        self._hall = hall
        self._frames = Frames()
        self._acks: deque[tuple[int, datetime]] = deque(maxlen=_REMEMBERED)
        self._sent = 0
        self._live = False
        self._behind = asyncio.Event()
        self._later: deque[bytes] = deque(maxlen=_REMEMBERED)
        self._announced = b""

    async def serve(self) -> None:
        """From its hello to its end; returns when the connection is over."""
        reason = "it closed the connection"
        try:
            hello, rest = await self._hello()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._feed(hello))
                await self._listen(rest)
        except* (OSError, EOFError, TimeoutError, RemoteProtocolError, LedgerError) as errors:
            reason = str(errors.exceptions[0]) or type(errors.exceptions[0]).__name__
        finally:
            self._live = False
            self.abort()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()
        log.info("feed.agent_left", agent=self.name, reason=reason)

    def abort(self) -> None:
        """End the connection at once, whatever is unsent."""
        self._writer.transport.abort()

    def say(self, frame: bytes) -> None:
        """Write a frame that is no entry; one that lags gets it after what it lags by."""
        if self._live and self._unsent() < MAX_UNSENT:
            self._writer.write(frame)
        else:
            self._later.append(frame)

    def announce(self, frame: bytes) -> None:
        """Write the newest list of announced leavers, to one that lags once it has every entry.

        So an entry that carries an announcement out is there before the list without it.
        """
        if not self.takes_announcements:
            return
        if self._live and self._unsent() < MAX_UNSENT:
            self._writer.write(frame)
        else:
            self._announced = frame
            self._live = False
            self._behind.set()

    def push(self, frame: bytes, *, first: int, last: int) -> None:
        """Write entries just stored, or leave them to the feeder; never waits."""
        if last <= self._sent:
            return
        if self._live and first == self._sent + 1 and self._unsent() < MAX_UNSENT:
            self._writer.write(frame)
            self._sent = last
            return
        self._live = False
        self._behind.set()

    @property
    def newest_acknowledgement(self) -> tuple[int, datetime | None]:
        return self._acks[-1] if self._acks else (0, None)

    def acknowledged_at(self, seq: int) -> datetime | None:
        """When it first said that it refuses up to `seq`, as far as is remembered."""
        return next((at for acked, at in self._acks if acked >= seq), None)

    def remember(self, before: AgentLink) -> None:
        """Take over what an earlier connection of the same agent acknowledged."""
        self._acks.extendleft(reversed(before._acks))

    def _unsent(self) -> int:
        return self._writer.transport.get_write_buffer_size()

    async def _hello(self) -> tuple[Hello, list[FromAgent]]:
        async with asyncio.timeout(_GREETING_S):
            messages = await self._receive()
        hello, rest = messages[0], messages[1:]
        if not isinstance(hello, Hello) or hello.version != 1:
            raise RemoteProtocolError("an agent must begin with hello", system="feed")
        if not (0 < len(hello.agent) <= _MAX_NAME and hello.agent.isprintable()):
            raise RemoteProtocolError("an agent has a printable name", system="feed")
        known = await self._ledger.hash_at(hello.seq) if hello.seq >= 0 else None
        self.name, self.hooks = hello.agent, hello.hooks
        self.takes_announcements = ANNOUNCED in hello.takes
        self.forked = hello.seq != 0 and known != hello.hash
        self._hall.greeted(self)
        return hello, rest

    async def _feed(self, hello: Hello) -> None:
        """Send what is missing, then wait until pushes had to be left out, and again."""
        self._sent = 0 if self.forked else hello.seq
        await self._send_missing(whole=self._sent == 0)
        while True:
            while self._sent < self._hall.newest:
                await self._send_missing(whole=False)
            if self._announced:
                await self._send_announced()
                continue
            self._live = True
            self._behind.clear()
            while self._later:
                self._writer.write(self._later.popleft())
            await self._behind.wait()

    async def _send_missing(self, *, whole: bool) -> None:
        """One frame from the ledger, and wait until most of it is on its way.

        An agent that has another chain must see the whole of ours in one frame, to judge it.
        """
        limit = None if whole and self.forked else CHUNK
        entries = await self._ledger.wire_since(self._sent, limit=limit)
        seq = self._sent + len(entries)
        caught_up = seq >= self._ledger.head.seq
        frame = encode(Entries(entries=tuple(entries), whole=whole, caught_up=caught_up))
        self._writer.write(frame)
        self._sent = seq
        async with asyncio.timeout(STALL_S):
            await self._writer.drain()

    async def _send_announced(self) -> None:
        frame, self._announced = self._announced, b""
        self._writer.write(frame)
        async with asyncio.timeout(STALL_S):
            await self._writer.drain()

    async def _listen(self, messages: list[FromAgent]) -> None:
        while True:
            for message in messages:
                self._take(message)
            async with asyncio.timeout(SILENCE_S):
                messages = await self._receive()

    def _take(self, message: FromAgent) -> None:
        match message:
            case Acknowledge():
                if message.seq > self._sent:
                    raise RemoteProtocolError("it acknowledged what was not sent", system="feed")
                self._acks.append((message.seq, message.at))
                self._hall.acknowledged(self, message)
            case CutStep():
                self._hall.cut(self, message)
            case Listed():
                self.listed = message.number
                self._hall.listed(self)
            case Hello():
                raise RemoteProtocolError("a second hello", system="feed")

    async def _receive(self) -> list[FromAgent]:
        """At least one message. Raises `EOFError` at the end of the stream."""
        while True:
            data = await self._reader.read(_READ)
            if not data:
                raise EOFError("it closed the connection")
            self.last_heard_at = datetime.now(UTC)
            if payloads := self._frames.feed(data):
                return [decode_from_agent(payload) for payload in payloads]
