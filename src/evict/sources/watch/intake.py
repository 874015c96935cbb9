# SPDX-License-Identifier: Apache-2.0
"""What a watch says, and to whom. The control plane implements `Intake`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from evict.core.account import Account
from evict.core.presence import Presence, Sign


class Left(Struct, frozen=True, kw_only=True):
    """An account that the directory shows as gone, with the signs that are news."""

    account: Account
    signs: tuple[Sign, ...]


class Intake(Protocol):
    """Acts on what was seen. What raises here is seen again: nothing is lost, nothing skipped."""

    def refused_forms(self, account: str) -> frozenset[str] | None:
        """The login forms that the ledger's entry refuses; None: the account is not revoked."""

    def login_forms(self, account: Account) -> tuple[str, ...]:
        """Every form that the account can log in with at this estate."""

    async def confirm(self, account: str) -> Account | None:
        """Read it again, groups and all; None where the directory no longer has it."""

    async def left(self, who: Sequence[Left]) -> None:
        """Revoke them, through the guard; the oldest first."""

    async def renamed(self, account: Account) -> None:
        """A revoked account has names that its entry does not refuse."""

    async def opened(self, presence: Presence) -> bool:
        """A revoked account is enabled. False: not to be judged now (it is being reinstated)."""

    async def touched(self, account: Account) -> None:
        """Something of a revoked account changed, whoever did it."""

    async def returned(self, account: Account) -> None:
        """An account that had left is there again, and was not revoked (yet)."""

    def trouble(self, key: str, text: str) -> None:
        """Something that people must know; the same key is one trouble while it lasts."""

    def relieved(self, key: str) -> None:
        """That trouble is over."""
