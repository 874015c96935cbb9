# SPDX-License-Identifier: Apache-2.0
"""A name that was added to a revoked account is refused as well."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from evict.agent.replica import Replica
from evict.core.errors import UsageError
from evict.ledger.feed import Entries
from evict.ledger.order import How, LedgerOrder
from evict.ledger.store import LedgerStore
from tests.unit.ledger.made import noon, reinstate, revoke


def wider(request: str, *more: str) -> LedgerOrder:
    order = revoke("alice", request)
    forms = (*order.personal.forms, *more)
    return structs.replace(order, widen=True, personal=structs.replace(order.personal, forms=forms))


@pytest.fixture
def store(tmp_path: Path) -> LedgerStore:
    return LedgerStore(tmp_path / "ledger.db", now=noon)


def replica_of(store: LedgerStore) -> Replica:
    replica = Replica()
    replica.apply(Entries(entries=tuple(store.wire_since(0)), whole=True, caught_up=True))
    return replica


def test_a_wider_entry_is_stored_under_the_same_generation(store: LedgerStore) -> None:
    first = store.append(revoke("alice"))
    second = store.append(wider("w1", "ali@corp.test"))
    assert (second.how, second.entry.body.seq) == (How.STORED, 2)
    assert second.entry.body.generation == first.entry.body.generation
    assert store.append(wider("w1", "ali@corp.test")).how is How.REPEATED
    store.close()
    with LedgerStore(store.path) as again:
        standing = again.standing("alice")
        assert standing is not None
        assert (standing.seq, standing.generation, standing.revoked) == (2, 1, True)


def test_the_replica_refuses_the_new_name_and_the_old_ones(store: LedgerStore) -> None:
    store.append(revoke("alice"))
    assert replica_of(store).decide(b"ali@corp.test") is True
    store.append(wider("w1", "ali@corp.test"))
    replica = replica_of(store)
    assert replica.decide(b"ali@corp.test") is False
    assert replica.decide(b"alice") is False
    store.append(reinstate("alice"))
    opened = replica_of(store)
    assert opened.decide(b"ali@corp.test") is True
    assert opened.decide(b"alice") is True


def test_without_the_wish_a_second_revocation_adds_no_name(store: LedgerStore) -> None:
    """The twin: it is `widen` that adds."""
    store.append(revoke("alice"))
    order = structs.replace(wider("w1", "ali@corp.test"), widen=False)
    assert store.append(order).how is How.STANDING
    assert replica_of(store).decide(b"ali@corp.test") is True


def test_the_first_revocation_may_be_a_wide_one(store: LedgerStore) -> None:
    assert store.append(wider("w1")).entry.body.generation == 1


def test_only_a_revocation_is_widened(store: LedgerStore) -> None:
    store.append(revoke("alice"))
    with pytest.raises(UsageError, match="only a revocation is widened"):
        store.append(structs.replace(reinstate("alice"), widen=True))
