# SPDX-License-Identifier: Apache-2.0
"""The ledger on disk: the only truth on who may come in. Synchronous, for one thread.

Long: one class, one connection, one transaction discipline; split, its order would be lost.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

import apsw

from evict.core.errors import LedgerDamaged, LedgerFull, LedgerNotAdopted, UsageError
from evict.core.revocation import Entry, Personal, Standing
from evict.ledger.chain import GENESIS, decode_body, decode_personal
from evict.ledger.database import SCHEMAS, Database
from evict.ledger.feed import WireEntry
from evict.ledger.journal import Journal
from evict.ledger.load import ADOPTED, VERSION, Loaded, is_empty, load
from evict.ledger.mark import Mark, read_mark, refuse_a_lost_file
from evict.ledger.order import How, LedgerOrder, Receipt, refuse_other_content
from evict.ledger.shelf import Shelves
from evict.ledger.state import Draft, Head, Row, State

_SINCE: Final = (
    "SELECT e.raw, e.hash, p.content FROM entries AS e LEFT JOIN personal AS p USING (seq)"
    " WHERE e.seq > ? AND e.seq <= ? ORDER BY e.seq"
)
_OF_ACCOUNT: Final = (
    "SELECT seq FROM personal JOIN entries USING (seq)"
    " WHERE json_extract(CAST(raw AS TEXT), '$.account') = ?"
)


def utc_now() -> datetime:
    """The wall clock, aware."""
    return datetime.now(UTC)


class LedgerStore:
    """Opens, verifies and appends.

    Args:
        create: make a new ledger where there is no file; one that was lost is never replaced.
        unadopted: open a restored ledger too, to look at it or to adopt it.
        now: the wall clock, aware.

    Attributes:
        on_stored: told of entries as soon as they are durable, in order, before anybody else.

    Raises:
        LedgerDamaged: it does not verify; the text says where.
        LedgerNotAdopted: it was restored from a backup.
        LedgerError: another process has it open.
    """

    def __init__(
        self,
        path: Path,
        *,
        create: bool = True,
        unadopted: bool = False,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.path = path
        self.on_stored: Callable[[Sequence[Entry]], None] | None = None
        self._now = now
        refuse_a_lost_file(path)
        self.database = Database(path, create=create)
        try:
            loaded = self._load()
            self._state, self._adopted = loaded.state, loaded.adopted
            if not unadopted:
                self._refuse_unadopted()
            self._mark = Mark(path)
        except BaseException:
            self.database.close()
            raise
        self.database.reload = self._reload
        self.journal = Journal(self.database, self.standings, now=now)
        self.shelves = Shelves(self.database)
        self._note()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave one file behind, and let go of it."""
        self.database.close()
        self._mark.close()

    @property
    def adopted(self) -> bool:
        return self._adopted

    def head(self) -> Head:
        return self._state.head

    def standing(self, account: str) -> Standing | None:
        """None: the ledger never heard of it."""
        return self._state.standings.get(account)

    def standings(self) -> dict[str, Standing]:
        """Every account that the ledger ever heard of. Not to be changed."""
        return self._state.standings

    def append(self, order: LedgerOrder) -> Receipt:
        """Store one order durably. Raises as `append_many`."""
        return self.append_many((order,))[0]

    def append_many(self, orders: Sequence[LedgerOrder]) -> list[Receipt]:
        """Store all of the orders durably in one transaction, or none; receipts in their order.

        Raises:
            UsageError: an order makes no sense, or its request id was used for another one.
            LedgerConflict: an account's generation is not the expected one.
            LedgerFull: not stored, as far as can be told; the same request ids may be sent again.
        """
        self._refuse_unadopted()
        self.database.settle()
        draft = Draft(self._state, at=self._now(), salt=_salt)
        placed = [draft.place(order) for order in orders]
        rows = {row.entry.body.seq: row.entry for row in draft.rows}
        receipts = []
        for order, (how, seq) in zip(orders, placed, strict=True):
            entry = rows.get(seq) or self.entry(seq)
            if how is How.REPEATED:
                refuse_other_content(order, entry)
            receipts.append(Receipt(how=how, entry=entry))
        if draft.rows:
            self._store(draft)
        return receipts

    def adopt(self, personal: Personal) -> Entry:
        """Begin a new epoch with a restored ledger. `personal`: who does it, and why."""
        if self._adopted:
            raise UsageError(f"the ledger {self.path} needs no adoption")
        draft = Draft(self._state, at=self._now(), salt=_salt)
        draft.adopt(str(uuid.uuid4()), personal)
        with self.database.writing() as connection:
            _insert(connection, draft.rows)
            connection.execute("UPDATE meta SET state = ?", (ADOPTED,))
        self._adopted = True
        self._accept(draft)
        return draft.rows[0].entry

    def entry(self, seq: int) -> Entry:
        """Raises `UsageError` where there is none of that number."""
        found = self.entries_since(seq - 1, limit=1) if seq > 0 else []
        if not found:
            raise UsageError(f"the ledger has no entry {seq}")
        return found[0]

    def entries_since(self, seq: int, *, limit: int | None = None) -> list[Entry]:
        """Entries after `seq`, oldest first; none that is not known to be durable."""
        last = self._state.head.seq
        until = last if limit is None else min(last, seq + limit)
        prev = self.hash_at(seq)
        if prev is None:
            return []
        entries = []
        for raw, digest, content in self.database.read(_SINCE, (seq, until)):
            if not (isinstance(raw, bytes) and isinstance(digest, bytes)):
                raise LedgerDamaged("the ledger is damaged: an entry is not bytes")
            personal = decode_personal(content) if isinstance(content, bytes) else None
            body = decode_body(raw)
            entries.append(Entry(body=body, raw=raw, prev=prev, hash=digest, personal=personal))
            prev = digest
        return entries

    def hash_at(self, seq: int) -> bytes | None:
        """Hash of that entry; None where the ledger does not reach so far."""
        if seq == 0:
            return GENESIS
        if not 0 < seq <= self._state.head.seq:
            return None
        digest = self.database.read("SELECT hash FROM entries WHERE seq = ?", (seq,))[0][0]
        return digest if isinstance(digest, bytes) else None

    def wire_since(self, seq: int, *, limit: int | None = None) -> list[WireEntry]:
        """The same as agents need it: with the login forms, without reason and actor."""
        return [
            WireEntry(
                raw=e.raw, prev=e.prev, hash=e.hash, forms=e.personal.forms if e.personal else ()
            )
            for e in self.entries_since(seq, limit=limit)
        ]

    def personal(self, seq: int) -> Personal | None:
        """Names and reason of one entry; None where they were erased."""
        return self.entry(seq).personal

    def erase(self, account: str) -> int:
        """Erase all that names an account, before-images too; the chain verifies all the same.

        Returns how many personal parts went. Backups made before still have them.

        Raises:
            UsageError: a revocation is in force, or tickets are still refused by its forms.
            LedgerFull: it was not stored, or what was erased still lies in the log.
        """
        self._refuse_unadopted()
        self.database.settle()
        standing = self.standing(account)
        if standing is None:
            raise UsageError(f"the ledger never heard of account {account}")
        if standing.revoked:
            raise UsageError(f"account {account} is revoked: its login forms are what is refused")
        if standing.tickets_dead_until and standing.tickets_dead_until > self._now():
            raise UsageError(
                f"tickets of account {account} are refused until {standing.tickets_dead_until}"
            )
        found = self.database.read(_OF_ACCOUNT, (account,))
        with self.database.writing() as connection:
            connection.executemany("DELETE FROM personal WHERE seq = ?", found)
            connection.execute("DELETE FROM before_images WHERE account = ?", (account,))
            connection.execute("DELETE FROM shelves WHERE account = ?", (account,))
        if not self.database.checkpoint(empty_log=True):
            raise LedgerFull(
                f"erased, but the log of {self.path} may hold remains until the next restart"
            )
        return len(found)

    def _store(self, draft: Draft) -> None:
        try:
            with self.database.writing() as connection:
                _insert(connection, draft.rows)
        except LedgerFull:
            # Only the disk knows. `settle` reads it, and may find that it was stored after all.
            self.database.settle()
            if self.hash_at(draft.rows[-1].entry.body.seq) != draft.rows[-1].entry.hash:
                raise
            return
        self._accept(draft)

    def _accept(self, draft: Draft) -> None:
        self._state.accept(draft)
        self._note()
        if self.on_stored is not None:
            self.on_stored([row.entry for row in draft.rows])

    def _note(self) -> None:
        head = self._state.head
        if self._adopted:
            self._mark.write(head.seq, head.hash)

    def _load(self) -> Loaded:
        try:
            connection = self.database.connection
            if is_empty(connection):
                with self.database.writing():
                    connection.execute(SCHEMAS[0])
                    connection.execute(
                        "INSERT INTO meta (id, ledger, version, state) VALUES (1, ?, 1, ?)",
                        (str(uuid.uuid4()), ADOPTED),
                    )
            loaded = load(connection)
            if loaded.version < VERSION:
                self._upgrade(loaded.version)
        except apsw.Error as error:
            raise LedgerDamaged(f"the ledger {self.path} cannot be read: {error}") from error
        if loaded.adopted:
            _refuse_a_short_chain(self.path, loaded.state, self.database)
        return loaded

    def _upgrade(self, version: int) -> None:
        """Bring the tables up to ours, all at once or not at all. The chain is not touched."""
        with self.database.writing() as connection:
            for schema in SCHEMAS[version:]:
                connection.execute(schema)
            connection.execute("UPDATE meta SET version = ?", (VERSION,))

    def _reload(self) -> None:
        known = self._state.head
        loaded = self._load()
        self._state, self._adopted = loaded.state, loaded.adopted
        self._note()
        if self.on_stored is not None and self._state.head.seq > known.seq:
            self.on_stored(self.entries_since(known.seq))

    def _refuse_unadopted(self) -> None:
        if not self._adopted:
            raise LedgerNotAdopted(
                f"the ledger {self.path} was restored from a backup and does not know what was"
                " ordered after it: adopt it on purpose, which begins a new epoch"
            )


def _insert(connection: apsw.Connection, rows: Sequence[Row]) -> None:
    connection.executemany(
        "INSERT INTO entries (seq, raw, hash) VALUES (?, ?, ?)",
        ((row.entry.body.seq, row.entry.raw, row.entry.hash) for row in rows),
    )
    connection.executemany(
        "INSERT INTO personal (seq, salt, content) VALUES (?, ?, ?)",
        ((row.entry.body.seq, row.salt, row.content) for row in rows),
    )


def _refuse_a_short_chain(path: Path, state: State, database: Database) -> None:
    mark = read_mark(path)
    if mark is None or mark[0] == 0:
        return
    seq, digest = mark
    if seq > state.head.seq:
        raise LedgerDamaged(
            f"the ledger {path} is damaged at entry {state.head.seq + 1}: it ends before it, but"
            f" {seq} entries were stored",
            seq=state.head.seq + 1,
        )
    if database.read("SELECT hash FROM entries WHERE seq = ?", (seq,))[0][0] != digest:
        raise LedgerDamaged(f"the ledger {path} is damaged: entry {seq} was another one", seq=seq)


def _salt() -> bytes:
    return os.urandom(32)
