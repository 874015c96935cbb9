# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Final

from msgspec import structs

from evict.config.exchange import ExchangeSection
from evict.core.account import Account
from evict.core.endpoint import Endpoint
from evict.core.errors import SystemFault
from evict.core.exposure import Exposure, Finding
from evict.core.measure import BeforeImage, Effect, Measure
from evict.core.secret import Secret
from evict.systems.base import Observation, Order, Passwords
from evict.systems.exchange import sightings
from evict.systems.exchange.access import Log, Logs, Served
from evict.systems.exchange.disturbing import Disturbing
from evict.systems.exchange.doors import Doors
from evict.systems.exchange.elsewhere import Elsewhere
from evict.systems.exchange.exposure import exposures
from evict.systems.exchange.findings import examine
from evict.systems.exchange.inventory import Inventory, Reader
from evict.systems.exchange.marks import Marks
from evict.systems.exchange.measures import Measures
from evict.systems.exchange.plan import Planner
from evict.systems.exchange.port import EXCHANGE, SERVER, Shell, ShellAccess, Timeouts
from evict.systems.exchange.settings import token_lives
from evict.systems.exchange.undo import Undo
from evict.systems.exchange.writes import Writes

_SEARCH_WAITED_S: Final = 0.2
"""How long a look within a case waits for the search of other mailboxes; the next look has it."""


class ExchangeConnector:
    """Control-side adapter to one Exchange organisation on own servers, 2010 to SE.

    Args:
        password: the service account's.
    """

    product: Final = "exchange"

    def __init__(
        self, section: ExchangeSection, password: Secret, *, timeouts: Timeouts | None = None
    ) -> None:
        self._section = section
        self._password = password
        self._timeouts = timeouts or Timeouts()
        self._doors = Doors(section)
        self._shell = self._open(section.shell_url, EXCHANGE)
        self._search = self._open(section.shell_url, EXCHANGE)
        self._servers = {
            server.name: self._open(server.shell_url, SERVER)
            for server in section.servers
            if server.shell_url is not None
        }
        self._logs = {name: Logs(s, section.version) for name, s in self._servers.items()}
        self._reader = Reader(self._shell, section.version)
        self._elsewhere = Elsewhere(self._search)
        self._marks = Marks()
        self._planner = Planner(section, self._doors)
        writes = Writes(self._shell, section.version)
        disturbing = Disturbing(
            self._reader, writes, self._logs, self._marks, section.target_database
        )
        self._measures = Measures(self._reader, writes, self._elsewhere, disturbing)
        self._undo = Undo(self._reader, writes, self._elsewhere)
        self._owed: dict[str, dict[str, Measure]] = {}

    def _open(self, url: str, configuration: str) -> Shell:
        return Shell(
            ShellAccess(
                system=self._section.name,
                version=self._section.version,
                url=url,
                configuration=configuration,
                user=self._section.bind_user,
                password=self._password,
                authentication=self._section.authentication,
                ca_file=self._section.ca_file,
                timeouts=self._timeouts,
            )
        )

    @property
    def name(self) -> str:
        return self._section.name

    def endpoints(self) -> tuple[Endpoint, ...]:
        return self._doors.endpoints()

    async def close(self) -> None:
        await self._elsewhere.close()
        shells = (self._shell, self._search, *self._servers.values())
        await asyncio.gather(*(shell.close() for shell in shells))

    async def observe(self, account: Account, order: Order | None) -> Observation:
        """Look at the mailbox, at the servers' logs and at other mailboxes, side by side.

        A part that cannot be read is a sighting of its own, so that every door is named.

        Raises:
            SystemFault: the mailbox itself could not be asked for.
        """
        started = datetime.now(UTC)
        mine = await self._reader.mailbox(account.id)
        if mine is None:
            fact = "the account has no mailbox here"
            return Observation(system=self.name, expectations=(), facts=(fact,), state=Inventory())
        wait_s = None if order is None or order.shown else _SEARCH_WAITED_S
        seen, found, logs = await asyncio.gather(
            self._reader.read(mine, moves=self._section.may_move, wipes=self._section.wipe_account),
            self._elsewhere.of(account.id, mine, wait_s=wait_s),
            asyncio.gather(*(self._log(server, account) for server in self._servers)),
        )
        served: tuple[Served, ...] = ()
        if order is not None:
            served = await self._served(account, logs, shut=seen.shut(self._section.version))
        state = structs.replace(seen, elsewhere=found, served=served)
        look = sightings.Look(self._doors, started, self._shell.where)
        unread = tuple(f"log of {log.server}: {log.fault}" for log in logs if log.fault)
        return Observation(
            system=self.name,
            expectations=self._doors.expectations(
                um=mine.um_enabled,
                archive=mine.archive,
                commit_at=None if order is None else order.commit_at,
            ),
            sightings=look.all(state),
            facts=(*sightings.facts(state, self._section.version), *unread),
            state=state,
        )

    async def _log(self, server: str, account: Account) -> Log:
        try:
            return Log(server=server, lines=await self._logs[server].of(account.sam))
        except SystemFault as fault:
            return Log(server=server, fault=fault.text)

    async def _served(self, account: Account, logs: list[Log], *, shut: bool) -> tuple[Served, ...]:
        if not shut:
            self._marks.forget(account.id)
            return ()
        out = []
        for log in logs:
            if log.fault:
                continue
            self._marks.shut(account.id, log)
            for served in self._marks.served(account.id, log):
                people, whole = await self._people(served, account)
                out.append(structs.replace(served, people=people, whole=whole))
        return tuple(out)

    async def _people(self, served: Served, account: Account) -> tuple[int, bool]:
        try:
            return await self._logs[served.server].people(served, account.sam)
        except SystemFault:
            return 0, False

    def plan(self, account: Account, seen: Observation, order: Order | None) -> tuple[Measure, ...]:
        """What is needed still, and again what was sent and not answered: that one looks first."""
        if not isinstance(seen.state, Inventory):
            return ()
        needed = self._planner.plan(seen.state, order)
        ids = {measure.id for measure in needed}
        owed = self._owed.get(account.id, {}) if order is not None else {}
        again = [measure for measure in owed.values() if measure.id not in ids]
        return tuple(sorted((*needed, *again), key=lambda measure: measure.stage))

    async def apply(
        self,
        account: Account,
        measure: Measure,
        order: Order,  # noqa: ARG002 - the plan has it
        passwords: Passwords,  # noqa: ARG002 - Exchange has no password of its own
    ) -> Effect:
        """Until it was answered it is owed: a look tells later whether it was done."""
        owed = self._owed.setdefault(account.id, {})
        owed[measure.id] = measure
        effect = await self._measures.apply(account, measure)
        owed.pop(measure.id, None)
        return effect

    async def undo(self, account: Account, image: BeforeImage, *, overwrite: bool) -> Effect:
        self._owed.pop(account.id, None)
        self._marks.forget(account.id)
        try:
            return await self._undo.undo(account, image, overwrite=overwrite)
        finally:
            self._elsewhere.forget(account.id)

    async def exposure(self) -> tuple[Exposure, ...]:
        lives, _ = await token_lives(self._servers)
        return exposures(self._doors, self._section.version, lives)

    async def findings(self) -> tuple[Finding, ...]:
        """What `evict doctor` says: the shell and its roles first, then each server's own."""
        return await examine(self._section, self._shell, self._servers)
