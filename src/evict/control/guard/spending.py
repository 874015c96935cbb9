# SPDX-License-Identifier: Apache-2.0
"""The allowance as it is kept: in the ledger's file, so that no restart opens it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final

from evict.config.guard import GuardSection
from evict.core.allowance import Limits, Moment, Shares, Spent, counts, share, spend
from evict.ledger.service import Ledger

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")

Clock = Callable[[], Moment]


@cache
def _boot() -> str:
    return _BOOT_ID.read_text("ascii").strip()


def moment() -> Moment:
    """Now, by the clock that can be set and by the one that cannot (clock_gettime(2))."""
    up = time.clock_gettime(time.CLOCK_BOOTTIME)
    return Moment(boot=_boot(), up=up, at=datetime.now(UTC))


class Spending:
    """What every source closed within the hour; decided in memory, kept before anything is done."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._shelf = ledger.shelf("spent", Spent)
        self._clock = clock
        self._spent: dict[tuple[str, str], Spent] = {}

    async def load(self) -> None:
        """Raises `LedgerDamaged`."""
        found = await self._shelf.all()
        self._spent = {(one.source, one.account): one for one in found.values()}

    def share(
        self, accounts: Sequence[str], *, source: str, single: bool, guard: GuardSection
    ) -> Shares:
        """Which of them pass; takes nothing yet."""
        return share(
            accounts,
            source=source,
            single=single,
            spent=self._spent.values(),
            limits=limits(guard),
            now=self._clock(),
        )

    def take(
        self, passed: Sequence[str], *, source: str, single: bool
    ) -> tuple[dict[tuple[str, str], Spent], list[tuple[str, str]]]:
        """Count them from this moment on; returns what has to be kept, and what may be forgotten.

        What cannot be kept then counts all the same until the next restart.
        """
        now = self._clock()
        old = [key for key, one in self._spent.items() if not counts(one, now)]
        for key in old:
            del self._spent[key]
        made = spend(passed, source=source, single=single, spent=self._spent, now=now)
        self._spent.update(made)
        return made, [key for key in old if key not in made]

    async def keep(
        self, made: dict[tuple[str, str], Spent], old: Sequence[tuple[str, str]]
    ) -> None:
        """Raises `LedgerFull`."""
        if made or old:
            await self._shelf.change(
                {_id(key): one for key, one in made.items()}, [_id(key) for key in old]
            )


def limits(guard: GuardSection) -> Limits:
    return Limits(
        an_hour=guard.an_hour,
        a_minute=guard.a_minute,
        all_sources_an_hour=guard.all_sources_an_hour,
        singles_an_hour=guard.singles_an_hour,
    )


def _id(key: tuple[str, str]) -> str:
    source, account = key
    return f"{account} {source}"
