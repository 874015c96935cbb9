# SPDX-License-Identifier: Apache-2.0
"""The store against a model that is a dictionary."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from evict.core.errors import LedgerConflict, UsageError
from evict.core.revocation import fold
from evict.ledger.chain import Verifier
from evict.ledger.order import How, LedgerOrder
from evict.ledger.store import LedgerStore
from tests.unit.ledger.made import reinstate, revoke

ACCOUNTS = st.sampled_from(["alice", "bob", "carol"])
REQUESTS = st.integers(0, 12).map(str)
GENERATIONS = st.none() | st.integers(0, 4)
ORDERS = st.builds(
    lambda make, account, request, expected: make(account, request, expected),
    st.sampled_from([revoke, reinstate]),
    ACCOUNTS,
    REQUESTS,
    GENERATIONS,
)


class Model:
    """Generation of each account, and what each request had asked for."""

    def __init__(self) -> None:
        self.generations: dict[str, int] = {}
        self.requests: dict[str, tuple[str, str]] = {}
        self.entries = 0

    def copy(self) -> Model:
        other = Model()
        other.generations = dict(self.generations)
        other.requests = dict(self.requests)
        other.entries = self.entries
        return other

    def append(self, order: LedgerOrder) -> How | type[Exception]:
        content = (str(order.kind), order.account)
        if order.request in self.requests:
            return How.REPEATED if self.requests[order.request] == content else UsageError
        generation = self.generations.get(order.account, 0)
        if order.expected_generation not in (None, generation):
            return LedgerConflict
        revoked = generation % 2 == 1
        if revoked == (content[0] == "revocation"):
            return How.STANDING if generation else UsageError
        self.generations[order.account] = generation + 1
        self.requests[order.request] = content
        self.entries += 1
        return How.STORED


class LedgerMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="ledger-machine-"))
        self.path = self.folder / "ledger.db"
        self.store = LedgerStore(self.path)
        self.model = Model()
        self.erased: set[str] = set()

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    @rule(orders=st.lists(ORDERS, min_size=1, max_size=4))
    def append(self, orders: list[LedgerOrder]) -> None:
        after = self.model.copy()
        expected = [after.append(order) for order in orders]
        refusal = next((e for e in expected if isinstance(e, type)), None)
        if refusal is None:
            receipts = self.store.append_many(orders)
            assert [r.how for r in receipts] == expected
            for order, receipt in zip(orders, receipts, strict=True):
                assert receipt.entry.body.account == order.account
                assert receipt.entry.body.kind is order.kind
            self.model = after
        else:
            try:
                self.store.append_many(orders)
            except (UsageError, LedgerConflict):
                return
            raise AssertionError(f"{refusal} was to be raised")

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.store = LedgerStore(self.path)

    @rule()
    def checkpoint(self) -> None:
        assert self.store.database.checkpoint()

    @rule(account=ACCOUNTS)
    def erase(self, account: str) -> None:
        generation = self.model.generations.get(account, 0)
        if generation == 0 or generation % 2:
            try:
                self.store.erase(account)
            except UsageError:
                return
            raise AssertionError("a revocation in force was erased")
        self.store.erase(account)
        assert all(
            e.personal is None for e in self.store.entries_since(0) if e.body.account == account
        )

    @invariant()
    def standings_are_the_models(self) -> None:
        standings = self.store.standings()
        assert {a: s.generation for a, s in standings.items()} == self.model.generations
        assert all(s.revoked is (s.generation % 2 == 1) for s in standings.values())
        assert self.store.head().seq == self.model.entries

    @invariant()
    def the_chain_verifies_and_folds_to_the_standings(self) -> None:
        verifier = Verifier(self.store.head().ledger)
        bodies = [
            verifier.extend(raw=e.raw, prev=e.prev, digest=e.hash)
            for e in self.store.entries_since(0)
        ]
        assert fold(bodies) == self.store.standings()
        assert (verifier.seq, verifier.hash) == (self.store.head().seq, self.store.head().hash)


LedgerMachine.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestLedgerMachine = LedgerMachine.TestCase
