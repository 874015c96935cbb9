# SPDX-License-Identifier: Apache-2.0
"""Where batches and schedules are ordered in tests: a service, and a clock that is set by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from evict.control import api
from evict.control.schedule.planned import Call, Planned
from evict.control.service import ControlService
from evict.core.access import Asker, Role
from evict.core.errors import Bug, ExitCode
from evict.core.revocation import Standing
from evict.sources.batch import Line
from evict.sources.instant import spoken
from tests.fault.control.town import Town

NOON = datetime(2030, 5, 6, 12, 0, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)
ERIKA = Asker(name="uid:1000(erika)", person="uid:1000", roles=frozenset({Role.OPERATOR}))


@dataclass
class Clock:
    at: datetime = NOON

    def __call__(self) -> datetime:
        return self.at

    def go(self, **by: float) -> None:
        self.at += timedelta(**by)


@dataclass
class Desk:
    """Attributes: `planned` has a clock of its own; the service's has the real one, and rests."""

    service: ControlService
    clock: Clock
    planned: Planned
    told: list[str] = field(default_factory=list)

    async def ask(self, call: Call, asker: Asker = ERIKA) -> tuple[dict[str, Any], ExitCode]:
        """The data as a client gets it, and the exit code."""
        data: object = None
        async for line in self.planned.answer(call, asker):
            if isinstance(line, api.Answer):
                data = msgspec.json.decode(msgspec.json.encode(line.data))
            elif isinstance(line, api.End):
                assert isinstance(data, dict)
                return data, line.exit_code
        raise Bug("no end")

    async def order(
        self, *lines: Line, asker: Asker = ERIKA, **options: Any
    ) -> tuple[list[dict[str, Any]], ExitCode]:
        """What became of each line, and the exit code."""
        numbered = tuple(
            msgspec.structs.replace(line, number=number) for number, line in enumerate(lines, 1)
        )
        call = api.Batch(**{"lines": numbered, "request": "r1", **options})
        data, code = await self.ask(call, asker)
        assert [line["number"] for line in data["lines"]] == [line.number for line in numbered]
        return data["lines"], code

    async def schedule(self, name: str, at: datetime = LATER, **options: Any) -> str:
        """The id of a schedule for one account."""
        (fate,), code = await self.order(line(name, at), **options)
        assert (fate["fate"], code) == ("scheduled", ExitCode.OK), fate
        return str(fate["schedule"])

    def standing(self, account: str) -> Standing | None:
        return self.service._parts.ledger.standing(account)

    async def closed(self, account: str) -> Standing:
        """Wait until it stands revoked."""
        async with asyncio.timeout(10):
            while (standing := self.standing(account)) is None or not standing.revoked:
                await asyncio.sleep(0.01)
        return standing

    async def emptied(self) -> None:
        """Wait until nothing is scheduled any more."""
        async with asyncio.timeout(10):
            while self.planned.schedules.all:
                await asyncio.sleep(0.01)

    async def entries(self) -> int:
        return len(await self.service._parts.ledger.entries_since(0))


def line(name: str, at: datetime | str = "", reason: str = "") -> Line:
    text = at if isinstance(at, str) else spoken(at)
    return Line(number=0, account=name, at=text, reason=reason)


@asynccontextmanager
async def desk(town: Town, clock: Clock | None = None, *, runs: bool = True) -> AsyncIterator[Desk]:
    """Opens the service; with `runs` what is scheduled is carried out."""
    clock = clock or Clock()
    async with town.serving() as service:
        planned = Planned(service._parts, service._revoking, clock=clock)
        await planned.open()
        if runs:
            planned.begin()
            await asyncio.sleep(0)
        try:
            yield Desk(service, clock, planned)
        finally:
            await planned.stop()
