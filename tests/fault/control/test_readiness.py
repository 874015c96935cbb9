# SPDX-License-Identifier: Apache-2.0
"""What /readyz and /metrics are told while the ledger's disk fails."""

from __future__ import annotations

import asyncio
from pathlib import Path

import apsw
import pytest

from evict.core.errors import LedgerFull
from tests.fault.control.town import town
from tests.fault.ledger.disk import plugged_in
from tests.unit.ledger.made import revoke

NOT_STORED = ["ledger: its file cannot be written"]


@pytest.mark.parametrize("error", [apsw.FullError, apsw.IOError])
async def test_who_cannot_store_an_order_is_not_ready_until_the_disk_is_well(
    tmp_path: Path, error: type[apsw.Error]
) -> None:
    async with town(tmp_path, "127.62.1.1") as place:
        with plugged_in() as disk:
            async with place.serving() as service:
                assert await service.health.missing() == []
                disk.break_from_now_on(error)
                with pytest.raises(LedgerFull):
                    await service._parts.ledger.append(revoke("bob"))
                assert await service.health.missing() == NOT_STORED
                disk.mend()
                assert await service.health.missing() == NOT_STORED  # not tried each time
                await asyncio.sleep(1.0)
                assert await service.health.missing() == []


async def test_a_ledger_that_cannot_even_be_opened_is_told_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with town(tmp_path, "127.62.1.2") as place:
        with plugged_in() as disk:
            async with place.serving() as service:
                await service.health.snapshot()
                disk.break_from_now_on(apsw.IOError)
                with pytest.raises(LedgerFull):
                    await service._parts.ledger.append(revoke("bob"))
                with monkeypatch.context() as gone:
                    gone.setattr(apsw, "Connection", _no_file)
                    for _ in range(2):
                        assert await service.health.missing() == NOT_STORED
                    service.health._counted_at = -60.0
                    assert not (await service.health.snapshot()).ready
                disk.mend()


def _no_file(*_args: object, **_kwargs: object) -> apsw.Connection:
    raise apsw.CantOpenError("unable to open the file")
