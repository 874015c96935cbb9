# SPDX-License-Identifier: Apache-2.0
"""From the names of an order to ledger orders: resolve, and nothing slower."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import structlog
from msgspec import Struct

from evict.control.progress import Refused
from evict.control.systems import Systems
from evict.core.account import Account
from evict.core.errors import AccountAmbiguous, AccountUnknown, EvictError
from evict.core.names import login_forms, try_canonical
from evict.core.revocation import Entry, Kind, Personal
from evict.ledger.order import LedgerOrder

log = structlog.get_logger()

AT_ONCE = 16
"""Questions that one order puts to the directory side by side."""


class Resolved(Struct, frozen=True, kw_only=True):
    """The accounts that are meant, each once, and the names that came to nothing."""

    accounts: tuple[Account, ...]
    refused: tuple[Refused, ...]


class Orders:
    """Knows the directory; guards nothing and appends nothing itself."""

    def __init__(self, systems: Systems) -> None:
        self._systems = systems

    async def resolve(self, names: Iterable[str]) -> Resolved:
        """Resolve every name; one that fails does not hold up the others."""
        gate = asyncio.Semaphore(AT_ONCE)
        outcomes = await asyncio.gather(*(self._one(name, gate) for name in names))
        accounts = {o.id: o for o in outcomes if isinstance(o, Account)}
        refused = tuple(o for o in outcomes if isinstance(o, Refused))
        return Resolved(accounts=tuple(accounts.values()), refused=refused)

    async def _one(self, name: str, gate: asyncio.Semaphore) -> Account | Refused:
        try:
            async with gate:
                account = await self._systems.directory.resolve(name)
        except EvictError as error:
            return Refused(name=name, code=error.code, exit_code=error.exit_code, text=error.text)
        return account

    async def own_forms(self, account: Account) -> tuple[str, ...]:
        """The account's login forms without those that are somebody else's name.

        An alias `sales@other.example` is the login `sales` at a server whose username format drops
        the domain. Where that is another account's own name, its password is needed there, so it is
        no way in for the leaver, and refusing it would shut out somebody else.
        """
        own = {*login_forms(account), try_canonical(account.sam)}
        yielded = [form for form in self._systems.forms(account) if form not in own]
        anothers = {form for form in yielded if await self.is_anothers(form, account)}
        return tuple(form for form in self._systems.forms(account) if form not in anothers)

    async def is_anothers(self, form: str, account: Account) -> bool:
        """Whether somebody else bears this name, alone or as well."""
        try:
            return (await self._systems.directory.resolve(form)).id != account.id
        except AccountUnknown:
            return False
        except AccountAmbiguous:
            return True

    async def account_of(self, entry: Entry) -> Account:
        """Read afresh; where the directory has it no more, as it was when it was ordered.

        Whoever was deleted meanwhile has sessions elsewhere that live on.

        Raises:
            AccountUnknown: its names were erased from the ledger, too.
            SystemFault: the directory does not answer.
        """
        try:
            return await self._systems.directory.read(entry.body.account)
        except AccountUnknown:
            if entry.personal is None:
                raise
            log.warning("case.account_gone", seq=entry.body.seq)
            return _as_ordered(entry.body.account, entry.personal)

    async def ledger_order(
        self, kind: Kind, account: Account, *, request: str, actor: str, reason: str
    ) -> LedgerOrder:
        """The order as the ledger takes it; one request of many accounts is one id an account."""
        return LedgerOrder(
            kind=kind,
            account=account.id,
            request=f"{request}/{account.id}",
            personal=Personal(
                label=account.upn,
                forms=await self.own_forms(account),
                actor=actor,
                reason=reason,
                directory=account.directory,
                sam=account.sam,
            ),
        )


def _as_ordered(account: str, personal: Personal) -> Account:
    before = [form.partition("\\")[0] for form in personal.forms if "\\" in form]
    return Account(
        id=account,
        directory=personal.directory,
        dn="",
        sam=personal.sam,
        upn=personal.label,
        domain=next((name for name in before if "." not in name), ""),
        dns_domain=next((name for name in before if "." in name), ""),
        addresses=tuple(form for form in personal.forms if "@" in form),
        enabled=False,
    )
