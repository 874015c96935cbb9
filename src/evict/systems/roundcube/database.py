# SPDX-License-Identifier: Apache-2.0
"""Roundcube's tables: who has sessions, and their end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct
from psycopg import sql

from evict.core.secret import Secret
from evict.systems import postgres
from evict.systems.postgres import table
from evict.systems.roundcube import php

_BATCH: Final = 50
"""Rows that are read at once: some milliseconds, in which no witness beats."""
_MISSING: Final = "has no tables of Roundcube's: check table_prefix"


class Sessions(Struct, frozen=True, kw_only=True):
    """What the table holds.

    Attributes:
        names: id of each session that somebody has signed in with -> the name.
        unreadable: how many rows cannot be told whose they are.
    """

    names: dict[str, str]
    unreadable: int = 0


class Database:
    """Each question is a transaction of its own. Raises a `SystemFault`.

    Args:
        dsn: libpq's connection string, as URI or as key=value.
        prefix: db_prefix.
    """

    def __init__(self, dsn: Secret, *, system: str, prefix: str = "") -> None:
        self._tables = postgres.Database(dsn, system=system, missing=_MISSING)
        self._session = f"{prefix}session"

    @property
    def where(self) -> str:
        return self._tables.where

    async def close(self) -> None:
        await self._tables.close()

    async def sessions(self) -> Sessions:
        """Every session."""
        names: dict[str, str] = {}
        unreadable = 0
        query = table("SELECT sess_id, vars FROM {session}", session=self._session)
        async with self._tables.read() as transaction:
            async for rows in transaction.pieces(query, _BATCH):
                for sess_id, stored in rows:
                    try:
                        name = php.read_stored(str(stored)).username
                    except php.Unreadable:
                        unreadable += 1
                        continue
                    if name is not None:
                        names[str(sess_id)] = name
        return Sessions(names=names, unreadable=unreadable)

    async def end(self, ids: Iterable[str]) -> int:
        """Delete these rows; how many that were.

        Raises:
            Uncertain: sent and not answered.
        """
        query = table("DELETE FROM {session} WHERE sess_id = ANY(%s)", session=self._session)
        async with self._tables.write() as transaction:
            return await transaction.run(query, (list(ids),))

    async def holds(self, sess_id: str) -> bool:
        """Whether there is a row of this id."""
        query = table("SELECT 1 FROM {session} WHERE sess_id = %s", session=self._session)
        async with self._tables.read() as transaction:
            return bool(await transaction.rows(query, (sess_id,)))

    async def may_delete(self) -> bool:
        """Whether our role may delete sessions."""
        name = sql.Identifier(self._session).as_string(None)
        query = sql.SQL("SELECT has_table_privilege(%s, 'DELETE')")
        async with self._tables.read() as transaction:
            return bool((await transaction.rows(query, (name,)))[0][0])
