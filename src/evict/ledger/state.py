# SPDX-License-Identifier: Apache-2.0
"""The ledger's fold in memory, and the draft of what a transaction would add to it.

Pure. The fold changes by `State.accept` alone, and only after the draft's rows are durable.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from msgspec import UNSET, Struct

from evict.core.errors import LedgerConflict, UsageError
from evict.core.revocation import Body, Entry, Kind, Personal, Standing, fold
from evict.ledger.chain import (
    Verifier,
    commitment,
    damaged,
    encode_body,
    encode_personal,
    entry_hash,
)
from evict.ledger.order import How, LedgerOrder, refuse_senseless


class Head(Struct, frozen=True, kw_only=True):
    """The newest entry; seq 0 and 32 zero bytes where there is none yet."""

    ledger: str
    epoch: int
    seq: int
    hash: bytes


class State:
    """Everything decided from memory: standings, request ids, the chain's head.

    Attributes:
        head: replaced as a whole, so that other threads may read it.
    """

    def __init__(self, ledger: str) -> None:
        self._chain = Verifier(ledger)
        self.head = self._newest()
        self._standings: dict[str, Standing] = {}
        self._requests: dict[str, int] = {}

    @property
    def standings(self) -> dict[str, Standing]:
        return self._standings

    def request(self, request: str) -> int | None:
        """The sequence number that this request was stored under."""
        return self._requests.get(request)

    def load(self, *, raw: bytes, digest: bytes) -> Body:
        """Take an entry that was read from the disk. Raises `LedgerDamaged`."""
        body = self._chain.extend(raw=raw, prev=self._chain.hash, digest=digest)
        if body.request in self._requests:
            raise damaged(body.seq, f"its request stands at {self._requests[body.request]} too")
        self._take(body)
        self.head = self._newest()
        return body

    def accept(self, draft: Draft) -> None:
        """Take over what is durable now."""
        for row in draft.rows:
            self._chain.advance(row.entry.body, row.entry.hash)
            self._take(row.entry.body)
        self.head = self._newest()

    def _newest(self) -> Head:
        chain = self._chain
        return Head(ledger=chain.ledger, epoch=chain.epoch, seq=chain.seq, hash=chain.hash)

    def _take(self, body: Body) -> None:
        self._requests[body.request] = body.seq
        self._standings.update(fold((body,)))


class Row(Struct, frozen=True):
    """An entry with what is stored beside it."""

    entry: Entry
    salt: bytes
    content: bytes


class Draft:
    """Entries that a transaction is about to store, checked against each other and the fold.

    Args:
        salt: gives 32 fresh random bytes.
    """

    def __init__(self, state: State, *, at: datetime, salt: Callable[[], bytes]) -> None:
        self.rows: list[Row] = []
        self._state = state
        self._head = state.head
        self._at = at.astimezone(UTC)
        self._salt = salt
        self._standings: dict[str, Standing] = {}
        self._requests: dict[str, int] = {}

    def place(self, order: LedgerOrder) -> tuple[How, int]:
        """Draft an order, or find the entry that makes it needless: how, and which number.

        Raises:
            UsageError: it makes no sense, or reinstates an account that was never revoked.
            LedgerConflict: the account's generation is not the expected one.
        """
        refuse_senseless(order)
        known = self._requests.get(order.request) or self._state.request(order.request)
        if known is not None:
            return How.REPEATED, known
        standing = self._standings.get(order.account) or self._state.standings.get(order.account)
        generation = standing.generation if standing else 0
        if order.expected_generation not in (None, generation):
            raise LedgerConflict(
                f"account {order.account} is at generation {generation} by now,"
                f" not at {order.expected_generation}: look again",
                account=order.account,
            )
        revokes = order.kind is Kind.REVOCATION
        if standing is not None and standing.revoked is revokes:
            if not order.widen:
                return How.STANDING, standing.seq
            self._add(order, generation)
            return How.STORED, self._head.seq
        if standing is None and not revokes:
            raise UsageError(f"account {order.account} was never revoked: nothing to reinstate")
        self._add(order, generation + 1)
        return How.STORED, self._head.seq

    def adopt(self, request: str, personal: Personal) -> None:
        """Draft the entry with which a new epoch begins."""
        self._add(
            LedgerOrder(kind=Kind.ADOPTION, account="", request=request, personal=personal), 0
        )

    def _add(self, order: LedgerOrder, generation: int) -> None:
        until = order.tickets_dead_until
        head, salt, content = self._head, self._salt(), encode_personal(order.personal)
        body = Body(
            ledger=head.ledger,
            epoch=head.epoch + (order.kind is Kind.ADOPTION),
            seq=head.seq + 1,
            kind=order.kind,
            at=self._at,
            account=order.account,
            generation=generation,
            request=order.request,
            personal=commitment(salt, content),
            hold_queue=order.hold_queue,
            allow_bounce=True if order.allow_bounce else UNSET,
            tickets_dead_until=until and until.astimezone(UTC),
        )
        raw = encode_body(body)
        digest = entry_hash(head.hash, raw)
        entry = Entry(body=body, raw=raw, prev=head.hash, hash=digest, personal=order.personal)
        self.rows.append(Row(entry, salt, content))
        self._head = Head(ledger=head.ledger, epoch=body.epoch, seq=body.seq, hash=digest)
        self._requests[order.request] = body.seq
        self._standings.update(fold((body,)))
