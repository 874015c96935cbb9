# SPDX-License-Identifier: Apache-2.0
"""Whose turn it is to be looked at: everybody once in a period, evenly spread over it."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from evict.control.parts import Parts
from evict.core.revocation import Standing

_SLICE_S: Final = 10.0
_PLACES: Final = 1 << 32


async def go_round(parts: Parts, look: Callable[[str], None]) -> None:
    """Go round until cancelled.

    It begins where the clock stands in the period, so that whoever's place is late in it is
    looked at however often the service is started.
    """
    place: float | None = None
    while True:
        staying = parts.config.staying
        period_s = staying.every_minutes * 60.0
        place = time.time() / period_s % 1.0 if place is None else place
        step_s = min(_SLICE_S, period_s)
        share = step_s / period_s
        since = datetime.now(UTC) - timedelta(days=staying.days)
        chosen = parts.ledger.standings.values() if staying.days else ()
        accounts = due(chosen, since, place, place + share)
        for account in accounts:
            look(account)
            await asyncio.sleep(step_s / len(accounts))
        if not accounts:
            await asyncio.sleep(step_s)
        place = (place + share) % 1.0


def due(standings: Iterable[Standing], since: datetime, begin: float, end: float) -> list[str]:
    """Accounts that were revoked since, whose place lies here, in the order of their places."""
    places = sorted(
        (place_of(standing.account), standing.account)
        for standing in standings
        if standing.revoked and standing.since >= since
    )
    return [account for place, account in places if begin <= place < end or place < end - 1.0]


def place_of(account: str) -> float:
    """Where in the period an account is looked at: always the same, evenly spread."""
    digest = hashlib.blake2b(account.encode(), digest_size=4).digest()
    return int.from_bytes(digest) / _PLACES
