# SPDX-License-Identifier: Apache-2.0
"""What is asked of the ledger, and what came of it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from evict.core.errors import UsageError
from evict.core.revocation import Entry, Kind, Personal


class LedgerOrder(Struct, frozen=True, kw_only=True):
    """One revocation or reinstatement to append; adoptions go through `backup.adopt`.

    Attributes:
        account: immutable id.
        request: id given by the caller; the same one appends once, however often it is sent.
        personal: names and reason; its forms are what the hooks will refuse.
        expected_generation: compare-and-set: the account's newest generation as the caller saw
            it, 0 where it had none; None: whatever it is.
        hold_queue, allow_bounce: revocations only.
        tickets_dead_until: reinstatements only.
        widen: revocations: where the account stands revoked already, append again all the same,
            under the same generation: it has names that the standing entry does not refuse.
    """

    kind: Kind
    account: str
    request: str
    personal: Personal
    expected_generation: int | None = None
    hold_queue: bool = False
    allow_bounce: bool = False
    tickets_dead_until: datetime | None = None
    widen: bool = False


class How(StrEnum):
    """What an order led to."""

    STORED = "stored"
    """A new entry is durable."""
    REPEATED = "repeated"
    """This request had been stored before; its entry is given again."""
    STANDING = "standing"
    """The account stands so already, by the entry given; nothing was appended, and the request's
    id is not remembered."""


class Receipt(Struct, frozen=True, kw_only=True):
    how: How
    entry: Entry


def refuse_senseless(order: LedgerOrder) -> None:
    """Raise `UsageError` where an order cannot be meant."""
    if order.kind is Kind.ADOPTION:
        raise UsageError("an adoption is not an order for an account")
    if not order.account or not order.request:
        raise UsageError("an order names an account and carries a request id")
    if order.widen and order.kind is not Kind.REVOCATION:
        raise UsageError("only a revocation is widened")
    if order.kind is Kind.REVOCATION and not order.personal.forms:
        raise UsageError("a revocation carries at least one login form for the hooks to refuse")
    until = order.tickets_dead_until
    if until is not None and (order.kind is not Kind.REINSTATEMENT or until.utcoffset() is None):
        raise UsageError("only a reinstatement says until when tickets are dead, with a time zone")


def refuse_other_content(order: LedgerOrder, entry: Entry) -> None:
    """Raise `UsageError` where the entry of this request id was another order.

    Where the personal part was erased, only the rest can be compared.
    """
    body = entry.body
    same = (
        (body.kind, body.account, body.hold_queue, body.tickets_dead_until)
        == (order.kind, order.account, order.hold_queue, order.tickets_dead_until)
        and (body.allow_bounce is True) == order.allow_bounce
    ) and entry.personal in (None, order.personal)
    if not same:
        raise UsageError(
            f"request {order.request} was stored as entry {body.seq} with other content"
        )
