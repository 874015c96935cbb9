# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from evict.core.errors import LedgerDamaged, LedgerError, LedgerNotAdopted, UsageError
from evict.core.revocation import Kind
from evict.ledger.backup import OnlineBackup, adopt, backup, inspect, restore
from evict.ledger.store import LedgerStore
from tests.unit.ledger.made import revoke


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def copy(path: Path, tmp_path: Path) -> Path:
    """A backup of two entries; the ledger then has three."""
    with LedgerStore(path) as store:
        store.append_many([revoke("alice"), revoke("bob")])
        head = backup(store, tmp_path / "copy.db")
        assert head == store.head()
        store.append(revoke("carol"))
    return tmp_path / "copy.db"


def test_a_backup_is_one_verified_file(copy: Path) -> None:
    assert inspect(copy).seq == 2
    assert sorted(p.name for p in copy.parent.iterdir()) == [
        "copy.db",
        "ledger.db",
        "ledger.db-mark",
    ]
    assert copy.stat().st_mode & 0o777 == 0o600


def test_entries_appended_during_a_backup_are_in_it(path: Path, tmp_path: Path) -> None:
    with LedgerStore(path) as store:
        store.append_many([revoke(f"a{n}") for n in range(5000)])
        copy = OnlineBackup(store, tmp_path / "copy.db")
        assert not copy.step()
        store.append(revoke("late"))
        while not copy.step():
            pass
        assert copy.finish() == store.head()


def test_a_backup_overwrites_nothing(path: Path, copy: Path) -> None:
    with LedgerStore(path) as store, pytest.raises(UsageError, match="exists"):
        backup(store, copy)


def test_a_restored_ledger_is_refused_until_it_is_adopted(copy: Path, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere.db"
    assert restore(copy, target) is None
    with pytest.raises(LedgerNotAdopted, match="restored from a backup"):
        LedgerStore(target)
    entry = adopt(target, reason="the disk died", actor="uid:0(root)")
    assert (entry.body.kind, entry.body.epoch, entry.body.seq) == (Kind.ADOPTION, 2, 3)
    with LedgerStore(target) as store:
        assert store.head().epoch == 2
        assert sorted(store.standings()) == ["alice", "bob"]
        assert store.append(revoke("dave")).entry.body.epoch == 2
        note = store.personal(3)
        assert note is not None
        assert (note.reason, note.actor) == ("the disk died", "uid:0(root)")


def test_a_backup_put_in_place_with_cp_is_refused_too(copy: Path, path: Path) -> None:
    shutil.copy(copy, path)
    with pytest.raises(LedgerNotAdopted):
        LedgerStore(path)
    adopt(path, reason="I know", actor="me")
    with LedgerStore(path) as store:
        assert store.head().seq == 3


def test_nothing_is_appended_to_a_ledger_that_is_not_adopted(copy: Path) -> None:
    with LedgerStore(copy, unadopted=True) as store:
        assert sorted(store.standings()) == ["alice", "bob"]
        with pytest.raises(LedgerNotAdopted):
            store.append(revoke("dave"))
        with pytest.raises(LedgerNotAdopted):
            store.erase("alice")


def test_a_ledger_is_replaced_only_when_told_and_then_kept_beside(path: Path, copy: Path) -> None:
    with pytest.raises(UsageError, match="with --replace it is kept"):
        restore(copy, path)
    kept = restore(copy, path, replace=True)
    assert kept is not None
    with LedgerStore(kept) as store:
        assert sorted(store.standings()) == ["alice", "bob", "carol"]
    adopt(path, reason="test", actor="me")
    with LedgerStore(path) as store:
        assert sorted(store.standings()) == ["alice", "bob"]


def test_a_damaged_ledger_can_be_replaced(path: Path, copy: Path) -> None:
    path.write_bytes(b"\xff" * 8192)
    kept = restore(copy, path, replace=True)
    assert kept is not None
    assert kept.read_bytes() == b"\xff" * 8192


def test_a_ledger_in_use_is_not_replaced(path: Path, copy: Path) -> None:
    with LedgerStore(path) as store:
        with pytest.raises(LedgerError, match="open in another process"):
            restore(copy, path, replace=True)
        assert store.append(revoke("dave")).entry.body.seq == 4
    assert sorted(p.name for p in path.parent.iterdir()) == [
        "copy.db",
        "ledger.db",
        "ledger.db-mark",
    ]


def test_a_damaged_backup_is_not_restored(copy: Path, tmp_path: Path) -> None:
    content = bytearray(copy.read_bytes())
    at = content.index(b"alice@corp.test")
    content[at] ^= 1
    copy.write_bytes(content)
    with pytest.raises(LedgerDamaged, match="at entry 1"):
        restore(copy, tmp_path / "elsewhere.db")
    with pytest.raises(LedgerDamaged):
        restore(tmp_path / "nothing", tmp_path / "elsewhere.db")
    assert not (tmp_path / "elsewhere.db").exists()


def test_an_adoption_is_on_purpose(path: Path, copy: Path) -> None:
    with pytest.raises(UsageError, match="needs no adoption"):
        adopt(path, reason="why not", actor="me")
    with pytest.raises(UsageError, match="reason"):
        adopt(copy, reason=" ", actor="me")
