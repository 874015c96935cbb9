# SPDX-License-Identifier: Apache-2.0
"""What is asked of the guard, and what it says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from evict.control.guard.held import Held
from evict.core.access import Asker
from evict.core.account import Account

MOST_NAMED: Final = 500
"""Accounts in one record of the audit log."""


class Demand(Struct, frozen=True, kw_only=True):
    """Who asks for a closing, and in which words.

    Attributes:
        single: the order names one account, and a person or a token gave it.
        counted: its allowance was asked for before.
    """

    asker: Asker
    request: str
    reason: str = ""
    hold_queue: bool = False
    allow_bounce: bool = False
    single: bool = False
    counted: bool = False

    @property
    def source(self) -> str:
        """Whose allowance it is: one person has one, by however many tokens."""
        return self.asker.person or self.asker.name

    @property
    def alone(self) -> bool:
        """A machine of Evict's own, which has no role, gives no single orders."""
        return self.single and bool(self.asker.roles)


class Admission(Struct, frozen=True, kw_only=True):
    """What the guard says to each account of an order.

    Attributes:
        fresh: those of the held that were not held before.
    """

    passed: tuple[Account, ...] = ()
    held: tuple[Held, ...] = ()
    refused: tuple[tuple[Account, str], ...] = ()
    fresh: tuple[Held, ...] = ()


def parted(accounts: Sequence[str]) -> list[tuple[str, ...]]:
    """In pieces that one record of the audit log may name."""
    return [tuple(accounts[n : n + MOST_NAMED]) for n in range(0, len(accounts), MOST_NAMED)]
