# SPDX-License-Identifier: Apache-2.0
"""The guard before every closing: what passes, what is held for people, what is refused.

It decides in memory in one go, so that nothing comes between two orders, and keeps what it decided
in the ledger's file before anything is appended to the chain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from msgspec import structs

from evict.config.guard import GuardSection
from evict.config.model import Config
from evict.control.audit.record import Record, Result
from evict.control.guard.alarms import Alarms
from evict.control.guard.demand import Admission, Demand
from evict.control.guard.held import Held, HeldKind
from evict.control.guard.permits import Permits, record_of
from evict.control.guard.reused import ReusedNames
from evict.control.guard.spending import Clock, Spending, moment
from evict.control.guard.waiting import Waiting
from evict.control.parts import Parts
from evict.core.access import Asker
from evict.core.account import Account
from evict.core.allowance import Moment
from evict.core.errors import LedgerFull
from evict.core.guard import Protection, Shield
from evict.core.names import login_forms


class Gate:
    """Use after `open`.

    Attributes:
        limits: [guard] as it is in force.
        waiting: everything that is held.
        permits: what is held of it that is to reinstate somebody.
    """

    limits: GuardSection
    _protection: Protection

    def __init__(self, parts: Parts, *, clock: Clock = moment) -> None:
        self._parts = parts
        self._clock = clock
        self._spending = Spending(parts.ledger, clock)
        self._reused = ReusedNames(parts.ledger)
        self.waiting = Waiting(parts.ledger)
        self._alarms = Alarms(parts.tell, self.waiting)
        self.permits = Permits(
            self.waiting, self._alarms, self.now, lambda: self.limits, self.noted
        )
        self.prepare(parts.config)()
        parts.settings.prepared_by(self.prepare)

    def prepare(self, config: Config) -> Callable[[], None]:
        """Read the lists and limits of a configuration; returns what puts them into force.

        Raises:
            ConfigError: an entry of a list can be nobody's.
        """
        protection = Protection(
            ids=config.protected.ids,
            names=config.protected.names,
            groups=config.protected.groups,
            break_glass=config.guard.break_glass,
            own_account=config.directory.bind_user,
        )

        def commit() -> None:
            self.limits = config.guard
            self._protection = protection

        return commit

    async def open(self) -> None:
        """Read what is kept, and tell again of what waits still.

        Raises:
            LedgerDamaged: it cannot be understood.
        """
        now = self._clock()
        await self._spending.load()
        await self._reused.reach(self._earliest(now))
        await self.waiting.load()
        self._alarms.again(self.waiting.all, now)

    def _earliest(self, now: Moment) -> datetime:
        return now.at - timedelta(days=self.limits.name_reuse_days)

    def now(self) -> Moment:
        return self._clock()

    def refusal(
        self, account: Account, forms: tuple[str, ...] = (), *, by_two: bool = False
    ) -> str:
        """Why nobody may close it; "" where somebody may.

        Args:
            forms: its login forms, where the caller has them.
            by_two: two people approved it, so that [protected] does not count.
        """
        shielded = self._protection.of(account, forms)
        if shielded is None or (shielded.by is Shield.PROTECTED and by_two):
            return ""
        return shielded.sentence

    def preview(self, accounts: Iterable[Account], demand: Demand) -> Admission:
        """What would become of an order; nothing is counted, kept or told."""
        return self._judge(accounts, demand)[0]

    async def admit(self, accounts: Iterable[Account], demand: Demand) -> Admission:
        """Decide, count, keep both, and tell. To be noted afterwards: `announce`.

        Raises:
            LedgerFull: it could not be kept: nothing may be closed now.
        """
        await self._reused.reach(self._earliest(self._clock()))
        admission, counted = self._judge(accounts, demand)
        made, old = self._spending.take(counted, source=demand.source, single=demand.alone)
        self.waiting.remember(admission.fresh)
        try:
            await self._spending.keep(made, old)
            await self.waiting.put(admission.fresh)
        except LedgerFull:
            self.waiting.forget(admission.fresh)
            raise
        self._alarms.held(admission.fresh, self._clock())
        self._alarms.refused(admission.refused, demand.asker)
        await self.waiting.asked_too(admission.held, demand.asker.name)
        return admission

    def _judge(
        self, accounts: Iterable[Account], demand: Demand
    ) -> tuple[Admission, tuple[str, ...]]:
        """The second: those whose closing takes from the allowance."""
        passed: dict[str, Account] = {}
        asked: dict[str, Account] = {}
        why: dict[str, tuple[Account, HeldKind, str]] = {}
        refused: list[tuple[Account, str]] = []
        for account in {a.id: a for a in accounts}.values():
            forms = login_forms(account)
            shielded = self._protection.of(account, forms)
            if shielded is not None:
                if shielded.by is Shield.PROTECTED and self.limits.approvers > 1:
                    why[account.id] = (account, HeldKind.PROTECTED, shielded.sentence)
                else:
                    refused.append((account, shielded.sentence))
            elif self._stands_closed(account) or demand.counted:
                passed[account.id] = account
            elif not demand.alone and self.waiting.of(account.id, closes=True) is not None:
                why[account.id] = (account, HeldKind.CLOSURE, "")
            elif reused := self._reuse(account, forms):
                why[account.id] = (account, HeldKind.NAME, reused)
            else:
                asked[account.id] = account
        shares = self._spending.share(
            list(asked), source=demand.source, single=demand.alone, guard=self.limits
        )
        excess = f"more than {demand.asker.name} may close: {shares.limit}"
        why |= {a: (asked[a], HeldKind.CLOSURE, excess) for a in shares.held}
        held, fresh = self._hold(why.values(), demand)
        let = {**passed, **{a: asked[a] for a in shares.passed}}
        admission = Admission(
            passed=tuple(let.values()), held=held, refused=tuple(refused), fresh=fresh
        )
        return admission, shares.passed

    def _stands_closed(self, account: Account) -> bool:
        standing = self._parts.ledger.standing(account.id)
        return standing is not None and standing.revoked

    def _reuse(self, account: Account, forms: tuple[str, ...]) -> str:
        days = self.limits.name_reuse_days
        since = self._reused.bearer(account.id, forms, days=days, now=self._clock().at)
        if since is None:
            return ""
        return (
            f"somebody else who bore one of its names was closed on {since:%Y-%m-%d}: is it this"
            " account that is meant?"
        )

    def _hold(
        self, things: Iterable[tuple[Account, HeldKind, str]], demand: Demand
    ) -> tuple[tuple[Held, ...], tuple[Held, ...]]:
        """All, and those that are new. One that is held already stays as it is."""
        held: list[Held] = []
        fresh: list[Held] = []
        now = self._clock().at
        for account, kind, why in things:
            known = self.waiting.of(account.id, closes=True)
            if known is None:
                known = self.waiting.numbered(
                    Held(
                        id="",
                        number=0,
                        kind=kind,
                        account=structs.replace(account, groups=()),
                        source=demand.asker.name,
                        person=demand.asker.person,
                        where=demand.asker.where,
                        since=now,
                        why=why,
                        request=demand.request,
                        reason=demand.reason,
                        hold_queue=demand.hold_queue,
                        allow_bounce=demand.allow_bounce,
                    )
                )
                fresh.append(known)
            held.append(known)
        return tuple(held), tuple(fresh)

    async def announce(self, admission: Admission, demand: Demand) -> None:
        """Note what was held and refused; an audit log that cannot be written stops nothing."""
        groups: dict[tuple[Result, str], list[str]] = {}
        for held in admission.held:
            groups.setdefault((Result.HELD, held.why), []).append(held.account.id)
        for account, sentence in admission.refused:
            groups.setdefault((Result.REFUSED, sentence), []).append(account.id)
        for (result, detail), accounts in groups.items():
            await self.noted(
                Record(
                    who=demand.asker.name,
                    what="revoke",
                    result=result,
                    on=tuple(accounts),
                    why=demand.reason,
                    where=demand.asker.where,
                    detail=detail,
                )
            )

    async def noted(self, record: Record) -> None:
        """Note what was done already: where that fails, people are told, and it stands."""
        await self._alarms.noted(self._parts.note, record)

    async def closed(self, accounts: Iterable[str]) -> None:
        """They were closed: nothing is to be held of it any more."""
        found = (self.waiting.of(account, closes=True) for account in accounts)
        await self.waiting.remove([held for held in found if held is not None])

    async def withdraw(self, account: Account, source: Asker) -> None:
        """A source that asked for a closing that is held says now that it was wrong.

        Where another one asked for it too, it waits still.
        """
        held = self.waiting.of(account.id, closes=True)
        if held is None or source.name not in (held.source, *held.also):
            return
        await self.waiting.no_longer_asked([held], source.name)
        detail = "withdrawn by its source: the account is there again"
        await self.noted(record_of(source, "withdraw", held, detail))

    async def dismissed(self, gone: Sequence[Held], source: str) -> list[Held]:
        """People say no to what one source asked for; what others asked for too waits still."""
        kept = await self.waiting.no_longer_asked(gone, source)
        was = {held.id: held.source for held in gone}
        self._alarms.held([h for h in kept if h.source != was[h.id]], self._clock())
        return kept

    async def hold_reinstatement(self, account: Account, *, source: Asker, why: str) -> None:
        """Offer to reinstate a revoked account; the same one again changes nothing."""
        standing = self._parts.ledger.standing(account.id)
        if standing is not None and standing.revoked:
            await self.permits.offer(account, standing, source, why)
