# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import apsw
import pytest

from evict.core.errors import LedgerDamaged
from evict.core.measure import BeforeImage
from evict.ledger.journal import CASE_CLOSED, CASE_OPENED, CaseEvent, KeptImage
from evict.ledger.store import LedgerStore
from tests.unit.ledger.made import NOON, noon, reinstate, revoke


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LedgerStore]:
    with LedgerStore(tmp_path / "ledger.db", now=noon) as opened:
        yield opened


def event(kind: str, account: str = "alice", generation: int = 1) -> CaseEvent:
    return CaseEvent(account=account, generation=generation, kind=kind)


def image(measure: str, value: str) -> KeptImage:
    return KeptImage(
        account="alice",
        generation=1,
        image=BeforeImage(
            measure=measure, system="d", target="t", before={"a": value}, after={"a": "new"}
        ),
    )


def test_events_come_back_in_order_and_numbered(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    later = NOON + timedelta(seconds=1)
    with LedgerStore(path, now=noon) as store:
        store.journal.record([event("one"), event("two"), event("one", account="bob")])
        store.journal.record(
            [
                CaseEvent(
                    account="alice",
                    generation=1,
                    kind="door.shut",
                    subject="dovecot/imap/session",
                    data={"tries": 3},
                    at=later,
                )
            ]
        )
    with LedgerStore(path) as store:
        events = store.journal.events("alice", 1)
    assert [(e.n, e.kind) for e in events] == [(1, "one"), (2, "two"), (3, "door.shut")]
    assert (events[0].at, events[2].at) == (NOON, later)
    assert events[2].data == {"tries": 3}


def test_the_first_image_of_a_measure_is_kept(store: LedgerStore) -> None:
    first, second = image("directory:disable", "old"), image("dovecot:sieve:main", "script")
    store.journal.record([], [first])
    store.journal.record([event("again")], [image("directory:disable", "new"), second])
    assert store.journal.images("alice", 1) == [first.image, second.image]
    assert store.journal.images("alice", 2) == []


def test_a_damaged_image_is_never_put_back(store: LedgerStore) -> None:
    store.journal.record([], [image("directory:disable", "old")])
    connection = store.database.connection
    connection.execute("DROP TRIGGER before_images_are_not_changed")
    connection.execute("UPDATE before_images SET image = CAST('{}' AS BLOB)")
    with pytest.raises(LedgerDamaged, match="before-image of directory:disable"):
        store.journal.images("alice", 1)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE case_events SET n = 9", "DELETE FROM case_events", "UPDATE before_images SET n = 9"],
)
def test_what_happened_is_never_changed(store: LedgerStore, statement: str) -> None:
    store.journal.record([event("one")], [image("m", "v")])
    with pytest.raises(apsw.ConstraintError, match="never"):
        store.database.connection.execute(statement)


def test_a_case_is_open_from_its_entry_until_it_is_closed(store: LedgerStore) -> None:
    store.append_many([revoke("alice"), revoke("bob")])
    assert [s.account for s in store.journal.open_cases()] == ["alice", "bob"]
    store.journal.record([event(CASE_OPENED), event(CASE_CLOSED)])
    assert [s.account for s in store.journal.open_cases()] == ["bob"]
    store.journal.record([event(CASE_OPENED)])
    assert [s.account for s in store.journal.open_cases()] == ["alice", "bob"]
    store.journal.record([event(CASE_CLOSED)])
    store.append(reinstate("alice"))
    assert [(s.account, s.generation) for s in store.journal.open_cases()] == [
        ("bob", 1),
        ("alice", 2),
    ]


def test_the_newest_closing_is_found(store: LedgerStore) -> None:
    assert store.journal.last_closed("alice", 1) is None
    store.journal.record([event(CASE_CLOSED), event(CASE_OPENED), event(CASE_CLOSED)])
    closed = store.journal.last_closed("alice", 1)
    assert closed is not None
    assert closed.n == 3


def test_evidence_is_listed_oldest_first(store: LedgerStore) -> None:
    store.journal.record_evidence("alice", 1, "/e/1.json", "aa")
    store.journal.record_evidence("alice", 1, "/e/2.json", "bb")
    found = store.journal.evidence("alice", 1)
    assert [(f.path, f.digest, f.at) for f in found] == [
        ("/e/1.json", "aa", NOON),
        ("/e/2.json", "bb", NOON),
    ]
