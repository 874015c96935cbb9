# SPDX-License-Identifier: Apache-2.0
"""Orders as the ledger's tests give them."""

from __future__ import annotations

from datetime import UTC, datetime

from evict.core.revocation import Kind, Personal
from evict.ledger.order import LedgerOrder

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def noon() -> datetime:
    return NOON


def personal(account: str, reason: str = "left the company") -> Personal:
    return Personal(
        label=f"{account}@corp.test",
        forms=(account, f"corp\\{account}", f"{account}@corp.test"),
        actor="uid:0(root)",
        reason=reason,
        directory="directory",
        sam=account,
    )


def revoke(account: str, request: str | None = None, expected: int | None = None) -> LedgerOrder:
    return LedgerOrder(
        kind=Kind.REVOCATION,
        account=account,
        request=request or f"revoke {account}",
        personal=personal(account),
        expected_generation=expected,
    )


def reinstate(
    account: str,
    request: str | None = None,
    expected: int | None = None,
    tickets_dead_until: datetime | None = None,
) -> LedgerOrder:
    return LedgerOrder(
        kind=Kind.REINSTATEMENT,
        account=account,
        request=request or f"reinstate {account}",
        personal=personal(account, "came back"),
        expected_generation=expected,
        tickets_dead_until=tickets_dead_until,
    )
