# SPDX-License-Identifier: Apache-2.0
"""The ledger for asyncio: one thread that owns the store, and this facade before it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final, ParamSpec, Self, TypeVar

from evict.core.revocation import Entry, Personal, Standing
from evict.ledger.backup import OnlineBackup
from evict.ledger.case_journal import CaseJournal
from evict.ledger.chain import Verifier
from evict.ledger.feed import WireEntry
from evict.ledger.order import LedgerOrder, Receipt
from evict.ledger.shelf import Shelf
from evict.ledger.state import Head
from evict.ledger.store import LedgerStore, utc_now

P = ParamSpec("P")
T = TypeVar("T")

Listener = Callable[[Sequence[Entry]], None]

CHUNK: Final = 2000
"""Entries that one job reads, so that an append never waits long behind a reader."""
_RETRY_S: Final = 1.0


class Ledger:
    """Every method runs in the ledger's thread, in the order of the calls.

    A call that is cancelled before its turn does nothing; later it is carried out all the same.
    """

    def __init__(self, store: LedgerStore, thread: ThreadPoolExecutor) -> None:
        self._store = store
        self._thread = thread
        self._listeners: list[Listener] = []
        self._waiting = 0
        self.on_appended: Callable[[float], None] = _nobody_measures
        self._idle = asyncio.Event()
        self._due = asyncio.Event()
        self._tidying = asyncio.create_task(self._tidy(), name="ledger checkpoints")
        self.journal = CaseJournal(store.journal, self._run)
        self._loop = asyncio.get_running_loop()
        store.on_stored = self._stored

    @classmethod
    async def open(
        cls, path: Path, *, create: bool = True, now: Callable[[], datetime] = utc_now
    ) -> Self:
        """Raises as `LedgerStore`."""
        thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        opened = partial(LedgerStore, path, create=create, now=now)
        try:
            store = await asyncio.get_running_loop().run_in_executor(thread, opened)
        except BaseException:
            thread.shutdown(wait=False)
            raise
        return cls(store, thread)

    async def close(self) -> None:
        """Finish what was called, checkpoint, let go of the file."""
        self._tidying.cancel()
        await asyncio.wait({self._tidying})
        await self._run(self._store.close)
        self._thread.shutdown(wait=False)

    @property
    def head(self) -> Head:
        return self._store.head()

    @property
    def standings(self) -> dict[str, Standing]:
        """A snapshot of every account that the ledger ever heard of."""
        return self._store.standings().copy()

    def standing(self, account: str) -> Standing | None:
        return self._store.standing(account)

    @property
    def failed(self) -> bool:
        """Whether the newest write was not stored, as far as can be told."""
        return self._store.database.failed

    async def try_to_write(self) -> None:
        """Raises `LedgerFull` where nothing can be stored."""
        await self._run(self._store.shelves.try_to_write)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Be called in the event loop with entries as soon as they are durable, in order.

        Returns the function that ends it.
        """
        self._listeners.append(listener)
        return partial(self._listeners.remove, listener)

    def shelf(
        self, name: str, kind: type[T], *, account_of: Callable[[T], str] | None = None
    ) -> Shelf[T]:
        """A shelf for one kind of thing; one name has one kind."""
        return Shelf(name, kind, self._store.shelves, self._run, account_of=account_of)

    async def append(self, order: LedgerOrder) -> Receipt:
        """Raises as `LedgerStore.append_many`."""
        began = time.perf_counter()
        receipt = await self._run(self._store.append, order)
        self.on_appended(time.perf_counter() - began)
        return receipt

    async def append_many(self, orders: Sequence[LedgerOrder]) -> list[Receipt]:
        """All or none. Raises as `LedgerStore.append_many`."""
        began = time.perf_counter()
        receipts = await self._run(self._store.append_many, orders)
        self.on_appended(time.perf_counter() - began)
        return receipts

    async def entries_since(self, seq: int) -> list[Entry]:
        """Entries after `seq`, oldest first."""
        entries: list[Entry] = []
        while chunk := await self._run(self._store.entries_since, seq, limit=CHUNK):
            entries += chunk
            seq = chunk[-1].body.seq
        return entries

    async def wire_since(self, seq: int, *, limit: int | None = CHUNK) -> list[WireEntry]:
        return await self._run(self._store.wire_since, seq, limit=limit)

    async def hash_at(self, seq: int) -> bytes | None:
        return await self._run(self._store.hash_at, seq)

    async def entry(self, seq: int) -> Entry:
        """One entry that there is."""
        return await self._run(self._store.entry, seq)

    async def personal(self, seq: int) -> Personal | None:
        return await self._run(self._store.personal, seq)

    async def erase(self, account: str) -> int:
        """Raises as `LedgerStore.erase`."""
        return await self._run(self._store.erase, account)

    async def unfinished(self) -> list[Entry]:
        """The entries of revocations in force whose case is not at rest, oldest first."""
        cases = await self._run(self._store.journal.open_cases)
        return [await self._run(self._store.entry, case.seq) for case in cases if case.revoked]

    async def unfinished_count(self) -> int:
        """How many cases are not at rest."""
        return len(await self._run(self._store.journal.open_cases))

    async def shelf_count(self, name: str) -> int:
        """How many things lie on that shelf."""
        return await self._run(self._store.shelves.count, name)

    async def verify(self) -> Head:
        """Read the chain from the disk again and check every link.

        Raises:
            LedgerDamaged: the text says where.
        """
        verifier = Verifier(self.head.ledger)
        while chunk := await self._run(self._store.entries_since, verifier.seq, limit=CHUNK):
            for entry in chunk:
                verifier.extend(raw=entry.raw, prev=entry.prev, digest=entry.hash)
            await asyncio.sleep(0)
        return Head(
            ledger=verifier.ledger, epoch=verifier.epoch, seq=verifier.seq, hash=verifier.hash
        )

    async def backup(self, path: Path) -> int:
        """Write a verified copy while appends go on; how many entries it has.

        Raises:
            UsageError: there is a file already.
            LedgerFull: it could not be written.
        """
        copy = await self._run(OnlineBackup, self._store, path)
        try:
            while not await self._run(copy.step):
                pass
            return (await self._run(copy.finish)).seq
        except BaseException:
            await self._run(copy.abandon)
            raise

    def _stored(self, entries: Sequence[Entry]) -> None:
        """Called in the ledger's thread, before the append returns there.

        So listeners are told before the caller is, and also where the caller was cancelled.
        """
        self._loop.call_soon_threadsafe(self._announce, entries)

    def _announce(self, entries: Sequence[Entry]) -> None:
        for listener in tuple(self._listeners):
            listener(entries)

    async def _run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        self._waiting += 1
        self._idle.clear()
        try:
            return await self._loop.run_in_executor(self._thread, partial(call, *args, **kwargs))
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._idle.set()
            if self._store.database.checkpoint_due:
                self._due.set()

    async def _tidy(self) -> None:
        """Checkpoint while nobody waits, or where the log grew too long to go on waiting."""
        database = self._store.database
        while True:
            await self._due.wait()
            if not database.checkpoint_overdue:
                await self._idle.wait()
            self._due.clear()
            if not await self._run(database.checkpoint):
                await asyncio.sleep(_RETRY_S)


def _nobody_measures(_: float) -> None:
    """How long an append took is told to nobody."""
