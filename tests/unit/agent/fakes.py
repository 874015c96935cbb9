# SPDX-License-Identifier: Apache-2.0
"""What the agent's tests share: a chain to feed, and a control plane that feeds it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from evict.core.revocation import Body, Kind
from evict.ledger.chain import GENESIS, encode_body, entry_hash
from evict.ledger.feed import (
    Acknowledge,
    Announced,
    Announcement,
    CutStep,
    Entries,
    Frames,
    FromAgent,
    FromControl,
    Hello,
    Listed,
    WireEntry,
    decode_from_agent,
    encode,
)

START = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


class Chain:
    """Grows a valid chain; `entries` is all of it."""

    def __init__(self, ledger: str = "ledger-1") -> None:
        self.ledger = ledger
        self.epoch = 1
        self.head = GENESIS
        self.entries: list[WireEntry] = []
        self._generations: dict[str, int] = {}

    def revoke(self, account: str, *forms: str) -> WireEntry:
        return self._add(Kind.REVOCATION, account, forms)

    def reinstate(
        self, account: str, *forms: str, tickets_dead_until: datetime | None = None
    ) -> WireEntry:
        return self._add(Kind.REINSTATEMENT, account, forms, tickets_dead_until)

    def adopt(self) -> WireEntry:
        self.epoch += 1
        return self._add(Kind.ADOPTION, "", ())

    def _add(
        self, kind: Kind, account: str, forms: tuple[str, ...], until: datetime | None = None
    ) -> WireEntry:
        if account:
            self._generations[account] = self._generations.get(account, 0) + 1
        seq = len(self.entries) + 1
        body = Body(
            ledger=self.ledger,
            epoch=self.epoch,
            seq=seq,
            kind=kind,
            at=START + timedelta(seconds=seq),
            account=account,
            generation=self._generations.get(account, 0),
            request=f"request-{seq}",
            tickets_dead_until=until,
        )
        raw = encode_body(body)
        entry = WireEntry(raw=raw, prev=self.head, hash=entry_hash(self.head, raw), forms=forms)
        self.head = entry.hash
        self.entries.append(entry)
        return entry

    def snapshot(self, *, caught_up: bool = True) -> Entries:
        return Entries(entries=tuple(self.entries), whole=True, caught_up=caught_up)


def push(*entries: WireEntry) -> Entries:
    return Entries(entries=entries, whole=False, caught_up=True)


def announced(*people: Announcement, number: int = 1) -> Announced:
    return Announced(number=number, people=people)


def leaves(account: str, at: datetime, *forms: str, schedule: str = "") -> Announcement:
    return Announcement(id=schedule or f"s-{account}", account=account, forms=forms, at=at)


class FakeControl:
    """Speaks the control plane's end of the feed; keeps what agents said."""

    def __init__(self, path: Path, greeting: Entries | None) -> None:
        self.path = path
        self.greeting = greeting
        self.said: list[FromAgent] = []
        self.news = asyncio.Condition()
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self.path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, str(self.path))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.drop()
        await self._server.wait_closed()

    def drop(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        frames = Frames()
        try:
            while data := await reader.read(65536):
                for payload in frames.feed(data):
                    message = decode_from_agent(payload)
                    if isinstance(message, Hello) and self.greeting is not None:
                        writer.write(encode(self.greeting))
                    async with self.news:
                        self.said.append(message)
                        self.news.notify_all()
        except ConnectionError:
            return
        finally:
            writer.close()

    def push(self, message: FromControl) -> None:
        self.write(encode(message))

    def write(self, data: bytes) -> None:
        for writer in self._writers:
            writer.write(data)

    async def acknowledged(self, seq: int) -> None:
        await self._until(lambda m: isinstance(m, Acknowledge) and m.seq >= seq)

    async def listed(self, number: int) -> None:
        await self._until(lambda m: isinstance(m, Listed) and m.number == number)

    async def step(self, seq: int, step: str) -> CutStep:
        found = await self._until(
            lambda m: isinstance(m, CutStep) and (m.seq, m.step) == (seq, step)
        )
        assert isinstance(found, CutStep)
        return found

    async def _until(self, wanted: object) -> FromAgent:
        assert callable(wanted)
        async with asyncio.timeout(20), self.news:
            await self.news.wait_for(lambda: any(wanted(m) for m in self.said))
        return next(m for m in self.said if wanted(m))
