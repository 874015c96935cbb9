# SPDX-License-Identifier: Apache-2.0
"""The control plane: opens everything, answers requests, takes up again what was not finished."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Collection
from types import TracebackType
from typing import Self

import structlog

from evict.config.audit import audit_file
from evict.config.model import Config
from evict.control import api, views
from evict.control.access.calls import TokenCalls
from evict.control.access.roles import Access
from evict.control.access.tokens import Token, Tokens
from evict.control.audit.calls import AuditCalls
from evict.control.audit.noting import answered
from evict.control.audit.syslog import open_audit_log
from evict.control.cases.addresses import SourceAddresses
from evict.control.cases.running import Cases
from evict.control.desk import Desk
from evict.control.doctor import Doctor
from evict.control.guard.approving import Approving
from evict.control.health.health import Health, counted_note, counted_tell
from evict.control.ledger_calls import LedgerCalls
from evict.control.notices.notices import Notices
from evict.control.orders.reinstating import Reinstating
from evict.control.orders.resolving import Orders
from evict.control.orders.revoking import Revoking
from evict.control.parts import Parts
from evict.control.reloading import Settings
from evict.control.schedule.planned import Planned
from evict.control.status import Status
from evict.control.staying.staying import Staying
from evict.control.stopping import loudly, within
from evict.control.systems import Systems
from evict.control.watch.watches import Watches
from evict.core.access import Asker
from evict.core.account import Account
from evict.core.errors import AccountUnknown, EvictError, UsageError
from evict.ledger.order import How, Receipt
from evict.ledger.publisher import Publisher
from evict.ledger.service import Ledger
from evict.obs.observer import Observer

log = structlog.get_logger()

_RESUME_PAUSE_S = 5.0


class ControlService:
    """Use as an async context manager; `answer` any number of requests side by side."""

    def __init__(
        self, config: Config, *, settings: Settings | None = None, observer: Observer | None = None
    ) -> None:
        self._config = config
        self.settings = settings or Settings(config)
        self._observer = observer or Observer()
        self._resuming: asyncio.Task[None] | None = None
        self._going_round: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        config = self._config
        if config.directory.krb5_config is not None:
            os.environ["KRB5_CONFIG"] = str(config.directory.krb5_config)
        cases = Cases()
        ledger = await Ledger.open(config.ledger.path)
        publisher = Publisher(
            ledger, config.control.feed, on_acknowledge=cases.acknowledged, on_cut=cases.cut
        )
        if config.has_hooks:
            await publisher.start()
        systems = Systems(config)
        self.audit = await open_audit_log(config, ledger)
        note = counted_note(self.audit.note, self._observer)
        self.notices = notices = Notices(lambda: self.settings.current.notify, ledger, note=note)
        self._parts = parts = Parts(
            settings=self.settings,
            systems=systems,
            orders=Orders(systems),
            ledger=ledger,
            publisher=publisher,
            cases=cases,
            sources=SourceAddresses(config.probes.source_addresses),
            note=note,
            tell=counted_tell(notices.tell, self._observer),
        )
        self._revoking = Revoking(parts)
        await self._revoking.open()
        self.staying = Staying(parts, self._revoking, self._revoking.gate.hold_reinstatement)
        self._watches = Watches(parts, self._revoking, self._revoking.gate, self.staying.look_now)
        self._reinstating = Reinstating(parts, self._revoking)
        self._planned = Planned(parts, self._revoking)
        await self._planned.open()
        self._approving = Approving(parts, self._revoking.gate, self._revoking.closer)
        self._doctor = Doctor(parts, self.audit)
        self._status = Status(parts)
        self._ledger_calls = LedgerCalls(parts)
        tokens = Tokens(ledger.shelf("tokens", Token), own_uid=os.geteuid())
        token_calls = TokenCalls(tokens, parts.note)
        audit_path = audit_file(config.audit, config.ledger.path)
        audit_calls = AuditCalls(audit_path, ledger, systems.directory.resolve)
        self.access = Access(lambda: self.settings.current.access, tokens, parts.note)
        self.health = Health(
            parts,
            self._observer,
            watch_age=lambda: self._watches.silent_s,
            audit_trouble=lambda: self.audit.trouble,
        )
        self._desk = self._made_desk(token_calls, audit_calls)
        notices.start()
        return self

    @property
    def vital(self) -> dict[str, Callable[[], bool]]:
        """What must live for the watchdog to be fed, by name."""
        vital = {"schedules": lambda: self._planned.lives, "staying": _lives(self._going_round)}
        if self._config.has_hooks:
            vital["feed"] = lambda: self._parts.publisher.lives
        if self._config.watch.enabled:
            vital["watch"] = _lives(self._watching)
        return vital

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        loops = [t for t in (self._resuming, self._going_round, self._watching) if t is not None]
        for task in loops:
            task.cancel()
        parts = self._parts
        # What begins work, then what is at it, then what it needs; in all less than `serve` has.
        await within(
            0.5,
            loops=_over(loops),
            planned=self._planned.stop(),
            revoking=self._revoking.stop(),
        )
        await within(
            0.7,
            cases=parts.cases.stop(),
            staying=self.staying.stop(),
            notices=self.notices.stop(),
            publisher=parts.publisher.stop(),
        )
        await within(0.3, systems=parts.systems.close(), audit=self.audit.close())
        await parts.ledger.close()

    async def settle(self) -> None:
        """Wait until no case runs."""
        await self._revoking.closer.settle()
        await self._parts.cases.settle()
        await self.staying.remembered()
        await within(5.0, notices=self.notices.drained())

    async def answer(self, request: api.Request, asker: Asker) -> AsyncIterator[api.Line]:
        """Everything that comes of a request; raises `EvictError` where it comes to nothing."""
        work = self._desk.answer(request, asker)
        async for line in answered(request, asker, work, self._parts.note):
            yield line

    def _made_desk(self, token_calls: TokenCalls, audit_calls: AuditCalls) -> Desk:
        planned, approving, ledger_calls = self._planned, self._approving, self._ledger_calls
        return Desk(
            told={
                api.Revoke: self._revoking.revoke,
                api.Reinstate: self._reinstating.reinstate,
                api.Watch: self._watches.answer,
                api.NotifyTest: self.notices.answer,
                api.Batch: planned.answer,
                api.ScheduleList: planned.answer,
                api.ScheduleCancel: planned.answer,
                api.ScheduleMove: planned.answer,
            },
            data={
                api.Look: lambda request, _: self._look(request),
                api.Reload: lambda _, __: self.settings.reload(),
                api.HeldCall: approving.answer,
                api.Approve: approving.answer,
                api.Dismiss: approving.answer,
                api.LedgerCall: lambda request, _: ledger_calls.answer(request),
                api.TokenCreate: token_calls.answer,
                api.TokenList: token_calls.answer,
                api.TokenRevoke: token_calls.answer,
                api.AuditCall: lambda request, _: audit_calls.answer(request),
            },
        )

    async def _look(self, request: api.Look) -> object:
        match request.what:
            case "doors":
                return await views.doors(self._parts.systems, await self._account(request.name))
            case "plan":
                return await views.plan(self._parts.systems, await self._account(request.name))
            case "status":
                told = await self._status.tell(request.name)
                return {**told, "notices": self.notices.status()}
            case "exposure":
                return await views.exposure(self._parts.systems)
            case "doctor":
                return await self._doctor.examine()
            case _:
                raise UsageError(f"nothing to look at is called {request.what!r}")

    async def _account(self, name: str) -> Account:
        return await self._parts.systems.directory.resolve(name)

    async def resume(self) -> None:
        """Take up what was not at rest, the schedules and the watch, in the background."""
        self._planned.begin()
        self._resuming = asyncio.create_task(self._resume(), name="resume")
        self._going_round = asyncio.create_task(self.staying.run(), name="staying")
        self._watching = asyncio.create_task(self._watches.run(), name="directory watch")
        for task in (self._resuming, self._going_round, self._watching):
            task.add_done_callback(loudly)

    async def _resume(self) -> None:
        left = list(await self._parts.ledger.unfinished())
        while left:
            waiting = []
            for entry in left:
                try:
                    account = await self._parts.orders.account_of(entry)
                    self._revoking.start(account, Receipt(how=How.STANDING, entry=entry))
                except AccountUnknown:
                    log.warning("case.account_gone", seq=entry.body.seq)
                    continue
                except EvictError as error:
                    log.warning("case.waits", seq=entry.body.seq, code=error.code)
                    waiting.append(entry)
                    continue
                log.info("case.resumed", seq=entry.body.seq)
            left = waiting
            if left:
                await asyncio.sleep(_RESUME_PAUSE_S)


async def _over(tasks: Collection[asyncio.Task[None]]) -> None:
    if tasks:
        await asyncio.wait(tasks)


def _lives(task: asyncio.Task[None] | None) -> Callable[[], bool]:
    return lambda: task is not None and not task.done()
