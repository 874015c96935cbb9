# SPDX-License-Identifier: Apache-2.0
"""Rights in calendars and address books, in both directions.

Where OCSAclURL is set one table holds them all; else each folder has a table of its own, and a
right of the leaver's may be in any of them: all that are not empty are looked through, some
hundred a statement (measured: 0.2 ms a table that has rows).
Source: SOGo 5.8.0, SOGoGCSFolder.m (`_fetchAclsForUser:forObjectAtPath:`, `_commitRoles:`),
GCSFolderManager.m.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from psycopg import sql

from evict.systems.postgres import Transaction, table
from evict.systems.sogo.inventory import Share, Shares

TABLES_A_STATEMENT: Final = 200
"""Each costs locks, of which a server has 64 a connection by default."""

_TABLES: Final = """
SELECT c.relname FROM pg_class AS c
WHERE c.relkind = 'r' AND pg_relation_size(c.oid) > 0 AND pg_table_is_visible(c.oid)
AND c.relname IN (
  SELECT lower(regexp_replace(c_acl_location, '^.*/', '')) FROM {folders}
  WHERE c_acl_location LIKE '%%/%%')
ORDER BY c.relname
"""
_ROWS: Final = (
    "SELECT {label}, c_object, c_uid, c_role, {folder} FROM {table}"
    " WHERE lower(c_uid) = lower(%(uid)s) OR starts_with(lower(c_object), lower(%(own)s))"
)
_STANDING: Final = "SELECT c_role FROM {acl} WHERE c_object = %(object)s AND c_uid = %(holder)s"
_TAKE: Final = "DELETE FROM {acl} WHERE c_object = %(object)s AND c_uid = %(holder)s"
_GIVE: Final = """
INSERT INTO {acl} (c_object, c_uid, c_role) VALUES (%(object)s, %(holder)s, %(role)s)
"""
_GIVE_COMBINED: Final = """
INSERT INTO {acl} (c_object, c_uid, c_role, c_folder_id)
VALUES (%(object)s, %(holder)s, %(role)s, %(folder)s)
"""


class Tables:
    """Where rights are, at one SOGo."""

    def __init__(self, folders: str, combined: str) -> None:
        self._folders = folders
        self._combined = combined

    async def read(self, transaction: Transaction, uid: str) -> Shares:
        """Whatever this user may do elsewhere, and whoever may do something with this user's."""
        names = await self.names(transaction)
        combined = names == [self._combined]
        parameters = {"uid": uid, "own": f"/{uid}/"}
        found: dict[tuple[str, str, int | None, str], list[str]] = {}
        for some in _chunks(names):
            union = sql.SQL(" UNION ALL ").join(_rows(name, combined=combined) for name in some)
            for where, path, holder, role, folder in await transaction.rows(union, parameters):
                number = folder if isinstance(folder, int) else None
                found.setdefault((str(where), str(path), number, str(holder)), []).append(str(role))
        shares = [
            Share(table=where, object=path, folder=number, holder=holder, roles=tuple(roles))
            for (where, path, number, holder), roles in sorted(found.items(), key=_by_object)
        ]
        return Shares(
            elsewhere=tuple(s for s in shares if not (s.empty or _same(s.owner, uid))),
            own=tuple(
                s for s in shares if _same(s.owner, uid) and not (s.empty or _same(s.holder, uid))
            ),
            searched=len(names),
        )

    async def names(self, transaction: Transaction) -> list[str]:
        """The one table of all folders, or each folder's own; most of these are empty files."""
        if await exists(transaction, self._combined):
            return [self._combined]
        found = await transaction.rows(table(_TABLES, folders=self._folders))
        return [str(row[0]) for row in found]

    async def standing(self, transaction: Transaction, share: Share) -> tuple[str, ...] | None:
        """The roles as they are now; None where the folder, or its table, is gone."""
        there = await exists(transaction, share.table)
        if not there or not await self._folder(transaction, share.object):
            return None
        query = table(_STANDING, acl=share.table)
        where = {"object": share.object, "holder": share.holder}
        found = await transaction.rows(query, where)
        return tuple(str(row[0]) for row in found)

    async def _folder(self, transaction: Transaction, path: str) -> bool:
        """Of `/owner/Calendar/personal`, and of what is within it."""
        folder = "/Users/" + "/".join(path.strip("/").split("/")[:3])
        query = table("SELECT 1 FROM {folders} WHERE c_path = %(path)s", folders=self._folders)
        return bool(await transaction.rows(query, {"path": folder}))

    async def set(self, transaction: Transaction, share: Share, roles: Iterable[str]) -> None:
        """Give the holder exactly these roles in this folder, and no other."""
        where: dict[str, object] = {"object": share.object, "holder": share.holder}
        await transaction.run(table(_TAKE, acl=share.table), where)
        query = table(_GIVE if share.folder is None else _GIVE_COMBINED, acl=share.table)
        for role in roles:
            await transaction.run(query, where | {"role": role, "folder": share.folder})


async def exists(transaction: Transaction, name: str) -> bool:
    """Whether there is such a table where SOGo would find it."""
    query = sql.SQL("SELECT to_regclass(quote_ident(%(name)s)) IS NOT NULL")
    found = await transaction.rows(query, {"name": name})
    return bool(found[0][0])


def _rows(name: str, *, combined: bool) -> sql.Composed:
    folder = sql.SQL("c_folder_id") if combined else sql.SQL("NULL::integer")
    parts = {"label": sql.Literal(name), "folder": folder, "table": sql.Identifier(name)}
    return sql.SQL(_ROWS).format(**parts)


def _chunks(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), TABLES_A_STATEMENT):
        yield names[start : start + TABLES_A_STATEMENT]


def _by_object(item: tuple[tuple[str, str, int | None, str], list[str]]) -> tuple[str, str]:
    (_, path, _, holder), _ = item
    return path, holder


def _same(one: str, other: str) -> bool:
    return one.lower() == other.lower()
