# SPDX-License-Identifier: Apache-2.0
"""Acknowledges for one hook that refuses later than the agent knows: a front whose maps are pushed.

It is an agent of its own to the control plane, by the name `agent:system`: what waits for it, what
misses it and what shows it need not know the difference. While the front's state is not known it is
not connected, and so is shown as lost.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

import structlog

from evict.core.errors import RemoteProtocolError
from evict.ledger.feed import (
    Acknowledge,
    Beat,
    Entries,
    Frames,
    Hello,
    decode_from_control,
    encode,
)

BEAT_S: Final = 5.0
FIRST_RETRY_S: Final = 0.05
LONGEST_RETRY_S: Final = 1.0
_READ: Final = 64 * 1024

log = structlog.get_logger()


class Chain(Protocol):
    """How far the agent's copy reaches."""

    @property
    def seq(self) -> int: ...

    @property
    def hash(self) -> bytes: ...


class Deputy:
    """Tells the control plane how far one system's front refuses.

    Args:
        chain: the agent's replica; its entries are not taken from this connection.
    """

    def __init__(self, path: Path, chain: Chain, *, agent: str, system: str) -> None:
        self._path = path
        self._chain = chain
        self._name = f"{agent}:{system}"
        self._system = system
        self._enforced = -1
        self._known = asyncio.Event()
        self._news = asyncio.Event()
        self._sent = 0

    def enforces(self, seq: int) -> None:
        """The front refuses by everything up to here."""
        self._enforced = seq
        self._known.set()
        self._news.set()

    def lapsed(self, why: str) -> None:
        """Nothing is known of what the front refuses."""
        if self._known.is_set():
            log.warning("front.lapsed", system=self._system, reason=why)
        self._enforced = -1
        self._known.clear()
        self._news.set()

    async def run(self) -> None:
        """Work until cancelled."""
        retry_s = FIRST_RETRY_S
        while True:
            await self._known.wait()
            try:
                await self._speak()
                retry_s = FIRST_RETRY_S
            except (OSError, RemoteProtocolError) as error:
                log.info("front.feed-lost", system=self._system, reason=str(error))
            await asyncio.sleep(retry_s)
            retry_s = min(retry_s * 2, LONGEST_RETRY_S)

    async def _speak(self) -> None:
        """One connection, until it ends or the front lapses."""
        reader, writer = await asyncio.open_unix_connection(str(self._path))
        has = self._chain.seq
        hello = Hello(agent=self._name, seq=has, hash=self._chain.hash, hooks=(self._system,))
        self._sent = -1
        reading = asyncio.create_task(self._read(reader, has))
        try:
            writer.write(encode(hello))
            await self._acknowledge(writer, reading)
        finally:
            reading.cancel()
            writer.transport.abort()
            await asyncio.gather(reading, return_exceptions=True)

    async def _acknowledge(self, writer: asyncio.StreamWriter, reading: asyncio.Task[None]) -> None:
        told = -1
        while self._known.is_set() and not reading.done():
            self._news.clear()
            reached = min(self._enforced, self._sent)
            if reached > told:
                told = reached
                writer.write(encode(Acknowledge(seq=reached, at=datetime.now(UTC))))
                await writer.drain()
                continue
            try:
                async with asyncio.timeout(BEAT_S):
                    await self._news.wait()
            except TimeoutError:
                writer.write(encode(Beat(seq=told)))
                await writer.drain()
        if reading.done():
            reading.result()

    async def _read(self, reader: asyncio.StreamReader, has: int) -> None:
        """What was sent on this connection may be acknowledged on it. Ends with the connection.

        Nothing before the first answer: until then the other side does not know what we have.
        """
        frames = Frames()
        try:
            while data := await reader.read(_READ):
                for payload in frames.feed(data):
                    message = decode_from_control(payload)
                    if isinstance(message, Entries):
                        has = len(message.entries) + (0 if message.whole else has)
                        self._sent = has
                        self._news.set()
        finally:
            self._news.set()
