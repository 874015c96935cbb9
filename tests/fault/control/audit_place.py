# SPDX-License-Identifier: Apache-2.0
"""An audit log beside a ledger, written and read back as the control plane does it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from evict.control import api
from evict.control.audit.calls import AuditCalls
from evict.control.audit.log import AuditLog
from evict.control.audit.offline import verify_offline
from evict.control.audit.record import Record, Result
from evict.core.account import Account
from evict.core.errors import AccountUnknown
from evict.ledger.service import Ledger


def record(number: int = 0, **fields: Any) -> Record:
    return Record(
        who="uid:0(root)", what="revoke", result=Result.DONE, on=(f"a{number}",), **fields
    )


class Place:
    def __init__(self, folder: Path, ledger: Ledger, log: AuditLog) -> None:
        self.path = folder / "audit.jsonl"
        self.copy = folder / "copy.db"
        self.ledger = ledger
        self.log = log

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(raw) for raw in self.path.read_bytes().splitlines()]

    async def verify(self) -> dict[str, Any]:
        calls = AuditCalls(self.path, self.ledger, unknown)
        return await calls.answer(api.AuditCall(what="verify"))

    async def show(self, account: str = "", **fields: Any) -> list[dict[str, Any]]:
        calls = AuditCalls(self.path, self.ledger, unknown)
        found = await calls.answer(api.AuditCall(what="show", account=account, **fields))
        records: list[dict[str, Any]] = found["records"]
        return records

    async def verify_copies(self) -> dict[str, Any]:
        self.copy.unlink(missing_ok=True)
        await self.ledger.backup(self.copy)
        return await asyncio.to_thread(verify_offline, self.path, self.copy)


async def unknown(name: str) -> Account:
    raise AccountUnknown(name)


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Place]:
    """A log and its ledger, both empty."""
    ledger = await Ledger.open(folder / "log.db")
    log = await AuditLog.open(folder / "audit.jsonl", ledger)
    yield Place(folder, ledger, log)
    await log.close()
    await ledger.close()
