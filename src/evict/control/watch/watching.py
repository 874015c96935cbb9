# SPDX-License-Identifier: Apache-2.0
"""What the control plane does with what a directory watch saw: `sources.watch.intake.Intake`."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Sequence
from itertools import groupby
from typing import Final, Protocol

import structlog
from msgspec import structs

from evict.control.audit.record import Record, Result
from evict.control.notices.news import News, NewsKind
from evict.control.orders.revoking import Revoking
from evict.control.parts import Parts
from evict.control.watch.refused_forms import RefusedForms
from evict.core.access import Asker
from evict.core.account import Account
from evict.core.errors import AccountUnknown, EvictError, LedgerConflict, UsageError
from evict.core.presence import Presence, Sign
from evict.core.revocation import Kind
from evict.ledger.order import How, Receipt
from evict.sources.watch.intake import Left

log = structlog.get_logger()

_SENTENCES: Final = {
    Sign.DISABLED: "disabled in the directory",
    Sign.DELETED: "deleted from the directory",
    Sign.MOVED: "moved to the leavers in the directory",
    Sign.EXPIRED: "expired in the directory",
    Sign.PASSWORD_RESET: "its password was reset in the directory",
}


class Held(Protocol):
    """What the guard offers a watch; `control.guard.gate` has it."""

    async def hold_reinstatement(self, account: Account, *, source: Asker, why: str) -> None: ...
    async def withdraw(self, account: Account, source: Asker) -> None: ...
    async def noted(self, record: Record) -> None: ...


LookNow = Callable[[str, str], Awaitable[None]]
"""Account id, and why it is to be looked at now."""


class Watching:
    """One directory's intake.

    Args:
        look_now: looks at a revoked account at once, and closes again what is open; debounced.
    """

    def __init__(
        self, parts: Parts, revoking: Revoking, gate: Held, refused: RefusedForms, look_now: LookNow
    ) -> None:
        self._parts = parts
        self._revoking = revoking
        self._gate = gate
        self._refused = refused
        self._look_now = look_now
        self._directory = parts.systems.directory
        self._asker = Asker(name=f"directory:{self._directory.name}", where="directory watch")
        self._not_its_own: dict[str, frozenset[str]] = {}
        self._troubles: set[str] = set()

    def refused_forms(self, account: str) -> frozenset[str] | None:
        refused = self._refused.of(account)
        if refused is None:
            return None
        return refused | self._not_its_own.get(account, frozenset())

    def login_forms(self, account: Account) -> tuple[str, ...]:
        return self._parts.systems.forms(account)

    async def confirm(self, account: str) -> Account | None:
        try:
            return await self._directory.read(account)
        except AccountUnknown:
            return None

    async def left(self, who: Sequence[Left]) -> None:
        """One order for each run of the same signs, so that the reason says what was seen."""
        for signs, run in groupby(who, key=lambda left: left.signs):
            reason = ", ".join(_SENTENCES[sign] for sign in signs)
            await self._close([left.account for left in run], reason)

    async def _close(self, accounts: Sequence[Account], reason: str) -> None:
        """One of which no order can be made (it shows no name) holds up nobody else."""
        try:
            await self._revoking.close(
                accounts, asker=self._asker, request=f"watch/{uuid.uuid4()}", reason=reason
            )
        except UsageError as error:
            if len(accounts) > 1:
                for account in accounts:
                    await self._close([account], reason)
                return
            (account,) = accounts
            who = account.upn or account.id
            text = f"{who}: {reason}, and it cannot be closed: {error.text}"
            self.trouble(f"watch {account.id}", text)

    async def renamed(self, account: Account) -> None:
        """Append the wider entry, without names that somebody else bears.

        Otherwise whoever may write one leaver's addresses in the directory could shut out anybody,
        past the guard: of those, people are told.
        """
        standing = self._parts.ledger.standing(account.id)
        refused = self._refused.of(account.id)
        if standing is None or refused is None:
            return
        why = "a name was added to it in the directory"
        orders = self._parts.orders
        order = await orders.ledger_order(
            Kind.REVOCATION,
            account,
            request=f"watch/{uuid.uuid4()}",
            actor=self._asker.name,
            reason=why,
        )
        added = sorted(set(order.personal.forms) - refused)
        shared = [form for form in added if await orders.is_anothers(form, account)]
        forms = refused | set(added) - set(shared)
        self._not_its_own[account.id] = frozenset(set(self.login_forms(account)) - forms)
        if shared:
            text = f"{account.upn} is revoked and was given names that somebody else bears"
            self.trouble(f"watch names {account.id}", f"{text}, not refused: {', '.join(shared)}")
        if forms == refused:
            return
        personal = structs.replace(order.personal, forms=tuple(sorted(forms)))
        widening = structs.replace(
            order, personal=personal, widen=True, expected_generation=standing.generation
        )
        try:
            receipt = await self._parts.ledger.append(widening)
        except LedgerConflict:  # it was reinstated meanwhile
            return
        await self._note("revoke", account, why, case=standing.generation)
        self._start(account, receipt)

    async def opened(self, presence: Presence) -> bool:
        """Record it, close it again, and offer a held reinstatement to the people."""
        account = presence.account
        cases = self._parts.cases
        if cases.is_held(account.id) or cases.get(account.id) is not None:
            return False  # the case sees it too; when it is over the account is read again
        standing = self._parts.ledger.standing(account.id)
        why = "enabled in the directory while it is revoked"
        await self._gate.hold_reinstatement(account, source=self._asker, why=why)
        generation = 0 if standing is None else standing.generation
        await self._note("watch.enabled", account, why, case=generation)
        await self._look_now(account.id, why)
        return True

    async def touched(self, account: Account) -> None:
        await self._look_now(account.id, "changed in the directory")

    async def returned(self, account: Account) -> None:
        await self._gate.withdraw(account, self._asker)

    def trouble(self, key: str, text: str) -> None:
        if key not in self._troubles:
            self._troubles.add(key)
            log.error("watch.trouble", key=key, reason=text)
        self._parts.tell(News(kind=NewsKind.ALARM, key=key, subject=text))

    def relieved(self, key: str) -> None:
        if key in self._troubles:
            self._troubles.discard(key)
            subject = f"{self._directory.name}: the directory is watched again"
            self._parts.tell(News(kind=NewsKind.DONE, key=key, subject=subject))

    def _start(self, account: Account, receipt: Receipt) -> None:
        """What cannot be started now is taken up by whoever looks again later."""
        try:
            self._revoking.start(account, structs.replace(receipt, how=How.STORED))
        except EvictError as error:
            log.warning("watch.case_waits", code=error.code, seq=receipt.entry.body.seq)

    async def _note(self, what: str, account: Account, why: str, *, case: int) -> None:
        """Where it cannot be written, what was done stands: leavers after it must be closed."""
        await self._gate.noted(
            Record(
                who=self._asker.name,
                what=what,
                result=Result.DONE,
                on=(account.id,),
                why=why,
                where=self._asker.where,
                case=case,
            )
        )
