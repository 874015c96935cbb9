# SPDX-License-Identifier: Apache-2.0
"""The order to revoke: resolve, guard, witnesses, commit; then a case for each account."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from msgspec import structs

from evict.control import api, views
from evict.control.case import Case, Emit
from evict.control.cases import RunningCase
from evict.control.dossier import EvidenceNotStored, Stored, report, statement, store
from evict.control.orders import Resolved
from evict.control.parts import Parts
from evict.control.progress import CaseReport, Committed, Named, Note, Refused, Refusing
from evict.control.runner import CaseRunner
from evict.control.tickets import try_ticket
from evict.control.witnesses import WitnessStand, watched_to_the_end
from evict.core.account import Account
from evict.core.errors import EvictError, ExitCode, UsageError
from evict.core.revocation import Entry, Kind
from evict.core.secret import derive_password
from evict.evidence.keys import load_private_key, load_probe_key
from evict.ledger.order import How, Receipt
from evict.probes.watch import WitnessWatch
from evict.systems.base import Order, Passwords

MOST_WITNESSED = 20
"""Accounts in one order for which witness sessions are opened."""


class Revoking:
    """Carries orders to revoke from their names to their reports."""

    def __init__(self, parts: Parts) -> None:
        config = parts.config
        self._parts = parts
        self._config = config
        self._systems = parts.systems
        self._ledger = parts.ledger
        self._publisher = parts.publisher
        self._cases = parts.cases
        self._runner = CaseRunner(parts)
        self._stand = WitnessStand(parts)
        self._orders = parts.orders
        self._probe_key = load_probe_key(config.keys.probe_key_file)
        key_file = config.keys.signing_key_file
        self._signing_key = load_private_key(key_file) if key_file else None

    async def revoke(self, request: api.Revoke, actor: str) -> AsyncIterator[api.Line]:
        """Events, reports, then the end with the worst exit code of them all."""
        if request.witness_ccache and len(request.names) != 1:
            raise UsageError("a ticket cache goes with one account")
        resolved = await self._orders.resolve(request.names)
        codes = [refused.exit_code for refused in resolved.refused]
        if request.dry_run:
            for refused in resolved.refused:
                yield refused
            yield await self._dry_run(request, resolved)
            yield api.End(exit_code=worst(codes))
            return
        # Nothing is told before it: a client that does not read must not hold up the commit.
        running, first = await self._commit(request, actor, resolved.accounts)
        for line in (*resolved.refused, *first):
            yield line
        async for line in self._told(running, wait=request.wait):
            if isinstance(line, CaseReport | Refused):
                codes.append(line.exit_code)
            yield line
        codes += [line.exit_code for line in first if isinstance(line, Refused)]
        if not request.wait and resolved.accounts:
            codes.append(ExitCode.NOT_PROVEN)
        yield api.End(exit_code=worst(codes))

    async def _dry_run(self, request: api.Revoke, resolved: Resolved) -> api.Answer:
        plans = [
            await views.plan(
                self._systems,
                account,
                hold_queue=request.hold_queue,
                allow_bounce=request.allow_bounce,
            )
            for account in resolved.accounts
        ]
        refused = resolved.refused
        return api.Answer(data={"would_revoke": plans, "refused": refused, "written": False})

    async def _commit(
        self, request: api.Revoke, actor: str, accounts: tuple[Account, ...]
    ) -> tuple[list[RunningCase], list[api.Line]]:
        """Witnesses, the append, and every case started; what there is to tell of it."""
        if not accounts:
            return [], []
        watches = await self._open_witnesses(request, accounts)
        try:
            orders = [
                await self._orders.ledger_order(
                    Kind.REVOCATION, a, request=request.request, actor=actor, reason=request.reason
                )
                for a in accounts
            ]
            receipts = await self._ledger.append_many(
                [
                    structs.replace(
                        order, hold_queue=request.hold_queue, allow_bounce=request.allow_bounce
                    )
                    for order in orders
                ]
            )
        except BaseException:
            await asyncio.gather(*(watch.stop() for watch, _ in watches.values() if watch))
            raise
        running: list[RunningCase] = []
        lines: list[api.Line] = []
        for account, receipt in zip(accounts, receipts, strict=True):
            watch, notes = watches.get(account.id, (None, []))
            lines.append(Named(account=account.id, label=account.upn))
            lines += [Note(account=account.id, text=note) for note in notes]
            lines.append(committed(account, receipt))
            try:
                running.append(self.start(account, receipt, request, watch))
            except EvictError as error:
                lines.append(_refused(account, error))
        return running, lines

    async def _open_witnesses(
        self, request: api.Revoke, accounts: tuple[Account, ...]
    ) -> dict[str, tuple[WitnessWatch | None, list[str]]]:
        if not request.witness:
            return {}
        if len(accounts) > MOST_WITNESSED:
            raise UsageError(f"witness sessions are opened for {MOST_WITNESSED} accounts at most")

        async def one(account: Account) -> tuple[str, tuple[WitnessWatch | None, list[str]]]:
            notes: list[str] = []
            watch = await self._stand.open(account, self._systems.endpoints(), notes.append)
            return account.id, (watch, notes)

        return dict(await asyncio.gather(*(one(a) for a in accounts)))

    async def _told(self, running: list[RunningCase], *, wait: bool) -> AsyncIterator[api.Line]:
        news: asyncio.Queue[api.Line | None] = asyncio.Queue()

        async def hear(one: RunningCase) -> None:
            try:
                async for event in one.listen():
                    await news.put(event)
                    if not wait and isinstance(event, Refusing):
                        break
            except EvictError as error:
                await news.put(_refused(one.case.account, error))
            await news.put(None)

        if not wait and not self._systems.hooked:
            return
        hearing = [asyncio.create_task(hear(one)) for one in running]
        left = len(hearing)
        while left:
            line = await news.get()
            if line is None:
                left -= 1
            else:
                yield line

    def start(
        self,
        account: Account,
        receipt: Receipt,
        request: api.Revoke | None = None,
        watch: WitnessWatch | None = None,
    ) -> RunningCase:
        """Start, or join, the case of a revocation that the ledger holds.

        A case that runs already keeps its own wishes: one that was ordered with others is worked
        after it, so that no wish is dropped.

        Args:
            request: None where the case is taken up again after a restart.

        Raises:
            UsageError: the entry no longer decides; the account was reinstated since.
            LedgerConflict: it is being reinstated at this moment.
        """
        standing = self._ledger.standing(account.id)
        if standing is None or standing.seq != receipt.entry.body.seq:
            raise UsageError(
                "this request was carried out before, and the account was reinstated since: give"
                " a new request id to revoke it again"
            )
        ccache = Path(request.witness_ccache) if request and request.witness_ccache else None
        again = receipt.how is not How.STORED
        body = receipt.entry.body
        hold_queue = body.hold_queue or bool(request and request.hold_queue)
        allow_bounce = body.allow_bounce is True or bool(request and request.allow_bounce)

        async def work(case: Case) -> CaseReport:
            return await self._work(case, watch, ccache, again=again)

        def make(emit: Emit) -> Case:
            return self._case(
                account, receipt.entry, emit, hold_queue=hold_queue, allow_bounce=allow_bounce
            )

        extras = hold_queue or allow_bounce or watch is not None or ccache is not None
        return self._cases.start(account.id, make, work, join=not extras)

    def _case(
        self, account: Account, entry: Entry, emit: Emit, *, hold_queue: bool, allow_bounce: bool
    ) -> Case:
        body = entry.body
        forms = entry.personal.forms if entry.personal else self._systems.forms(account)
        order = Order(
            generation=body.generation,
            commit_at=body.at,
            forms=forms,
            hold_queue=hold_queue,
            allow_bounce=allow_bounce,
        )
        first, second = (
            derive_password(self._probe_key, account.id, body.generation, step) for step in (1, 2)
        )
        return Case(account, entry, order, Passwords(first=first, second=second), emit)

    async def _work(
        self, case: Case, watch: WitnessWatch | None, ccache: Path | None, *, again: bool
    ) -> CaseReport:
        journal = self._ledger.journal
        account, generation = case.account.id, case.order.generation
        await case.kept(journal.opened(account, generation))
        self._catch_up(case, again=again)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._runner.run(case))
            if watch is not None:
                group.create_task(self._watch(case, watch))
            if ccache is not None:
                group.create_task(try_ticket(case, self._parts, ccache))
        stored = await self._keep_evidence(case)
        if stored is not None:
            await case.kept(journal.evidence(account, generation, stored))
        made = report(case, stored)
        if await case.kept(journal.closed(account, generation, made)):
            return made
        return report(case, stored)

    def _catch_up(self, case: Case, *, again: bool) -> None:
        """What agents said before this case listened; cutters run again for an old entry."""
        seq = case.entry.body.seq
        for agent in self._publisher.agents():
            self._cases.acknowledged(agent.name, agent.hooks, agent.acknowledged_seq)
        if again:
            self._publisher.cut_again(seq)

    async def _watch(self, case: Case, watch: WitnessWatch) -> None:
        timeout_s = self._config.control.case_timeout_s
        case.see(*await watched_to_the_end(watch, case.commit_at, timeout_s))

    async def _keep_evidence(self, case: Case) -> Stored | None:
        made = statement(case)
        try:
            return await asyncio.to_thread(
                store, made, self._config.evidence.folder, self._signing_key
            )
        except EvidenceNotStored as error:
            case.failures["evidence"] = error.text
            return None


def _refused(account: Account, error: EvictError) -> Refused:
    return Refused(name=account.upn, code=error.code, exit_code=error.exit_code, text=error.text)


def committed(account: Account, receipt: Receipt) -> Committed:
    body = receipt.entry.body
    return Committed(
        account=account.id,
        label=account.upn,
        generation=body.generation,
        seq=body.seq,
        at=body.at,
        already=receipt.how is not How.STORED,
    )


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """1 before 3 before 4; then whatever else is not 0."""
    said = set(codes)
    for code in (ExitCode.FAILED, ExitCode.DOOR_OPEN, ExitCode.NOT_PROVEN):
        if code in said:
            return code
    return next(iter(sorted(said - {ExitCode.OK})), ExitCode.OK)
