# SPDX-License-Identifier: Apache-2.0
"""A product's PostgreSQL: whole transactions within a time, and each fault told without its data.

An error of PostgreSQL's may quote what it was given or what it holds (a preference or a session
with a password in it), so only its class and code are told, and it is no cause of ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final, LiteralString

import psycopg
from msgspec import Struct
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from evict.core.errors import (
    AccessRefused,
    ConfigError,
    RemoteProtocolError,
    SystemFault,
    Uncertain,
    Unreachable,
)
from evict.core.secret import Secret

Row = tuple[object, ...]
Parameters = Mapping[str, object] | Sequence[object]
Query = sql.SQL | sql.Composed

_LOCK_MS: Final = 3000
_NO_RIGHT: Final = ("28", "42501")
_NO_TABLE: Final = ("3F000", "42P01", "42703")
_LOCKED: Final = ("55P03", "57014")


class Timeouts(Struct, frozen=True, kw_only=True):
    """Seconds. `whole_s` is for one transaction."""

    connect_s: int = 3
    whole_s: float = 10.0


class Transaction:
    """Statements of one transaction."""

    def __init__(self, connection: psycopg.AsyncConnection[Row]) -> None:
        self._connection = connection

    async def rows(self, query: Query, parameters: Parameters = ()) -> list[Row]:
        """All rows of a statement that gives rows."""
        cursor = await self._connection.execute(query, parameters)
        return await cursor.fetchall()

    async def run(self, query: Query, parameters: Parameters = ()) -> int:
        """How many rows it touched."""
        cursor = await self._connection.execute(query, parameters)
        return cursor.rowcount

    async def pieces(self, query: Query, size: int) -> AsyncIterator[list[Row]]:
        """All rows, so many at once: neither memory nor the loop is taken for long."""
        async with self._connection.cursor("evict") as cursor:
            await cursor.execute(query)
            while rows := await cursor.fetchmany(size):
                yield rows


class Database:
    """One connection, made at need and kept; one transaction at a time.

    Args:
        dsn: libpq's connection string, as URI or as key=value.
        missing: said where a table or a column is not there: what to check.
    """

    def __init__(
        self, dsn: Secret, *, system: str, missing: str, timeouts: Timeouts | None = None
    ) -> None:
        self._dsn = dsn
        self._system = system
        self._missing = missing
        self._timeouts = timeouts or Timeouts()
        self._connection: psycopg.AsyncConnection[Row] | None = None
        self._turn = asyncio.Lock()
        self.where = _where(dsn)

    @asynccontextmanager
    async def read(self, within_s: float | None = None) -> AsyncIterator[Transaction]:
        """Look, without being able to write. Raises a `SystemFault`."""
        whole_s = within_s or self._timeouts.whole_s
        async with self._begun(whole_s, sql.SQL("SET TRANSACTION READ ONLY")) as transaction:
            yield transaction

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Transaction]:
        """All of it or nothing.

        Raises:
            Uncertain: the end of it was sent and not answered.
            SystemFault: nothing is written.
        """
        async with self._begun(self._timeouts.whole_s) as transaction:
            yield transaction

    @asynccontextmanager
    async def _begun(
        self, whole_s: float, first: sql.SQL | None = None
    ) -> AsyncIterator[Transaction]:
        committing = False
        async with self._turn:
            try:
                async with asyncio.timeout(whole_s):
                    connection = await self._connected()
                    if first is not None:
                        await connection.execute(first)
                    await _limit(connection, whole_s)
                    yield Transaction(connection)
                    committing = first is None
                    await connection.commit()
            except TimeoutError:
                await self._drop()
                text = f"{self.where} did not answer within {whole_s:g} s"
                raise self._lost(text, committing=committing) from None
            except psycopg.Error as error:
                await self._drop()
                raise self._fault(error, committing=committing) from None
            except BaseException:
                await self._drop()
                raise

    async def _connected(self) -> psycopg.AsyncConnection[Row]:
        if self._connection is not None:
            try:
                await self._connection.execute("SELECT 1")
                await self._connection.rollback()
            except psycopg.Error:
                await self._drop()
            else:
                return self._connection
        try:
            self._connection = await psycopg.AsyncConnection.connect(
                _conninfo(self._dsn, self._timeouts.connect_s), prepare_threshold=None
            )
        except psycopg.Error as error:
            raise self._not_connected(error) from None
        return self._connection

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def close(self) -> None:
        async with self._turn:
            await self._drop()

    def _not_connected(self, error: psycopg.Error) -> SystemFault:
        said = str(error)
        refused = "authentication failed" in said or "no pg_hba.conf entry" in said
        if refused or "does not exist" in said:
            text = f"{self.where} does not take the user, the password or the database's name"
            return AccessRefused(text, system=self._system)
        return Unreachable(f"{self.where} cannot be reached", system=self._system)

    def _fault(self, error: psycopg.Error, *, committing: bool) -> SystemFault:
        code = error.sqlstate or ""
        if code.startswith(_NO_RIGHT):
            primary = error.diag.message_primary or "a right is missing"
            return AccessRefused(f"{self.where}: {primary}", system=self._system)
        if code in _LOCKED:
            return Unreachable(f"{self.where}: somebody holds a lock", system=self._system)
        if code in _NO_TABLE:
            return RemoteProtocolError(f"{self.where} {self._missing}", system=self._system)
        if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
            return self._lost(f"{self.where}: the connection was lost", committing=committing)
        text = f"{self.where}: {type(error).__name__} ({code or 'no code'})"
        return RemoteProtocolError(text, system=self._system)

    def _lost(self, text: str, *, committing: bool) -> SystemFault:
        fault = Uncertain if committing else Unreachable
        return fault(text, system=self._system)


async def _limit(connection: psycopg.AsyncConnection[Row], whole_s: float) -> None:
    """Of this transaction alone: a pooler may hand the session to somebody else after it."""
    limits = {"statement_timeout": int(whole_s * 1000), "lock_timeout": _LOCK_MS}
    for name, value in limits.items():
        await connection.execute("SELECT set_config(%s, %s, true)", (name, str(value)))


def table(text: LiteralString, **names: str) -> sql.Composed:
    """A statement with names of tables in it, each quoted."""
    return sql.SQL(text).format(**{k: sql.Identifier(name) for k, name in names.items()})


def _conninfo(dsn: Secret, connect_s: int) -> str:
    return make_conninfo(
        dsn.reveal(), connect_timeout=connect_s, application_name="evict", tcp_user_timeout=10_000
    )


def _where(dsn: Secret) -> str:
    """Host, port and database. Raises `ConfigError`; libpq's own text would quote the secret."""
    try:
        parts = conninfo_to_dict(dsn.reveal())
    except psycopg.Error:
        raise ConfigError("database_file holds no PostgreSQL connection string") from None
    host, port = parts.get("host") or "localhost", parts.get("port") or 5432
    return f"{host}:{port}/{parts.get('dbname') or parts.get('user') or ''}"
