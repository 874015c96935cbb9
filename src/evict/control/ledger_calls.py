# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from typing import Any

from evict.control import api
from evict.control.parts import Parts
from evict.core.errors import AccountUnknown, UsageError
from evict.core.revocation import Entry


class LedgerCalls:
    """`evict ledger` on the running ledger."""

    def __init__(self, parts: Parts) -> None:
        self._systems = parts.systems
        self._ledger = parts.ledger

    async def answer(self, call: api.LedgerCall) -> dict[str, Any]:
        match call.what:
            case "verify":
                return await self._verify()
            case "show":
                return await self._show(call.argument)
            case "backup":
                count = await self._ledger.backup(Path(call.argument))
                return {"path": call.argument, "entries": count}
            case "erase":
                return {"erased": await self._ledger.erase(call.argument)}
            case _:
                raise UsageError(f"the ledger cannot {call.what!r}")

    async def _verify(self) -> dict[str, Any]:
        head = await self._ledger.verify()
        return {"entries": head.seq, "epoch": head.epoch, "head": head.hash.hex()}

    async def _show(self, name: str) -> dict[str, Any]:
        account = await self._account_id(name)
        entries = await self._ledger.entries_since(0)
        rows = [_row(e) for e in entries if not account or e.body.account == account]
        return {"entries": rows}

    async def _account_id(self, name: str) -> str:
        """The id of a name; an account that the directory no longer has goes by its id."""
        if not name or name in self._ledger.standings:
            return name
        try:
            return (await self._systems.directory.resolve(name)).id
        except AccountUnknown:
            raise AccountUnknown(
                f"neither the ledger nor the directory knows {name!r}; a deleted account goes by"
                " its objectGUID"
            ) from None


def _row(entry: Entry) -> dict[str, Any]:
    body, personal = entry.body, entry.personal
    return {
        "seq": body.seq,
        "epoch": body.epoch,
        "at": body.at,
        "kind": str(body.kind),
        "account": body.account,
        "generation": body.generation,
        "label": personal.label if personal else "(erased)",
        "actor": personal.actor if personal else "",
        "reason": personal.reason if personal else "",
        "forms": list(personal.forms) if personal else [],
        "hash": entry.hash.hex(),
    }
