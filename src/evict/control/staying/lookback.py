# SPDX-License-Identifier: Apache-2.0
"""One cheap look at a revoked account: every system's own lists, and nothing written."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Final

from msgspec import Struct

from evict.control.parts import Parts
from evict.control.staying.at_rest import Rest, Shown, reopened, shown
from evict.core.account import Account
from evict.core.errors import AccountUnknown, SystemFault
from evict.core.revocation import Entry
from evict.evidence.statement import Reopened
from evict.systems.base import Connector, Order

_PATIENCE_S: Final = 10.0


class Look(Struct, frozen=True, kw_only=True):
    """What was seen.

    Attributes:
        account: as the directory has it now, or had it last.
        enabled: the directory itself says that it is.
        reopened: what did not stand so when the last case came to rest.
        blind: names of systems that showed nothing.
    """

    account: Account
    enabled: bool
    reopened: tuple[Reopened, ...]
    blind: tuple[str, ...]


def order_of(entry: Entry, forms: tuple[str, ...]) -> Order:
    """The order as the connectors know it."""
    body = entry.body
    return Order(
        generation=body.generation,
        commit_at=body.at,
        forms=entry.personal.forms if entry.personal else forms,
        hold_queue=body.hold_queue,
        allow_bounce=body.allow_bounce is True,
    )


class Lookback:
    """Looks; what is to be done about it is `staying`'s."""

    def __init__(self, parts: Parts) -> None:
        self._systems = parts.systems

    async def look(self, entry: Entry, rest: Rest, now: datetime) -> Look:
        """Ask every system side by side; one that does not answer hides no other."""
        account, enabled = await self._account(rest.account)
        order = order_of(entry, self._systems.forms(account))
        looks = await asyncio.gather(
            *(self._one(connector, account, order) for connector in self._systems.all)
        )
        seen = [look for look in looks if isinstance(look, Shown)]
        return Look(
            account=account,
            enabled=enabled,
            reopened=reopened(rest, seen, now),
            blind=tuple(look for look in looks if isinstance(look, str)),
        )

    async def _account(self, last: Account) -> tuple[Account, bool]:
        """Read afresh; where the directory is away, or has it no more, as it was."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                account = await self._systems.directory.read(last.id)
        except (SystemFault, AccountUnknown, TimeoutError):
            return last, False
        return account, account.enabled

    async def _one(self, connector: Connector, account: Account, order: Order) -> Shown | str:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                seen = await connector.observe(account, order)
        except (SystemFault, TimeoutError):
            return connector.name
        return shown(connector, account, seen, order)
