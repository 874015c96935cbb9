# SPDX-License-Identifier: Apache-2.0
"""An announced leaver at a front that is pushed to: its map has the names from the instant on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from evict.agent.replica import Change
from tests.live.haproxy_rig import PRODUCTS, Rig, basic, needs_haproxy
from tests.unit.agent.fakes import announced, leaves

pytestmark = needs_haproxy
FORMS = ("alice", "alice@corp.test", "corp\\alice")


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    rig = Rig(tmp_path, "127.164.4.1")
    async with rig.running():
        yield rig


def tell(rig: Rig, change: Change) -> None:
    """What the agent does with a change."""
    for hook in rig.hooks.values():
        for account in change.reinstated:
            hook.spare(account)
        for leaver in change.revoked:
            hook.cut(leaver.account, leaver.seq, leaver.forms)
        hook.fed()


async def becomes(rig: Rig, product: str, header: str, status: int) -> None:
    """Wait for it."""
    for _ in range(200):
        if await rig.status(product, header) == status:
            return
    pytest.fail(f"{product} did not come to {status}")


@pytest.mark.parametrize("product", PRODUCTS)
async def test_the_map_has_the_names_from_the_instant_on_and_not_after_a_cancelling(
    rig: Rig, product: str
) -> None:
    hers = await rig.session(product, "Alice")
    at = datetime.now(UTC) + timedelta(seconds=0.4)
    tell(rig, rig.replica.announce(announced(leaves("id-1", at, *FORMS))))
    assert await rig.status(product, hers) == 200
    await rig.until(lambda: datetime.now(UTC) >= at)
    tell(rig, rig.replica.reach())
    await becomes(rig, product, hers, 403)
    assert await rig.status(product, basic("CORP\\Alice")) == 403
    assert await rig.status(product, basic("bob")) == 200
    tell(rig, rig.replica.announce(announced(number=2)))
    await becomes(rig, product, basic("alice"), 200)


async def test_the_entry_takes_over_and_the_map_never_lacks_the_names(rig: Rig) -> None:
    tell(rig, rig.replica.announce(announced(leaves("id-1", datetime.now(UTC), *FORMS))))
    await becomes(rig, "sogo", basic("alice"), 403)
    await rig.enforced(rig.revoke("id-1", *FORMS))
    tell(rig, rig.replica.announce(announced(number=2)))
    for _ in range(50):
        assert await rig.status("sogo", basic("alice")) == 403
    await rig.enforced(rig.reinstate("id-1"))
    await becomes(rig, "sogo", basic("alice"), 200)
