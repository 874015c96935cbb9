# SPDX-License-Identifier: Apache-2.0
"""A leaver who was deleted before the case was at rest, and Evict was killed in between."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from evict.control.service import ControlService
from evict.core.revocation import Kind
from tests.contract.fake_entries import BASE_DN
from tests.fault.control.town import NAME, UPN, Town, town

HOST = "127.61.1.3"


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Town]:
    async with town(tmp_path, HOST) as made:
        yield made


async def commit_only(service: ControlService) -> None:
    """As far as it came when it was killed: the entry stands, and no case ran."""
    parts = service._parts
    account = await parts.systems.directory.resolve(UPN)
    order = await parts.orders.ledger_order(
        Kind.REVOCATION, account, request="r1", actor="a test", reason="left"
    )
    await parts.ledger.append(order)


async def test_the_sessions_of_somebody_deleted_meanwhile_are_ended_after_a_restart(
    place: Town,
) -> None:
    async with place.serving() as service:
        await commit_only(service)
    del place.controller.store.entries[f"CN={NAME},{BASE_DN}"]
    assert (NAME, "imap") in place.dovecot.sessions
    async with place.serving() as service:
        await service.resume()
        assert service._resuming is not None
        await service._resuming
        await service.settle()
        assert place.dovecot.sessions == [("carol", "imap")]
        assert await service._parts.ledger.unfinished() == []
