# SPDX-License-Identifier: Apache-2.0
"""What is remembered beside the chain and may change: one shelf for each kind of thing.

In the ledger's own file, so that one writer and one lock hold for all, and a backup has it too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Generic, TypeVar

import msgspec
from msgspec import Struct

from evict.core.errors import LedgerDamaged
from evict.ledger.database import Database

T = TypeVar("T")

_GET: Final = "SELECT id, value FROM shelves WHERE shelf = ? AND id = ?"
_ALL: Final = "SELECT id, value FROM shelves WHERE shelf = ? ORDER BY id"
_COUNT: Final = "SELECT count(*) FROM shelves WHERE shelf = ?"
_PUT: Final = "INSERT OR REPLACE INTO shelves (shelf, id, account, value) VALUES (?, ?, ?, ?)"
_REMOVE: Final = "DELETE FROM shelves WHERE shelf = ? AND id = ?"
_TRIED: Final = "tried"


class Put(Struct, frozen=True):
    """One thing to be kept: its id, whom it is about ("" nobody), and its JSON."""

    id: str
    account: str
    value: bytes


class Shelves:
    """Used from the ledger's thread, as the store itself. Writing raises `LedgerFull`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, shelf: str, name: str) -> bytes | None:
        rows = self._database.read(_GET, (shelf, name))
        return _bytes(rows[0][1]) if rows else None

    def all(self, shelf: str) -> dict[str, bytes]:
        """Everything on it, by id, in the order of the ids."""
        return {str(i): _bytes(v) for i, v in self._database.read(_ALL, (shelf,))}

    def count(self, shelf: str) -> int:
        """How many things lie on it."""
        return int(str(self._database.read(_COUNT, (shelf,))[0][0]))

    def change(self, shelf: str, put: Sequence[Put], remove: Sequence[str]) -> None:
        """Remove and keep, all in one durable transaction."""
        with self._database.writing() as connection:
            connection.executemany(_REMOVE, [(shelf, name) for name in remove])
            connection.executemany(_PUT, [(shelf, p.id, p.account, p.value) for p in put])

    def try_to_write(self) -> None:
        """Write something that means nothing: whether the disk takes it is what counts."""
        self.change(_TRIED, [Put(_TRIED, "", b"{}")], [])


class Shelf(Generic[T]):
    """One shelf as the control plane uses it; every method is one job of the ledger's thread.

    Args:
        kind: what lies on it; read strictly, so that a damaged thing is never half understood.
        account_of: whom a thing is about; it goes when that account's names are erased.
    """

    def __init__(
        self,
        name: str,
        kind: type[T],
        shelves: Shelves,
        run: Callable[..., Awaitable[Any]],
        *,
        account_of: Callable[[T], str] | None = None,
    ) -> None:
        self._name = name
        self._decoder = msgspec.json.Decoder(kind)
        self._shelves = shelves
        self._run = run
        self._account_of = account_of

    async def get(self, name: str) -> T | None:
        """Raises `LedgerDamaged` where it cannot be understood."""
        raw: bytes | None = await self._run(self._shelves.get, self._name, name)
        return None if raw is None else self._read(name, raw)

    async def all(self) -> dict[str, T]:
        """Everything, by id. Raises `LedgerDamaged`."""
        raws: dict[str, bytes] = await self._run(self._shelves.all, self._name)
        return {name: self._read(name, raw) for name, raw in raws.items()}

    async def change(self, put: Mapping[str, T] = {}, remove: Iterable[str] = ()) -> None:
        """Keep and remove, all or nothing, durable when it returns. Raises `LedgerFull`."""
        of = self._account_of
        puts = [
            Put(name, "" if of is None else of(thing), msgspec.json.encode(thing))
            for name, thing in put.items()
        ]
        await self._run(self._shelves.change, self._name, puts, list(remove))

    def _read(self, name: str, raw: bytes) -> T:
        try:
            return self._decoder.decode(raw)
        except msgspec.MsgspecError as error:
            raise LedgerDamaged(
                f"the ledger is damaged: {name!r} on the shelf {self._name!r}: {error}"
            ) from error


def _bytes(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise LedgerDamaged("the ledger is damaged: a thing on a shelf is not bytes")
    return value
