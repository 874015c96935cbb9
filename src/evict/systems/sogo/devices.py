# SPDX-License-Identifier: Apache-2.0
"""Phones: what SOGo keeps of each so that it need not send everything again.

Deleting it makes a phone begin anew and ends nothing. It is set aside instead, under another path,
so that it can be put back as it was; in its place stands a row that ends what the phone holds
open: a Ping or a Sync in flight looks, each SOGoInternalSyncInterval, whether another request of
the same phone has come, and this row says so.
Source: SOGo 5.8.0, SOGoActiveSyncDispatcher.m (`processPing:`, `globalMetadataForDevice`),
SOGoActiveSyncDispatcher+Sync.m (`processSync:`), SOGoCacheGCSObject.m, BSONCodec.m.
"""

from __future__ import annotations

import base64
import struct
from typing import Final, LiteralString

from psycopg import sql

from evict.systems.postgres import Transaction
from evict.systems.sogo.inventory import Device
from evict.systems.sogo.names import own_cache_table
from evict.systems.sogo.shares import exists

GLOBAL: Final = 200
"""c_type of the row that stands for a phone (ActiveSyncGlobalCacheObject)."""
_ASIDE: Final = "/!"
"""Path of what is set aside; a device id is letters and digits, so none begins so."""

_ROWS: Final = "(c_path = {start} || %(id)s OR starts_with(c_path, {start} || %(id)s || '+'))"
_NOW: Final = "extract(epoch from now())::integer"


def _stub() -> str:
    """BSON of a request that is not the one in flight: {"PingRequest": "0", "SyncRequest": 0}."""
    ping = b"\x02PingRequest\x00" + struct.pack("<i", 2) + b"0\x00"
    sync = b"\x10SyncRequest\x00" + struct.pack("<i", 0)
    body = ping + sync + b"\x00"
    return base64.b64encode(struct.pack("<i", len(body) + 4) + body).decode()


STUB: Final = _stub()


async def read(transaction: Transaction, prefix: str, uid: str) -> tuple[Device, ...]:
    """Every phone of this user."""
    combined = await exists(transaction, prefix)
    name = prefix if combined else own_cache_table(prefix, uid)
    if not combined and not await exists(transaction, name):
        return ()
    text = (
        "SELECT c_path, {uid} FROM {cache} WHERE c_type = %(type)s AND c_deleted <> 1"
        " AND left(c_path, 2) <> %(aside)s AND coalesce(c_content, '') <> %(stub)s"
        " AND lower({uid}) = lower(%(uid)s) ORDER BY c_path"
    )
    whose = sql.SQL("c_uid") if combined else sql.SQL("%(uid)s::text")
    query = sql.SQL(text).format(uid=whose, cache=sql.Identifier(name))
    values = {"type": GLOBAL, "aside": _ASIDE, "stub": STUB, "uid": uid}
    return tuple(
        Device(id=str(path).removeprefix("/"), table=name, uid=str(owner), combined=combined)
        for path, owner in await transaction.rows(query, values)
    )


class Rows:
    """The rows of one phone."""

    def __init__(self, transaction: Transaction, device: Device) -> None:
        self._transaction = transaction
        self._device = device
        whose = sql.SQL(" AND c_uid = %(uid)s" if device.combined else "")
        self._names = {
            "cache": sql.Identifier(device.table),
            "live": sql.SQL(_ROWS).format(start=sql.Literal("/")) + whose,
            "aside": sql.SQL(_ROWS).format(start=sql.Literal(_ASIDE)) + whose,
            "now": sql.SQL(_NOW),
        }
        self._values: dict[str, object] = {
            "id": device.id,
            "uid": device.uid,
            "stub": STUB,
            "type": GLOBAL,
            "mark": _ASIDE,
        }

    async def _run(self, text: LiteralString) -> int:
        query = sql.SQL(text).format(**self._names)
        return await self._transaction.run(query, self._values)

    async def _count(self, text: LiteralString) -> int:
        query = sql.SQL(text).format(**self._names)
        return len(await self._transaction.rows(query, self._values))

    async def exist(self) -> bool:
        """Whether the table is there at all."""
        return await exists(self._transaction, self._device.table)

    async def live(self) -> int:
        """Rows that SOGo uses, without the one that was put in their place."""
        return await self._count(
            "SELECT 1 FROM {cache} WHERE {live} AND coalesce(c_content, '') <> %(stub)s"
        )

    async def aside(self) -> int:
        return await self._count("SELECT 1 FROM {cache} WHERE {aside}")

    async def set_aside(self) -> int:
        """Out of SOGo's sight, and the other row in their place; how many.

        What a request in flight wrote after that is no state of before: it is deleted.
        """
        await self._run("DELETE FROM {cache} WHERE {live} AND coalesce(c_content, '') = %(stub)s")
        if await self.aside():
            moved = await self._run("DELETE FROM {cache} WHERE {live}")
        else:
            moved = await self._run(
                "UPDATE {cache} SET c_path = %(mark)s || substr(c_path, 2) WHERE {live}"
            )
        await self._run(_PUT_COMBINED if self._device.combined else _PUT)
        return moved

    async def put_back(self) -> int:
        """As they were; how many."""
        await self._run("DELETE FROM {cache} WHERE {live}")
        return await self._run("UPDATE {cache} SET c_path = '/' || substr(c_path, 3) WHERE {aside}")


_PUT: Final = """
INSERT INTO {cache}
  (c_path, c_type, c_creationdate, c_lastmodified, c_version, c_deleted, c_content)
VALUES ('/' || %(id)s, %(type)s, {now}, {now}, 0, 1, %(stub)s)
"""
_PUT_COMBINED: Final = """
INSERT INTO {cache}
  (c_uid, c_path, c_type, c_creationdate, c_lastmodified, c_version, c_deleted, c_content)
VALUES (%(uid)s, '/' || %(id)s, %(type)s, {now}, {now}, 0, 1, %(stub)s)
"""
