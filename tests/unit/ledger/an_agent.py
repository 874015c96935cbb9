# SPDX-License-Identifier: Apache-2.0
"""An agent as the feed's tests need it: says what it is told to, verifies what it gets."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

from evict.ledger.chain import Verifier
from evict.ledger.feed import (
    Acknowledge,
    CutAgain,
    CutStep,
    Entries,
    Frames,
    FromAgent,
    FromControl,
    Hello,
    decode_from_control,
    encode,
)
from tests.unit.ledger.made import NOON


class Agent:
    """Attributes: `verifier` follows the chain; `runs` are all the entries' messages so far."""

    def __init__(
        self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.name = name
        self.verifier = Verifier()
        self.runs: list[Entries] = []
        self.again: list[int] = []
        self._reader = reader
        self._writer = writer
        self._frames = Frames()
        self._messages: list[FromControl] = []

    @classmethod
    async def connect(
        cls, path: Path, name: str = "one", *, seq: int = 0, digest: bytes = b""
    ) -> Agent:
        agent = cls(name, *await asyncio.open_unix_connection(path))
        agent.say(Hello(agent=name, seq=seq, hash=digest, hooks=("dovecot",)))
        return agent

    def say(self, message: FromAgent) -> None:
        self._writer.write(encode(message))

    def acknowledge(self, at: datetime = NOON) -> None:
        self.say(Acknowledge(seq=self.verifier.seq, at=at))

    def cut(self, seq: int) -> None:
        self.say(CutStep(seq=seq, system="dovecot", step="kick", at=NOON, count=2))

    async def message(self) -> FromControl:
        """Raises `EOFError` where the control plane has left."""
        async with asyncio.timeout(10):
            while not self._messages:
                data = await self._reader.read(65536)
                if not data:
                    raise EOFError
                self._messages += [decode_from_control(p) for p in self._frames.feed(data)]
        return self._messages.pop(0)

    async def until(self, seq: int, *, caught_up: bool = True) -> None:
        """Take and verify runs until that entry is here."""
        while self.verifier.seq < seq or (
            caught_up and not (self.runs and self.runs[-1].caught_up)
        ):
            match await self.message():
                case Entries() as run:
                    self.take(run)
                case CutAgain() as wish:
                    self.again.append(wish.seq)

    def take(self, run: Entries) -> None:
        if run.whole:
            self.verifier = Verifier()
        for entry in run.entries:
            self.verifier.extend(raw=entry.raw, prev=entry.prev, digest=entry.hash)
        self.runs.append(run)

    async def leave(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()
