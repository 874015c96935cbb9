# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final, TypeVar

from msgspec import structs

from evict.config.sogo import SogoSection
from evict.core.account import Account
from evict.core.endpoint import Endpoint
from evict.core.errors import SystemFault
from evict.core.exposure import Exposure, Finding
from evict.core.measure import BeforeImage, Effect, Measure
from evict.core.secret import Secret
from evict.systems.base import Observation, Order, Passwords
from evict.systems.command import Tool
from evict.systems.postgres import Database, Timeouts, Transaction, table
from evict.systems.sogo import devices, profile, settings, sightings
from evict.systems.sogo.cache import Cache
from evict.systems.sogo.doors import Doors, endpoints
from evict.systems.sogo.exposure import exposures
from evict.systems.sogo.findings import Doctor
from evict.systems.sogo.inventory import Inventory
from evict.systems.sogo.measures import Measures
from evict.systems.sogo.memcached import Memcached
from evict.systems.sogo.names import Names
from evict.systems.sogo.plan import Planner
from evict.systems.sogo.stores import Stores
from evict.systems.sogo.undo import Undo

_Seen = TypeVar("_Seen")

_MISSING: Final = "lacks a table of SOGo's: check profile_table, folder_table and sessions_table"


class SogoConnector:
    """Control-side adapter to one SOGo: its cache in memcached, its tables in PostgreSQL.

    Args:
        dsn: what database_file holds; None where there is none.
    """

    product: Final = "sogo"

    def __init__(
        self, section: SogoSection, dsn: Secret | None, *, timeouts: Timeouts | None = None
    ) -> None:
        self._section = section
        self._doors = Doors(section)
        self._cache = Cache(Memcached(a, system=section.name) for a in section.memcached)
        self._database = None
        if dsn is not None:
            self._database = Database(dsn, system=section.name, missing=_MISSING, timeouts=timeouts)
        self._stores = Stores(section, self._database, self._cache)
        self._planner = Planner(section, self._doors)
        self._measures = Measures(section, self._stores)
        self._undo = Undo(self._stores)
        self._tool = Tool(system=section.name, prefix=section.command_prefix)

    @property
    def name(self) -> str:
        return self._section.name

    def endpoints(self) -> tuple[Endpoint, ...]:
        return endpoints(self._section)

    async def close(self) -> None:
        if self._database is not None:
            await self._database.close()

    async def observe(self, account: Account, order: Order | None) -> Observation:
        """Look at the cache and into the database, side by side.

        A part that cannot be looked at is a sighting of its own, so that every door is named.
        """
        started = datetime.now(UTC)
        names = self._names(account)
        cached, stored = await asyncio.gather(self._cached(names), self._stored(names.uid))
        state = structs.replace(
            stored,
            cached=cached.cached,
            listed=cached.listed,
            owed=self._stores.owed.of(account.id),
            faults={**stored.faults, **cached.faults},
        )
        where = self._database.where if self._database is not None else ""
        look = sightings.Look(self._doors, started, cache=self._cache.where, database=where)
        return Observation(
            system=self.name,
            expectations=self._doors.expectations(None if order is None else order.commit_at),
            sightings=tuple(look.all(state, take_shares=self._section.take_shares)),
            facts=sightings.facts(state),
            state=state,
        )

    def _names(self, account: Account) -> Names:
        return Names(self._section, account)

    async def _cached(self, names: Names) -> Inventory:
        if not self._cache.configured:
            return Inventory()
        try:
            held = await self._cache.held(names)
        except SystemFault as fault:
            return Inventory(faults={sightings.CACHE: fault})
        return Inventory(cached=held.keys, listed=held.listed)

    async def _stored(self, uid: str) -> Inventory:
        """Each part in a transaction of its own: one that fails hides no other."""
        if self._database is None or not uid:
            return Inventory()
        section, faults = self._section, dict[str, SystemFault]()

        async def part(name: str, look: Callable[[Transaction], Awaitable[_Seen]]) -> _Seen | None:
            try:
                async with self._stores.database.read() as transaction:
                    return await look(transaction)
            except SystemFault as fault:
                faults[name] = fault
                return None

        table_ = section.profile_table
        own = await part(sightings.PROFILE, lambda t: profile.read(t, table_, uid))
        lent = await part(sightings.IDENTITIES, lambda t: profile.identities(t, table_, uid))
        shares = None
        try:
            shares = await self._stores.search.of(self._database, uid)
        except SystemFault as fault:
            faults[sightings.SHARES] = fault
        phones = await part(sightings.DEVICES, lambda t: devices.read(t, section.cache_table, uid))
        sessions = await part(sightings.SESSIONS, self._sessions)
        return Inventory(
            profile=own,
            identities=lent,
            shares=shares.shares if shares is not None else None,
            searched_at=shares.started if shares is not None else None,
            devices=phones,
            sessions=sessions,
            faults=faults,
        )

    async def _sessions(self, transaction: Transaction) -> int:
        query = table("SELECT count(*) FROM {sessions}", sessions=self._section.sessions_table)
        count = (await transaction.rows(query))[0][0]
        return count if isinstance(count, int) else 0

    def plan(self, account: Account, seen: Observation, order: Order | None) -> tuple[Measure, ...]:  # noqa: ARG002 - the protocol's arguments
        return self._planner.plan(seen.state) if isinstance(seen.state, Inventory) else ()

    async def apply(
        self,
        account: Account,
        measure: Measure,
        order: Order,  # noqa: ARG002 - the plan has it
        passwords: Passwords,  # noqa: ARG002 - SOGo has no password of its own
    ) -> Effect:
        return await self._measures.apply(account, measure)

    async def undo(self, account: Account, image: BeforeImage, *, overwrite: bool) -> Effect:
        return await self._undo.undo(account, image, overwrite=overwrite)

    async def exposure(self) -> tuple[Exposure, ...]:
        read = await settings.read(self._tool, self._section.config_file)
        return exposures(self._doors, read)

    async def findings(self) -> tuple[Finding, ...]:
        """What `evict doctor` says: the interfaces first, then what the settings allow."""
        return await Doctor(self._section, self._database, self._stores, self._tool).examine()
