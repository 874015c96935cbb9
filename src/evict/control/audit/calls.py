# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from msgspec import to_builtins

from evict.control import api
from evict.control.audit.log import HEAD, SHELF, Newest
from evict.control.audit.reading import files_of, judge, shown, whole
from evict.core.account import Account
from evict.core.errors import EvictError, UsageError
from evict.ledger.service import Ledger

_MOST: Final = 100_000
"""Records in one answer."""


class AuditCalls:
    """`evict audit` where the ledger is open.

    Args:
        resolve: the account of a name, as the directory knows it.
    """

    def __init__(
        self, path: Path, ledger: Ledger, resolve: Callable[[str], Awaitable[Account]]
    ) -> None:
        self._path = path
        self._ledger = ledger
        self._resolve = resolve

    async def answer(self, call: api.AuditCall) -> dict[str, Any]:
        match call.what:
            case "show":
                return await self._show(call)
            case "verify":
                return await self._verify()
            case _:
                raise UsageError(f"the audit log cannot {call.what!r}")

    async def _verify(self) -> dict[str, Any]:
        # First: the log may grow meanwhile, and must not have less than the ledger knew before.
        newest = await self._ledger.shelf(SHELF, Newest).get(HEAD)
        files, follower = await asyncio.to_thread(
            whole, self._path, 0 if newest is None else newest.n
        )
        hashes: dict[int, str | None] = {}
        for _, seq in follower.stands:
            digest = await self._ledger.hash_at(seq)
            hashes[seq] = None if digest is None else digest.hex()
        verified = judge(
            follower,
            files,
            hashes=hashes,
            epoch=self._ledger.head.epoch,
            newest=None if newest is None else (newest.n, newest.hash),
        )
        return {**to_builtins(verified), "ledger": self._ledger.head.seq}

    async def _show(self, call: api.AuditCall) -> dict[str, Any]:
        names = frozenset({call.account, await self._id(call.account)} - {""})
        files = await asyncio.to_thread(files_of, self._path)
        records = await asyncio.to_thread(
            shown, files, on=names, since=call.since, most=min(call.most, _MOST)
        )
        return {"records": records}

    async def _id(self, name: str) -> str:
        if not name or name in self._ledger.standings:
            return name
        try:
            return (await self._resolve(name)).id
        except EvictError:
            return name  # of an order that came to nothing only the name was known
