# SPDX-License-Identifier: Apache-2.0
"""From accounts that may be closed to entries of the ledger, and a running case for each."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Final

import structlog
from msgspec import Struct, structs

from evict.control.audit.record import Record, Result
from evict.control.cases.casework import CaseWork, Wishes
from evict.control.cases.running import RunningCase
from evict.control.guard.demand import Demand
from evict.control.guard.gate import Gate
from evict.control.guard.held import Held
from evict.control.orders.resolving import AT_ONCE
from evict.control.parts import Parts
from evict.core.account import Account
from evict.core.errors import EvictError, LedgerFull
from evict.core.names import login_forms
from evict.core.revocation import Kind, Personal
from evict.ledger.order import How, LedgerOrder, Receipt
from evict.probes.watch import WitnessWatch

log = structlog.get_logger()

_MANY: Final = 100
"""Accounts in one order from which on the hooks come first: the cases begin after them."""
_NOTED_ONE_BY_ONE: Final = 50
_HOOKS_S: Final = 2.0
_STEP: Final = 200

Watches = Mapping[str, WitnessWatch | None]


class Started(Struct, frozen=True, kw_only=True):
    """One account whose entry stands. `error`: why no case of it could be started."""

    account: Account
    receipt: Receipt
    running: RunningCase | None = None
    error: EvictError | None = None


class Closer:
    """Asks no guard: whoever calls it has.

    What is approved goes on in the background once the ledger has it; `settle` waits for that.

    Attributes:
        work: makes and works the cases.
    """

    def __init__(self, parts: Parts, gate: Gate) -> None:
        self._parts = parts
        self._gate = gate
        self.work = CaseWork(parts)
        self._following: set[asyncio.Task[None]] = set()
        self._preparing: set[asyncio.Task[None]] = set()

    async def commit(
        self,
        accounts: Sequence[Account],
        demand: Demand,
        wishes: Wishes | None = None,
        watches: Watches | None = None,
    ) -> list[Started]:
        """One transaction of the ledger, a case for each, and a record in the audit log.

        Raises:
            LedgerFull: nothing was closed.
        """
        if not accounts:
            return []
        orders = await self._ledger_orders(accounts, demand)
        receipts = await self._parts.ledger.append_many(orders)
        await self._hooks_first(receipts)
        started = []
        for number, (account, receipt) in enumerate(zip(accounts, receipts, strict=True), 1):
            watch = (watches or {}).get(account.id)
            started.append(self._start(account, receipt, wishes or Wishes(), watch))
            if number % _STEP == 0:
                await asyncio.sleep(0)
        await self._no_longer_held(accounts)
        await self._note(started, demand)
        return started

    def _start(
        self, account: Account, receipt: Receipt, wishes: Wishes, watch: WitnessWatch | None
    ) -> Started:
        try:
            running = self.work.start(account, receipt, wishes, watch)
        except EvictError as error:
            return Started(account=account, receipt=receipt, error=error)
        return Started(account=account, receipt=receipt, running=running)

    async def _no_longer_held(self, accounts: Sequence[Account]) -> None:
        try:
            await self._gate.closed(account.id for account in accounts)
        except LedgerFull as error:  # they are closed all the same
            log.warning("held.not_removed", code=error.code)

    async def _hooks_first(self, receipts: Sequence[Receipt]) -> None:
        """Give a long list to the agents before this process is busy with the cases."""
        if len(receipts) >= _MANY and self._parts.systems.hooked:
            newest = max(receipt.entry.body.seq for receipt in receipts)
            await self._parts.publisher.wait_ack(newest, _HOOKS_S)

    async def _ledger_orders(
        self, accounts: Sequence[Account], demand: Demand
    ) -> list[LedgerOrder]:
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(account: Account) -> LedgerOrder:
            async with gate:
                order = await self._parts.orders.ledger_order(
                    Kind.REVOCATION,
                    account,
                    request=demand.request,
                    actor=demand.asker.name,
                    reason=demand.reason,
                )
            return structs.replace(
                order, hold_queue=demand.hold_queue, allow_bounce=demand.allow_bounce
            )

        return await asyncio.gather(*(one(account) for account in accounts))

    async def _note(self, started: Sequence[Started], demand: Demand) -> None:
        await asyncio.gather(
            *(self._gate.noted(_record(part, demand)) for part in _parts_of(started))
        )

    async def approved(self, things: Sequence[Held], by: Mapping[str, str]) -> None:
        """Close what people approved, all in one transaction; the cases follow.

        Args:
            by: who approved it, by the id of what is held.

        Raises:
            LedgerFull: nothing was closed; it is held still.
        """
        if not things:
            return
        orders = [_approved_order(held, by[held.id]) for held in things]
        receipts = await self._parts.ledger.append_many(orders)
        self._follow_on(self._following, self._follow(things, receipts))
        await self._hooks_first(receipts)

    async def _follow(self, things: Sequence[Held], receipts: Sequence[Receipt]) -> None:
        await self._hooks_first(receipts)
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(held: Held, receipt: Receipt) -> None:
            async with gate:
                await self._take_up(held, receipt)

        await asyncio.gather(*map(one, things, receipts))

    async def _take_up(self, held: Held, receipt: Receipt) -> None:
        """Read the account as it is by now; where it has other names too, they are refused too."""
        account = held.account
        try:
            account = await self._parts.systems.directory.read(held.account.id)
            receipt = await self._widened(account, receipt)
        except EvictError as error:
            log.warning("approved.not_read", seq=receipt.entry.body.seq, code=error.code)
        started = self._start(account, receipt, Wishes(), None)
        if started.error is not None:
            log.warning("approved.no_case", seq=receipt.entry.body.seq, code=started.error.code)

    async def _widened(self, account: Account, receipt: Receipt) -> Receipt:
        personal = receipt.entry.personal
        if personal is None or set(self._parts.systems.forms(account)) <= set(personal.forms):
            return receipt
        forms = {*personal.forms, *await self._parts.orders.own_forms(account)}
        if forms == set(personal.forms):
            return receipt
        body = receipt.entry.body
        wider = await self._parts.ledger.append(
            LedgerOrder(
                kind=Kind.REVOCATION,
                account=account.id,
                request=f"{body.request}/names",
                personal=structs.replace(personal, forms=tuple(sorted(forms))),
                expected_generation=body.generation,
                hold_queue=body.hold_queue,
                allow_bounce=body.allow_bounce is True,
                widen=True,
            )
        )
        return structs.replace(wider, how=How.STORED)

    def prepare(self, things: Sequence[Held]) -> None:
        """Ask the directory, in the background, what an approval would have to wait for."""
        bare = [held for held in things if held.closes and not held.forms]
        if bare:
            self._follow_on(self._preparing, self._prepare(bare))

    async def _prepare(self, things: Sequence[Held]) -> None:
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(held: Held) -> Held | None:
            async with gate:
                try:
                    forms = await self._parts.orders.own_forms(held.account)
                except EvictError:
                    return None  # an approval does it
            now = self._gate.waiting.find(held.id)
            return None if now is None else structs.replace(now, forms=forms)

        for start in range(0, len(things), _STEP):
            found = await asyncio.gather(*map(one, things[start : start + _STEP]))
            try:
                await self._gate.waiting.enrich([held for held in found if held is not None])
            except LedgerFull as error:
                log.warning("held.not_prepared", code=error.code)
                return

    def _follow_on(self, tasks: set[asyncio.Task[None]], work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        task.add_done_callback(_told)

    async def prepared(self) -> None:
        """Wait until nothing more is to be asked beforehand."""
        while self._preparing:
            await asyncio.wait(self._preparing)

    async def settle(self) -> None:
        """Wait until a case runs for everything that was approved."""
        while self._following:
            await asyncio.wait(self._following)

    async def stop(self) -> None:
        """What was to follow is taken up at the next start, from the ledger."""
        tasks = {*self._following, *self._preparing}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


def _told(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("approved.fault", exc_info=error)


def _approved_order(held: Held, by: str) -> LedgerOrder:
    """Without a question to the directory: its own login names are known, the others follow."""
    return LedgerOrder(
        kind=Kind.REVOCATION,
        account=held.account.id,
        request=f"approved/{held.id}/{secrets.token_hex(8)}",
        personal=Personal(
            label=held.account.upn,
            forms=held.forms or login_forms(held.account),
            actor=f"{held.source}, approved by {by}",
            reason=held.reason,
            directory=held.account.directory,
            sam=held.account.sam,
        ),
        hold_queue=held.hold_queue,
        allow_bounce=held.allow_bounce,
    )


def _record(part: Sequence[Started], demand: Demand) -> Record:
    return Record(
        who=demand.asker.name,
        what="revoke",
        result=Result.DONE,
        on=tuple(one.account.id for one in part),
        why=demand.reason,
        where=demand.asker.where,
        detail=_detail(part),
        case=part[0].receipt.entry.body.generation if len(part) == 1 else 0,
    )


def _parts_of(started: Sequence[Started]) -> list[list[Started]]:
    """One record an account, so that it names its case; of a long list one for all."""
    if len(started) <= _NOTED_ONE_BY_ONE:
        return [[one] for one in started]
    return [list(started)]


def _detail(part: Sequence[Started]) -> str:
    already = sum(one.receipt.how is not How.STORED for one in part)
    if not already:
        return ""
    return "closed already" if already == len(part) else f"{already} of them were closed already"
