# SPDX-License-Identifier: Apache-2.0
"""Writes and syncs that fail, at every place where they can."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from evict.core.errors import LedgerFull
from evict.core.revocation import Entry
from evict.ledger.order import How
from evict.ledger.state import Draft
from evict.ledger.store import LedgerStore
from tests.fault.ledger.disk import Disk, plugged_in
from tests.unit.ledger.made import revoke

ERRORS = [apsw.FullError, apsw.IOError]


class HastyStore(LedgerStore):
    """The sabotaged one: takes its draft for stored before the disk has said so."""

    def _store(self, draft: Draft) -> None:
        self._state.accept(draft)
        with self.database.writing() as connection:
            connection.execute("INSERT INTO entries VALUES (2, x'00', x'00')")


def changes_something(path: Path, kind: type[LedgerStore], error: type[apsw.Error]) -> bool:
    """Whether an append that fails shows in what the store says."""
    with plugged_in() as disk, kind(path) as store:
        before = store.head()
        disk.break_from_now_on(error)
        with pytest.raises(LedgerFull):
            store.append(revoke("bob"))
        changed = store.head() != before or store.standing("bob") is not None
        disk.mend()
    return changed


@pytest.mark.parametrize("error", ERRORS)
def test_the_fold_changes_only_after_the_commit(tmp_path: Path, error: type[apsw.Error]) -> None:
    assert not changes_something(tmp_path / "sound.db", LedgerStore, error)
    assert changes_something(tmp_path / "hasty.db", HastyStore, error)


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("failing_calls", [1, 2, 10**9])
def test_a_failed_append_changes_nothing_and_a_later_one_works(
    tmp_path: Path, error: type[apsw.Error], failing_calls: int
) -> None:
    path = tmp_path / "ledger.db"
    with plugged_in() as disk, LedgerStore(path) as store:
        store.append(revoke("alice"))
        before = (store.head(), dict(store.standings()), store.entries_since(0))
        told: list[Entry] = []
        store.on_stored = told.extend
        disk.break_from_now_on(error, failing_calls)
        with pytest.raises(LedgerFull):
            store.append_many([revoke("bob"), revoke("carol")])
        assert (store.head(), store.standings()) == before[:2]
        assert told == []
        disk.mend()
        receipts = store.append_many([revoke("bob"), revoke("carol")])
        assert [r.how for r in receipts] == [How.STORED, How.STORED]
        assert told == [r.entry for r in receipts]
        assert store.entries_since(0)[:1] == before[2]
    with LedgerStore(path) as store:
        assert [e.body.account for e in store.entries_since(0)] == ["alice", "bob", "carol"]


def calls_of_one_append(tmp_path: Path) -> int:
    with plugged_in() as disk, LedgerStore(tmp_path / "counted.db") as store:
        store.append(revoke("alice"))
        before = disk.calls
        store.append(revoke("bob"))
        return disk.calls - before


@pytest.mark.parametrize("error", ERRORS)
def test_whichever_call_fails_what_is_said_is_what_is_stored(
    tmp_path: Path, error: type[apsw.Error]
) -> None:
    """Each write and sync of an append fails in its turn, once, and for good."""
    for call in range(calls_of_one_append(tmp_path)):
        for failing_calls in (1, 10**9):
            path = tmp_path / f"ledger-{call}-{failing_calls}.db"
            with plugged_in() as disk:
                said = append_with_a_failure(disk, path, error, call, failing_calls)
            with LedgerStore(path) as store:
                accounts = [e.body.account for e in store.entries_since(0)]
                again = store.append(revoke("bob"))
            if said:
                assert accounts == ["alice", "bob"]
                assert again.how is How.REPEATED
            assert again.entry.body.seq == 2


def append_with_a_failure(
    disk: Disk, path: Path, error: type[apsw.Error], call: int, failing_calls: int
) -> bool:
    """Whether the append of bob's revocation was acknowledged."""
    store = LedgerStore(path)
    store.append(revoke("alice"))
    disk.fail_at, disk.error = disk.calls + 1 + call, error
    disk.failing_calls = failing_calls
    try:
        store.append(revoke("bob"))
    except LedgerFull:
        said = False
        assert store.standing("bob") is None
    else:
        said = True
        assert store.standing("bob") is not None
    store.close()
    return said


def test_a_sync_that_failed_is_never_retried_as_a_success(tmp_path: Path) -> None:
    """After a failed fdatasync the kernel may call the pages clean: only a new write counts."""
    with plugged_in() as disk, LedgerStore(tmp_path / "ledger.db") as store:
        store.append(revoke("alice"))
        calls = calls_before_the_sync(disk, store)
        disk.fail_at, disk.error, disk.failing_calls = disk.calls + 1 + calls, apsw.IOError, 1
        try:
            entry: Entry | None = store.append(revoke("carol")).entry
        except LedgerFull:
            entry = None
        left = disk.cut_power(tmp_path / "cut")
        with LedgerStore(left) as after:
            durable = after.standing("carol") is not None
    assert durable is (entry is not None)


def calls_before_the_sync(disk: Disk, store: LedgerStore) -> int:
    before = disk.writes
    store.append(revoke("bob"))
    return disk.writes - before


def test_reading_goes_on_while_the_disk_is_full(tmp_path: Path) -> None:
    with plugged_in() as disk, LedgerStore(tmp_path / "ledger.db") as store:
        receipt = store.append(revoke("alice"))
        disk.break_from_now_on(apsw.FullError)
        for _ in range(3):
            with pytest.raises(LedgerFull):
                store.append(revoke("bob"))
        assert store.entries_since(0) == [receipt.entry]
        assert store.standing("alice") is not None
        disk.mend()


LIMITED = """
import resource, sys
from pathlib import Path
from evict.core.errors import LedgerFull
from evict.ledger.store import LedgerStore
from tests.unit.ledger.made import revoke
store = LedgerStore(Path(sys.argv[1]))
store.append(revoke("alice"))
limit = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    store.append_many([revoke(f"many {n}") for n in range(20000)])
except LedgerFull as error:
    print("full", store.head().seq, len(store.standings()), len(store.entries_since(0)))
else:
    print("stored", store.head().seq)
print(store.append(revoke("bob")).how)
store.close()
"""


@pytest.mark.parametrize(
    ("limit", "told"),
    [(5 * 1024 * 1024, ["full 1 1 1", "stored"]), (resource.RLIM_INFINITY, None)],
)
def test_the_kernel_refuses_to_let_the_file_grow(
    tmp_path: Path, limit: int, told: list[str] | None
) -> None:
    """A limit of the operating system in the place of a full disk; the twin has none."""
    path = tmp_path / "ledger.db"
    command = [sys.executable, "-c", LIMITED, str(path), str(limit)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert done.stdout.splitlines() == (told or ["stored 20001", "stored"]), done.stderr
    with LedgerStore(path) as store:
        assert store.head().seq == (2 if told else 20002)
