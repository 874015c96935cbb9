# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import apsw
import pytest

from evict.core.errors import LedgerConflict, UsageError
from evict.core.revocation import Entry, Kind
from evict.ledger.order import How, LedgerOrder
from evict.ledger.store import LedgerStore
from tests.unit.ledger.made import NOON, noon, personal, reinstate, revoke


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LedgerStore]:
    with LedgerStore(tmp_path / "ledger.db", now=noon) as opened:
        yield opened


def test_an_appended_revocation_stands(store: LedgerStore) -> None:
    receipt = store.append(revoke("alice"))
    standing = store.standing("alice")
    assert receipt.how is How.STORED
    assert standing is not None
    assert (standing.revoked, standing.generation, standing.since) == (True, 1, NOON)
    assert store.head().hash == receipt.entry.hash
    assert store.entry(1) == receipt.entry
    assert store.personal(1) == personal("alice")


def test_what_was_appended_stands_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with LedgerStore(path) as store:
        store.append_many([revoke("alice"), revoke("bob")])
        store.append(reinstate("bob", tickets_dead_until=NOON))
        before = (store.standings(), store.head(), store.entries_since(0))
    with LedgerStore(path) as store:
        assert (store.standings(), store.head(), store.entries_since(0)) == before
    assert not (tmp_path / "ledger.db-wal").exists()


def test_the_same_request_appends_once(store: LedgerStore) -> None:
    first = store.append(revoke("alice", "r1"))
    store.append(reinstate("alice", "r2"))
    again = store.append(revoke("alice", "r1"))
    assert (again.how, again.entry) == (How.REPEATED, first.entry)
    assert store.head().seq == 2


def test_the_same_request_twice_in_one_batch_appends_once(store: LedgerStore) -> None:
    receipts = store.append_many([revoke("alice", "r1"), revoke("alice", "r1")])
    assert [r.how for r in receipts] == [How.STORED, How.REPEATED]
    assert receipts[0].entry == receipts[1].entry


@pytest.mark.parametrize(
    "other",
    [
        revoke("bob", "r1"),
        reinstate("alice", "r1"),
        LedgerOrder(
            kind=Kind.REVOCATION,
            account="alice",
            request="r1",
            personal=personal("alice", "another reason"),
        ),
    ],
)
def test_a_request_id_with_other_content_is_refused(store: LedgerStore, other: LedgerOrder) -> None:
    store.append(revoke("alice", "r1"))
    with pytest.raises(UsageError, match="r1 was stored as entry 1 with other content"):
        store.append(other)
    assert store.head().seq == 1


def test_an_account_already_revoked_gets_no_second_entry(store: LedgerStore) -> None:
    first = store.append(revoke("alice", "r1"))
    again = store.append(revoke("alice", "r2"))
    assert (again.how, again.entry) == (How.STANDING, first.entry)
    assert store.head().seq == 1


def test_an_account_never_revoked_cannot_be_reinstated(store: LedgerStore) -> None:
    with pytest.raises(UsageError, match="never revoked"):
        store.append(reinstate("alice"))


def test_compare_and_set_refuses_a_generation_that_moved_on(store: LedgerStore) -> None:
    store.append(revoke("alice", "r1", expected=0))
    store.append(reinstate("alice", "r2", expected=1))
    with pytest.raises(LedgerConflict, match="generation 2 by now, not at 1"):
        store.append(reinstate("alice", "r3", expected=1))
    assert store.append(revoke("alice", "r4", expected=2)).how is How.STORED


def test_a_batch_is_stored_whole_or_not_at_all(store: LedgerStore) -> None:
    with pytest.raises(LedgerConflict):
        store.append_many([revoke("alice"), revoke("bob", expected=7)])
    assert store.head().seq == 0
    assert store.standing("alice") is None
    assert store.entries_since(0) == []


def test_orders_of_one_batch_see_each_other(store: LedgerStore) -> None:
    receipts = store.append_many(
        [revoke("alice", "1"), revoke("alice", "2"), reinstate("alice", "3", expected=1)]
    )
    assert [r.how for r in receipts] == [How.STORED, How.STANDING, How.STORED]
    assert receipts[1].entry == receipts[0].entry


@pytest.mark.parametrize(
    "order",
    [
        LedgerOrder(kind=Kind.ADOPTION, account="a", request="r", personal=personal("a")),
        LedgerOrder(kind=Kind.REVOCATION, account="", request="r", personal=personal("a")),
        LedgerOrder(kind=Kind.REVOCATION, account="a", request="", personal=personal("a")),
        reinstate("a", tickets_dead_until=NOON.replace(tzinfo=None)),
        LedgerOrder(
            kind=Kind.REVOCATION,
            account="a",
            request="r",
            personal=personal("a"),
            tickets_dead_until=NOON,
        ),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(store: LedgerStore, order: LedgerOrder) -> None:
    with pytest.raises(UsageError):
        store.append(order)


def test_entries_come_in_runs_that_link(store: LedgerStore) -> None:
    stored = [r.entry for r in store.append_many([revoke(f"a{n}") for n in range(10)])]
    assert store.entries_since(0, limit=4) == stored[:4]
    assert store.entries_since(4) == stored[4:]
    assert store.entries_since(10) == store.entries_since(99) == []
    assert store.hash_at(10) == stored[-1].hash
    assert store.hash_at(11) is None
    wire = store.wire_since(8)
    assert [w.hash for w in wire] == [e.hash for e in stored[8:]]
    assert wire[0].forms == personal("a8").forms


def test_whoever_listens_is_told_of_durable_entries_only(store: LedgerStore) -> None:
    told: list[Entry] = []
    store.on_stored = told.extend
    receipt = store.append(revoke("alice"))
    store.append(revoke("alice", "again"))
    with pytest.raises(LedgerConflict):
        store.append(revoke("alice", "third", expected=5))
    assert told == [receipt.entry]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET raw = x''",
        "DELETE FROM entries",
        "UPDATE personal SET content = x''",
        "REPLACE INTO entries VALUES (1, x'', x'')",
    ],
)
def test_sqlite_itself_refuses_to_change_what_was_stored(
    store: LedgerStore, statement: str
) -> None:
    store.append(revoke("alice"))
    with pytest.raises(apsw.ConstraintError, match="never"):
        store.database.connection.execute(statement)


def test_entries_carry_the_instant_of_the_append_in_utc(tmp_path: Path) -> None:
    east = (NOON + timedelta(microseconds=5)).astimezone()
    with LedgerStore(tmp_path / "ledger.db", now=lambda: east) as store:
        entry = store.append(revoke("alice")).entry
        assert entry.body.at == east
        assert entry.body.at.utcoffset() == timedelta(0)
