# SPDX-License-Identifier: Apache-2.0
"""The embedded organisation with Evict beside it, all of one test's own and in its process."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from evict.agent.service import run_agent
from evict.cli.demo.app import endpoints_of
from evict.cli.demo.clients import Clients
from evict.config.load import load
from evict.config.model import Config
from evict.control import api
from evict.control.progress import CaseReport, Note, Refused
from evict.control.service import ControlService
from evict.core.access import administrator
from evict.core.account import Account
from evict.core.errors import Bug, ExitCode
from evict.evidence.keys import make_keys
from evict.lab.estate.front import hook_answers
from evict.lab.estate.layout import DOMAIN, NETBIOS, Layout
from evict.lab.estate.organisation import Lab, Options, running
from evict.lab.estate.people import Person, people
from evict.lab.model.mailbox import Mailbox

ASKER = administrator("a test", person="uid:0")

ALICE, BOB, CAROL, DAVE, *_OTHERS = people(8)


@dataclass
class Ended:
    """What one order came to."""

    code: ExitCode
    report: CaseReport | None = None
    refused: Refused | None = None
    password: str = ""
    notes: tuple[str, ...] = ()

    @property
    def effects(self) -> dict[str, str]:
        return {} if self.report is None else {e.measure: e.kind for e in self.report.effects}

    @property
    def failures(self) -> str:
        return "" if self.report is None else "; ".join(self.report.failures)

    @property
    def doors(self) -> dict[str, str]:
        """The provable ones."""
        if self.report is None:
            return {}
        return {v.door.name: v.judgement for v in self.report.doors if v.nature == "provable"}


@dataclass
class Place:
    """Attributes are live parts; `service` is there within `serving`."""

    layout: Layout
    lab: Lab
    config: Config

    def box(self, person: Person) -> Mailbox:
        return self.lab.model.mailboxes[person.sam]

    def account(self, person: Person) -> Account:
        """As the directory would show it."""
        held = self.lab.model.directory.get(person.sam)
        return Account(
            id=held.guid,
            directory="directory",
            dn=held.dn,
            sam=held.sam,
            upn=held.upn,
            domain=NETBIOS,
            dns_domain=DOMAIN,
            addresses=tuple(held.addresses),
            display_name=held.display_name,
        )

    @asynccontextmanager
    async def serving(self, *, agent: bool = True) -> AsyncIterator[ControlService]:
        """Evict, and the agent beside it unless told otherwise."""
        async with ControlService(self.config) as service, AsyncExitStack() as stack:
            if agent and self.config.has_hooks:
                await self.agent(service, stack)
            yield service

    async def agent(self, service: ControlService, stack: AsyncExitStack) -> Callable[[], None]:
        """Start the agent and wait until it answers; returns what stops it."""
        stop = asyncio.Event()
        running_agent = asyncio.create_task(run_agent(self.config, stop))
        stack.push_async_callback(asyncio.wait, [running_agent])
        stack.callback(stop.set)
        publisher = service._parts.publisher
        async with asyncio.timeout(10):
            while not publisher.agents() or not await hook_answers(self.layout):
                await asyncio.sleep(0.01)
        return stop.set

    async def revoke(
        self,
        service: ControlService,
        person: Person,
        request: str = "r1",
        *,
        allow_bounce: bool = False,
    ) -> Ended:
        """Raises `EvictError` where the whole order comes to nothing."""
        names = (person.upn(DOMAIN),)
        order = api.Revoke(names=names, request=request, allow_bounce=allow_bounce)
        return await _told(service, order)

    async def reinstate(self, service: ControlService, person: Person) -> Ended:
        return await _told(service, api.Reinstate(name=person.upn(DOMAIN), request="back"))

    async def clients(self, person: Person, *, anew: bool = True) -> Clients:
        """The person's own programs, signed in everywhere."""
        made = Clients(person, DOMAIN, anew=anew)
        await made.open(endpoints_of(self.layout))
        return made


async def _told(service: ControlService, request: api.Request) -> Ended:
    ended = Ended(ExitCode.BUG)
    notes: list[str] = []
    async for line in service.answer(request, ASKER):
        match line:
            case CaseReport():
                ended.report = line
            case Refused():
                ended.refused = line
            case Note():
                notes.append(line.text)
            case api.Password():
                ended.password = line.password
            case api.End():
                ended.code, ended.notes = line.exit_code, tuple(notes)
                return ended
    raise Bug("no end")


@asynccontextmanager
async def place(
    folder: Path,
    *,
    version: str = "2019",
    hook: bool = True,
    count: int = 8,
) -> AsyncIterator[Place]:
    """An organisation on addresses of its own."""
    layout = Layout(folder=folder / "lab", address=own_address())
    async with running(layout, Options(version=version, people=count, hook=hook)) as lab:
        make_keys(layout.folder / "keys")
        yield Place(layout, lab, load(layout.config))


def own_address() -> str:
    """Room for the addresses that are counted from it."""
    second, third = (random.randint(100, 250) for _ in range(2))
    return f"127.{second}.{third}.{random.randint(1, 200)}"
