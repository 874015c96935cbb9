# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import time
import uuid
from pathlib import Path

from evict.control.watch.refused_forms import RefusedForms
from evict.core.revocation import Kind, Personal
from evict.ledger.order import LedgerOrder
from evict.ledger.service import Ledger

ROUNDS = 40


def order(kind: Kind, account: str) -> LedgerOrder:
    personal = Personal(label=account, forms=(account,))
    return LedgerOrder(kind=kind, account=account, request=str(uuid.uuid4()), personal=personal)


async def test_who_is_reinstated_while_the_ledger_is_read_is_not_taken_for_revoked(
    tmp_path: Path,
) -> None:
    ledger = await Ledger.open(tmp_path / "ledger.db")
    for number in range(ROUNDS):
        account = f"account-{number}"
        await ledger.append(order(Kind.REVOCATION, account))
        refused = RefusedForms(ledger)
        loading = asyncio.create_task(refused.load())
        for _ in range(number):
            await asyncio.sleep(0)
        appending = asyncio.create_task(ledger.append(order(Kind.REINSTATEMENT, account)))
        await asyncio.sleep(0)
        time.sleep(0.02)  # noqa: ASYNC251 - a loop that is busy: both come at once then
        await asyncio.gather(loading, appending)
        assert refused.of(account) is None
    await ledger.close()
