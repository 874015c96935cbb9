# SPDX-License-Identifier: Apache-2.0
"""The control plane: opens everything, answers requests, takes up again what was not finished."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

import structlog

from evict.config.model import Config
from evict.control import api, views
from evict.control.cases import Cases
from evict.control.doctor import Doctor
from evict.control.ledger_calls import LedgerCalls
from evict.control.orders import Orders
from evict.control.parts import Parts
from evict.control.reinstating import Reinstating
from evict.control.revoking import Revoking
from evict.control.sources import SourceAddresses
from evict.control.status import Status
from evict.control.systems import Systems
from evict.core.account import Account
from evict.core.errors import AccountUnknown, EvictError, ExitCode, UsageError
from evict.ledger.order import How, Receipt
from evict.ledger.publisher import Publisher
from evict.ledger.service import Ledger

log = structlog.get_logger()

_RESUME_PAUSE_S = 5.0


class ControlService:
    """Use as an async context manager; `answer` any number of requests side by side."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._resuming: asyncio.Task[None] | None = None

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
        self._parts = parts = Parts(
            config=config,
            systems=systems,
            orders=Orders(systems, config.protected, own_account=config.directory.bind_user),
            ledger=ledger,
            publisher=publisher,
            cases=cases,
            sources=SourceAddresses(config.probes.source_addresses),
        )
        self._revoking = Revoking(parts)
        self._reinstating = Reinstating(parts, self._revoking)
        self._doctor = Doctor(parts)
        self._status = Status(parts)
        self._ledger_calls = LedgerCalls(parts)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._resuming is not None:
            self._resuming.cancel()
        parts = self._parts
        await parts.cases.stop()
        if self._config.has_hooks:
            await parts.publisher.stop()
        await parts.systems.close()
        await parts.ledger.close()

    async def settle(self) -> None:
        """Wait until no case runs."""
        await self._parts.cases.settle()

    async def answer(self, request: api.Request, actor: str) -> AsyncIterator[api.Line]:
        """Everything that comes of a request; raises `EvictError` where it comes to nothing."""
        match request:
            case api.Revoke():
                async for line in self._revoking.revoke(request, actor):
                    yield line
            case api.Reinstate():
                async for line in self._reinstating.reinstate(request, actor):
                    yield line
            case api.Look():
                yield api.Answer(data=await self._look(request))
                yield api.End(exit_code=ExitCode.OK)
            case api.LedgerCall():
                yield api.Answer(data=await self._ledger_calls.answer(request))
                yield api.End(exit_code=ExitCode.OK)

    async def _look(self, request: api.Look) -> object:
        match request.what:
            case "doors":
                return await views.doors(self._parts.systems, await self._account(request.name))
            case "plan":
                return await views.plan(self._parts.systems, await self._account(request.name))
            case "status":
                return await self._status.tell(request.name)
            case "exposure":
                return await views.exposure(self._parts.systems)
            case "doctor":
                return await self._doctor.examine()
            case _:
                raise UsageError(f"nothing to look at is called {request.what!r}")

    async def _account(self, name: str) -> Account:
        return await self._parts.systems.directory.resolve(name)

    async def resume(self) -> None:
        """Take up, in the background, every case that was not at rest at the last end."""
        self._resuming = asyncio.create_task(self._resume(), name="resume")

    async def _resume(self) -> None:
        left = list(await self._parts.ledger.unfinished())
        while left:
            waiting = []
            for entry in left:
                try:
                    account = await self._parts.systems.directory.read(entry.body.account)
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
