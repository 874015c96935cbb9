# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from evict.config.sogo import SogoSection
from evict.core.errors import RemoteProtocolError, Unsupported
from evict.systems.postgres import Database, Transaction
from evict.systems.sogo.cache import Cache
from evict.systems.sogo.owed import Owed
from evict.systems.sogo.profile import Texts
from evict.systems.sogo.search import Search
from evict.systems.sogo.shares import Tables


class Stores:
    """Where one SOGo keeps what outlives a request."""

    def __init__(self, section: SogoSection, database: Database | None, cache: Cache) -> None:
        self.tables = Tables(section.folder_table, section.acl_table)
        self.search = Search(self.tables)
        self.cache = cache
        self.owed = Owed(cache)
        self._profiles = section.profile_table
        self._database = database
        self._system = section.name

    @property
    def database(self) -> Database:
        """Raises `Unsupported` where none is configured."""
        if self._database is None:
            raise Unsupported("database_file is not configured", system=self._system)
        return self._database

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Transaction]:
        """As `Database.write`; what was found before is looked for again."""
        try:
            async with self.database.write() as transaction:
                yield transaction
        finally:
            self.search.forget()

    @asynccontextmanager
    async def texts(self) -> AsyncIterator[Texts]:
        """The profiles, to change them: all of it or nothing."""
        async with self.database.write() as transaction:
            yield Texts(transaction, self._profiles)

    def strange(self, text: str) -> RemoteProtocolError:
        return RemoteProtocolError(text, system=self._system)
