# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from evict.core.errors import UsageError
from evict.core.measure import BeforeImage
from evict.ledger.journal import KeptImage
from evict.ledger.order import How
from evict.ledger.store import LedgerStore
from tests.unit.ledger.made import NOON, noon, personal, reinstate, revoke


def bytes_on_disk(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


def test_nothing_of_an_erased_name_is_left_on_the_disk(tmp_path: Path) -> None:
    image = BeforeImage(
        measure="m", system="s", target="t", before={"mail": "zoe@corp.test"}, after={}
    )
    path = tmp_path / "ledger.db"
    with LedgerStore(path) as store:
        store.append_many([revoke("guid-1"), revoke("guid-2")])
        order = revoke("guid-zoe-id", "r1")
        store.append(order)
        store.journal.record([], [KeptImage(account="guid-zoe-id", generation=1, image=image)])
        store.append(reinstate("guid-zoe-id", "r2"))
        assert b"guid-zoe-id@corp.test" in bytes_on_disk(tmp_path)
        assert store.erase("guid-zoe-id") == 2
        assert store.personal(3) is None
        assert store.personal(1) == personal("guid-1")
        assert store.journal.images("guid-zoe-id", 1) == []
        left = bytes_on_disk(tmp_path)
        assert b"guid-zoe-id@corp.test" not in left
        assert b"zoe@corp.test" not in left
        assert b"guid-1@corp.test" in left


def test_the_chain_verifies_after_an_erasure(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with LedgerStore(path) as store:
        store.append_many([revoke("alice", "r1"), revoke("bob", "r2")])
        store.append(reinstate("alice", "r3"))
        before = (store.standings(), store.head())
        store.erase("alice")
    with LedgerStore(path) as store:
        assert (store.standings(), store.head()) == before
        assert store.append(revoke("alice", "r1")).how is How.REPEATED
        assert store.append(revoke("alice", "r4")).entry.body.generation == 3


def test_the_forms_of_a_revocation_in_force_are_not_erased(tmp_path: Path) -> None:
    with LedgerStore(tmp_path / "ledger.db") as store:
        store.append(revoke("alice"))
        with pytest.raises(UsageError, match="is revoked"):
            store.erase("alice")
        with pytest.raises(UsageError, match="never heard"):
            store.erase("bob")
        assert store.personal(1) == personal("alice")


def test_forms_by_which_tickets_are_refused_stay_until_then(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    until = NOON + timedelta(hours=10)
    with LedgerStore(path, now=noon) as store:
        store.append(revoke("alice"))
        store.append(reinstate("alice", tickets_dead_until=until))
        with pytest.raises(UsageError, match="tickets"):
            store.erase("alice")
    with LedgerStore(path, now=lambda: until) as store:
        assert store.erase("alice") == 2
