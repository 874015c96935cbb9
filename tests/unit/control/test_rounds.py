# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import UTC, datetime, timedelta

from msgspec import structs

from evict.control.staying.rounds import due
from evict.core.revocation import Standing

NOW = datetime(2026, 11, 24, tzinfo=UTC)
SINCE = NOW - timedelta(days=90)
ONE = Standing(account="1", revoked=True, generation=1, since=NOW, seq=1)


def test_a_round_looks_at_everybody_once_and_never_at_many_at_once() -> None:
    crowd = [structs.replace(ONE, account=f"account-{n}") for n in range(1000)]
    others = [
        structs.replace(ONE, account="old", since=SINCE - timedelta(seconds=1)),
        structs.replace(ONE, account="back", revoked=False),
    ]
    slices = [due([*crowd, *others], SINCE, n / 360, (n + 1) / 360) for n in range(360)]
    everybody = [account for part in slices for account in part]
    assert sorted(everybody) == sorted(standing.account for standing in crowd)
    assert max(map(len, slices)) < 15


def test_the_last_slice_goes_over_the_end() -> None:
    crowd = [structs.replace(ONE, account=f"account-{n}") for n in range(1000)]
    over = due(crowd, SINCE, 0.95, 1.05)
    assert set(over) == {*due(crowd, SINCE, 0.95, 1.0), *due(crowd, SINCE, 0.0, 0.05)}
