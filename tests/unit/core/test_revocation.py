# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from evict.core.revocation import Body, Kind, fold

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def body(seq: int, kind: Kind, account: str = "a", generation: int = 0) -> Body:
    return Body(
        ledger="l",
        epoch=1,
        seq=seq,
        kind=kind,
        at=T0 + timedelta(seconds=seq),
        account=account,
        generation=generation,
        request=f"r{seq}",
    )


def test_nobody_stands_in_an_empty_ledger() -> None:
    assert fold([]) == {}


def test_the_newest_entry_of_an_account_decides() -> None:
    entries = [
        body(1, Kind.REVOCATION, generation=1),
        body(2, Kind.REVOCATION, "b", 1),
        body(3, Kind.REINSTATEMENT, generation=2),
    ]
    standing = fold(entries)
    assert not standing["a"].revoked
    assert (standing["a"].generation, standing["a"].seq) == (2, 3)
    assert standing["a"].since == T0 + timedelta(seconds=3)
    assert standing["b"].revoked


def test_an_adoption_changes_nobodys_standing() -> None:
    before = [body(1, Kind.REVOCATION, generation=1)]
    assert fold([*before, body(2, Kind.ADOPTION, "")]) == fold(before)


def test_a_reinstatement_keeps_until_when_old_tickets_are_dead() -> None:
    until = T0 + timedelta(hours=10)
    entry = msgspec.structs.replace(
        body(2, Kind.REINSTATEMENT, generation=2), tickets_dead_until=until
    )
    assert fold([body(1, Kind.REVOCATION, generation=1), entry])["a"].tickets_dead_until == until
