# SPDX-License-Identifier: Apache-2.0
"""What an order came to, as whoever gave it is told: events, and the worst exit code of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from evict.control.guard.demand import Admission
from evict.control.guard.held import Held
from evict.control.progress import Committed, HeldAccount, HeldBack, Refused
from evict.core.account import Account
from evict.core.errors import EvictError, ExitCode, GuardRefused
from evict.ledger.order import How, Receipt


def held_back(things: Sequence[Held], *, approvers: int) -> HeldBack:
    """The event for things that are held for one reason."""
    return HeldBack(
        accounts=tuple(
            HeldAccount(held=h.id, account=h.account.id, label=h.account.upn) for h in things
        ),
        why=things[0].why,
        approvers=approvers,
    )


def refused_as(account: Account, error: EvictError) -> Refused:
    return Refused(name=account.upn, code=error.code, exit_code=error.exit_code, text=error.text)


def committed(account: Account, receipt: Receipt) -> Committed:
    body = receipt.entry.body
    return Committed(
        account=account.id,
        label=account.upn,
        generation=body.generation,
        seq=body.seq,
        at=body.at,
        already=receipt.how is not How.STORED,
    )


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """1 before 3 before 4; then whatever else is not 0."""
    said = set(codes)
    for code in (ExitCode.FAILED, ExitCode.DOOR_OPEN, ExitCode.NOT_PROVEN):
        if code in said:
            return code
    return next(iter(sorted(said - {ExitCode.OK})), ExitCode.OK)


def refusals(admission: Admission) -> list[Refused]:
    return [refused_as(account, GuardRefused(text)) for account, text in admission.refused]


def held_of(admission: Admission, *, approvers: int) -> list[HeldBack]:
    """One event for each reason."""
    groups: dict[str, list[Held]] = {}
    for held in admission.held:
        groups.setdefault(held.why, []).append(held)
    return [held_back(things, approvers=approvers) for things in groups.values()]
