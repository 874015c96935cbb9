# SPDX-License-Identifier: Apache-2.0
"""From a ledger entry to a running case, its witnesses and its evidence."""

from __future__ import annotations

import asyncio
from pathlib import Path

from msgspec import Struct

from evict.control.cases.case import Case, Emit
from evict.control.cases.dossier import EvidenceNotStored, Stored, report, statement, store
from evict.control.cases.runner import CaseRunner
from evict.control.cases.running import RunningCase
from evict.control.cases.tickets import try_ticket
from evict.control.cases.witnesses import watched_to_the_end
from evict.control.parts import Parts
from evict.control.progress import CaseReport, Note
from evict.core.account import Account
from evict.core.errors import UsageError
from evict.core.revocation import Entry
from evict.core.secret import derive_password
from evict.evidence.keys import load_private_key, load_probe_key
from evict.ledger.order import How, Receipt
from evict.probes.watch import WitnessWatch
from evict.systems.base import Order, Passwords


class Wishes(Struct, frozen=True, kw_only=True):
    """What an order asks for beside the closing itself.

    Attributes:
        witness_ccache: file with a ticket of the leaver's, to be tried after; "" for none.
    """

    hold_queue: bool = False
    allow_bounce: bool = False
    witness_ccache: str = ""


class CaseWork:
    """Makes the case of an entry that stands, and works it to its report.

    Attributes:
        runner: carries each case to rest.
    """

    def __init__(self, parts: Parts) -> None:
        config = parts.config
        self._parts = parts
        self._timeout_s = config.control.case_timeout_s
        self._evidence = config.evidence.folder
        self.runner = CaseRunner(parts)
        self._probe_key = load_probe_key(config.keys.probe_key_file)
        key_file = config.keys.signing_key_file
        self._signing_key = load_private_key(key_file) if key_file else None

    def start(
        self, account: Account, receipt: Receipt, wishes: Wishes, watch: WitnessWatch | None
    ) -> RunningCase:
        """Start, or join, the case of a revocation that the ledger holds.

        A case that runs already keeps its own wishes: one that was ordered with others is worked
        after it, so that no wish is dropped.

        Raises:
            UsageError: the entry no longer decides; the account was reinstated since.
            LedgerConflict: it is being reinstated at this moment.
        """
        standing = self._parts.ledger.standing(account.id)
        if standing is None or standing.seq != receipt.entry.body.seq:
            raise UsageError(
                "this request was carried out before, and the account was reinstated since: give"
                " a new request id to revoke it again"
            )
        ccache = Path(wishes.witness_ccache) if wishes.witness_ccache else None
        again = receipt.how is not How.STORED
        body = receipt.entry.body
        hold_queue = body.hold_queue or wishes.hold_queue
        allow_bounce = body.allow_bounce is True or wishes.allow_bounce

        async def work(case: Case) -> CaseReport:
            return await self._work(case, watch, ccache, again=again)

        def make(emit: Emit) -> Case:
            return self._case(
                account, receipt.entry, emit, hold_queue=hold_queue, allow_bounce=allow_bounce
            )

        extras = hold_queue or allow_bounce or watch is not None or ccache is not None
        return self._parts.cases.start(account.id, make, work, join=not extras)

    def _case(
        self, account: Account, entry: Entry, emit: Emit, *, hold_queue: bool, allow_bounce: bool
    ) -> Case:
        body = entry.body
        forms = entry.personal.forms if entry.personal else self._parts.systems.forms(account)
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
        journal = self._parts.ledger.journal
        account, generation = case.account.id, case.order.generation
        await case.kept(journal.opened(account, generation))
        self._catch_up(case, again=again)
        async with asyncio.TaskGroup() as group:
            group.create_task(self.runner.run(case))
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
        for agent in self._parts.publisher.agents():
            self._parts.cases.acknowledged(agent.name, agent.hooks, agent.acknowledged_seq)
        if again:
            self._parts.publisher.cut_again(seq)

    async def _watch(self, case: Case, watch: WitnessWatch) -> None:
        def say(text: str) -> None:
            case.emit(Note(account=case.account.id, text=text))

        case.see(*await watched_to_the_end(watch, case.commit_at, self._timeout_s, say))

    async def _keep_evidence(self, case: Case) -> Stored | None:
        made = statement(case)
        try:
            return await asyncio.to_thread(store, made, self._evidence, self._signing_key)
        except EvidenceNotStored as error:
            case.failures["evidence"] = error.text
            return None
