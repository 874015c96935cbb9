# SPDX-License-Identifier: Apache-2.0
"""Acknowledged means synced: counted, and tried on a disk that forgets the rest."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from evict.core.errors import LedgerDamaged
from evict.ledger.mark import mark_path
from evict.ledger.store import LedgerStore
from tests.fault.ledger.disk import Disk, plugged_in
from tests.unit.ledger.made import reinstate, revoke


def syncs_of_ten_appends(disk: Disk, path: Path, synchronous: str) -> int:
    with LedgerStore(path) as store:
        store.database.connection.pragma("synchronous", synchronous)
        store.append(revoke("first"))
        before = disk.syncs
        for number in range(10):
            store.append(revoke(f"a{number}"))
        return disk.syncs - before


def test_each_append_is_synced_once_and_no_more(tmp_path: Path) -> None:
    with plugged_in() as disk:
        assert syncs_of_ten_appends(disk, tmp_path / "ledger.db", "FULL") == 10


def test_the_count_tells_when_appends_are_not_synced(tmp_path: Path) -> None:
    """The twin."""
    with plugged_in() as disk:
        assert syncs_of_ten_appends(disk, tmp_path / "ledger.db", "NORMAL") == 0


def test_the_store_asks_for_full_syncs(tmp_path: Path) -> None:
    with LedgerStore(tmp_path / "ledger.db") as store:
        assert store.database.connection.pragma("synchronous") == 2
        assert store.database.connection.pragma("journal_mode") == "wal"
        assert store.database.connection.pragma("locking_mode") == "exclusive"


def lost_after_cuts(tmp_path: Path, synchronous: str) -> int:
    """Append 40 entries, cut the power after each acknowledgement, count what is gone."""
    lost = 0
    with plugged_in() as disk, LedgerStore(tmp_path / "ledger.db") as store:
        store.append(revoke("first"))
        store.database.checkpoint()
        store.database.connection.pragma("synchronous", synchronous)
        for number in range(40):
            entry = store.append(revoke(f"a{number}")).entry
            if number % 10 == 5:
                store.database.checkpoint()
            left = disk.cut_power(tmp_path / f"cut-{number}")
            shutil.copy(mark_path(store.path), mark_path(left))
            lost += not holds(left, entry.body.seq, entry.hash)
    return lost


def holds(left: Path, seq: int, digest: bytes) -> bool:
    try:
        with LedgerStore(left, create=False) as store:
            return store.hash_at(seq) == digest
    except LedgerDamaged:
        return False


def test_no_acknowledged_entry_is_lost_in_a_power_cut(tmp_path: Path) -> None:
    assert lost_after_cuts(tmp_path, "FULL") == 0


def test_the_cut_does_lose_entries_that_were_not_synced(tmp_path: Path) -> None:
    """The twin."""
    assert lost_after_cuts(tmp_path, "NORMAL") > 20


@pytest.mark.parametrize("acknowledge_first", [False, True])
def test_a_cut_at_any_write_leaves_a_batch_whole_or_absent(
    tmp_path: Path, *, acknowledge_first: bool
) -> None:
    """A batch of three: at each call to the disk, what a cut there leaves is all or nothing.

    The twin stores the orders one by one, and is found out.
    """
    orders = [revoke("alice"), revoke("bob"), reinstate("bob")]
    with plugged_in() as disk, LedgerStore(tmp_path / "ledger.db") as store:
        cuts: list[dict[str, bytes]] = []
        strike = disk.strike

        def record() -> None:
            cuts.append(dict(disk.durable))
            strike()

        disk.strike = record  # type: ignore[method-assign]
        if acknowledge_first:
            for order in orders:
                store.append(order)
        else:
            store.append_many(orders)
        cuts.append(dict(disk.durable))
    lengths = set()
    for number, durable in enumerate(cuts):
        disk.durable = durable
        with LedgerStore(disk.cut_power(tmp_path / f"cut-{number}")) as left:
            lengths.add(left.head().seq)
    assert (lengths == {0, 3}) is not acknowledge_first
