# SPDX-License-Identifier: Apache-2.0
"""The order to revoke: guard, witnesses, commit, a case for each account; then what it came to.

One path for whoever asks: a person at the command line, a token, the directory's own word, a
schedule.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence

from msgspec import Struct

from evict.control import api, views
from evict.control.cases.casework import Wishes
from evict.control.cases.running import RunningCase
from evict.control.cases.witnesses import WitnessStand
from evict.control.guard.demand import Admission, Demand
from evict.control.guard.gate import Gate
from evict.control.guard.held import Held
from evict.control.orders.closing import Closer, Started
from evict.control.orders.telling import committed, held_of, refusals, refused_as, worst
from evict.control.parts import Parts
from evict.control.progress import CaseReport, HeldBack, Named, Note, Refused, Refusing
from evict.core.access import Asker
from evict.core.account import Account
from evict.core.errors import EvictError, ExitCode, UsageError
from evict.ledger.order import Receipt
from evict.probes.watch import WitnessWatch

MOST_WITNESSED = 20
"""Accounts in one order for which witness sessions are opened."""


class Closing(Struct, frozen=True, kw_only=True):
    """What an order to close came to, account by account. A case runs for each committed one."""

    committed: tuple[tuple[Account, Receipt], ...] = ()
    held: tuple[Held, ...] = ()
    refused: tuple[Refused, ...] = ()


class _Witness(Struct, frozen=True, kw_only=True):
    """The sessions opened as one leaver, and what there is to say of it."""

    watch: WitnessWatch | None = None
    notes: tuple[str, ...] = ()


class Revoking:
    """Carries orders to revoke from their names to their reports.

    Attributes:
        gate: the guard. Use after `open`.
        closer: closes what the guard let pass, or people approved.
    """

    def __init__(self, parts: Parts) -> None:
        self._systems = parts.systems
        self._orders = parts.orders
        self._stand = WitnessStand(parts)
        self.gate = Gate(parts)
        self.closer = Closer(parts, self.gate)

    async def open(self) -> None:
        """Read what is held and what was spent. Raises `LedgerDamaged`."""
        await self.gate.open()
        self.closer.prepare(self.gate.waiting.all)

    async def stop(self) -> None:
        """End what goes on in the background; a restart takes it up."""
        await self.closer.stop()

    async def close(  # noqa: PLR0913 - an order has these parts
        self,
        accounts: Sequence[Account],
        *,
        asker: Asker,
        request: str,
        reason: str,
        hold_queue: bool = False,
        allow_bounce: bool = False,
        single: bool = False,
        approved: bool = False,
    ) -> Closing:
        """Close what the guard lets pass, start its cases, hold or refuse the rest.

        Args:
            asker: whose allowance it is; a machine has no person.
            request: the same one again appends nothing.
            single: the order names one account, and a person or a token gave it.
            approved: its allowance was asked and counted before; what protects an account does
                so all the same.

        Raises:
            LedgerFull: nothing was closed; the same request may come again.
        """
        demand = Demand(
            asker=asker,
            request=request,
            reason=reason,
            hold_queue=hold_queue,
            allow_bounce=allow_bounce,
            single=single,
            counted=approved,
        )
        admission = await self._admitted(accounts, demand)
        try:
            started = await self.closer.commit(admission.passed, demand)
        finally:
            await self.gate.announce(admission, demand)
        refused = [refused_as(s.account, s.error) for s in started if s.error is not None]
        return Closing(
            committed=tuple((s.account, s.receipt) for s in started if s.error is None),
            held=admission.held,
            refused=(*refusals(admission), *refused),
        )

    async def _admitted(self, accounts: Iterable[Account], demand: Demand) -> Admission:
        admission = await self.gate.admit(accounts, demand)
        self.closer.prepare(admission.fresh)
        return admission

    async def revoke(self, request: api.Revoke, asker: Asker) -> AsyncIterator[api.Line]:
        """Events, reports, then the end with the worst exit code of them all."""
        if request.witness_ccache and len(request.names) != 1:
            raise UsageError("a ticket cache goes with one account")
        resolved = await self._orders.resolve(request.names)
        demand = _demand(request, asker, single=len(resolved.accounts) == 1)
        if request.dry_run:
            lines = await self._dry_run(request, resolved.accounts, resolved.refused, demand)
            running: list[RunningCase] = []
        else:
            # Nothing is told before it: a client that does not read holds up no commit.
            running, lines = await self._commit(request, resolved.accounts, demand)
            lines = [*resolved.refused, *lines]
        codes = []
        for line in lines:
            if isinstance(line, Refused | HeldBack):
                codes.append(line.exit_code)
            yield line
        async for line in self._told(running, wait=request.wait):
            if isinstance(line, CaseReport | Refused):
                codes.append(line.exit_code)
            yield line
        if running and not request.wait:
            codes.append(ExitCode.NOT_PROVEN)
        yield api.End(exit_code=worst(codes))

    async def _dry_run(
        self,
        request: api.Revoke,
        accounts: Sequence[Account],
        unresolved: tuple[Refused, ...],
        demand: Demand,
    ) -> list[api.Line]:
        admission = self.gate.preview(accounts, demand)
        plans = [
            await views.plan(
                self._systems,
                account,
                hold_queue=request.hold_queue,
                allow_bounce=request.allow_bounce,
            )
            for account in admission.passed
        ]
        refused = (*unresolved, *refusals(admission))
        held = [
            {"account": h.account.id, "label": h.account.upn, "why": h.why} for h in admission.held
        ]
        data = {"would_revoke": plans, "would_hold": held, "refused": refused, "written": False}
        return [
            *refused,
            *held_of(admission, approvers=self.gate.limits.approvers),
            api.Answer(data=data),
        ]

    async def _commit(
        self, request: api.Revoke, accounts: Sequence[Account], demand: Demand
    ) -> tuple[list[RunningCase], list[api.Line]]:
        """Guard, witnesses, the append, and every case started; what there is to tell of it."""
        if request.witness and len(accounts) > MOST_WITNESSED:
            raise UsageError(f"witness sessions are opened for {MOST_WITNESSED} accounts at most")
        admission = await self._admitted(accounts, demand)
        wishes = Wishes(
            hold_queue=request.hold_queue,
            allow_bounce=request.allow_bounce,
            witness_ccache=request.witness_ccache,
        )
        witnesses: dict[str, _Witness] = {}
        try:
            if request.witness:
                witnesses = await self._open_witnesses(admission.passed)
            watches = {name: witness.watch for name, witness in witnesses.items()}
            started = await self.closer.commit(admission.passed, demand, wishes, watches)
        except BaseException:
            await asyncio.gather(*(w.watch.stop() for w in witnesses.values() if w.watch))
            raise
        finally:
            await self.gate.announce(admission, demand)
        running = [one.running for one in started if one.running is not None]
        lines: list[api.Line] = []
        for one in started:
            lines += _told_of(one, witnesses.get(one.account.id, _Witness()))
        return running, [
            *lines,
            *refusals(admission),
            *held_of(admission, approvers=self.gate.limits.approvers),
        ]

    async def _open_witnesses(self, accounts: Sequence[Account]) -> dict[str, _Witness]:
        async def one(account: Account) -> tuple[str, _Witness]:
            notes: list[str] = []
            watch = await self._stand.open(account, self._systems.endpoints(), notes.append)
            return account.id, _Witness(watch=watch, notes=tuple(notes))

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
                await news.put(refused_as(one.case.account, error))
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
        wishes: Wishes | None = None,
        watch: WitnessWatch | None = None,
    ) -> RunningCase:
        """Start, or join, the case of an entry that stands. Raises as `CaseWork.start`.

        Args:
            wishes: None where the case is taken up again, after a restart or a later look.
        """
        return self.closer.work.start(account, receipt, wishes or Wishes(), watch)


def _demand(request: api.Revoke, asker: Asker, *, single: bool) -> Demand:
    return Demand(
        asker=asker,
        request=request.request,
        reason=request.reason,
        hold_queue=request.hold_queue,
        allow_bounce=request.allow_bounce,
        single=single,
    )


def _told_of(one: Started, witness: _Witness) -> list[api.Line]:
    account = one.account
    lines: list[api.Line] = [Named(account=account.id, label=account.upn)]
    lines += [Note(account=account.id, text=note) for note in witness.notes]
    lines.append(committed(account, one.receipt))
    if one.error is not None:
        lines.append(refused_as(account, one.error))
    return lines
