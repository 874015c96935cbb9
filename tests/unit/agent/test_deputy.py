# SPDX-License-Identifier: Apache-2.0
"""A deputy on the real feed: what it acknowledges is what its front enforces."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from evict.agent.deputy import Deputy
from evict.agent.follower import Follower
from evict.agent.replica import Replica
from evict.ledger.publisher import Publisher
from evict.ledger.service import Ledger
from tests.unit.ledger.made import revoke


class Estate:
    """A ledger with its feed, an agent with its replica, and a deputy for "sogo"."""

    def __init__(self, ledger: Ledger, folder: Path) -> None:
        self.ledger = ledger
        path = folder / "feed.sock"
        self.publisher = Publisher(ledger, path)
        self.replica = Replica()
        self.follower = Follower(
            path, self.replica, agent="agent", hooks=(), cut=lambda _change: None
        )
        self.deputy = Deputy(path, self.replica, agent="agent", system="sogo")

    def acknowledged(self) -> int | None:
        """How far the deputy's hook refuses, as the control plane sees it; None: it is lost."""
        seqs = {a.name: a.acknowledged_seq for a in self.publisher.agents()}
        return seqs.get("agent:sogo")


async def eventually(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture
async def estate(tmp_path: Path) -> AsyncIterator[Estate]:
    ledger = await Ledger.open(tmp_path / "ledger.db")
    made = Estate(ledger, tmp_path)
    await made.publisher.start()
    tasks = [asyncio.create_task(t.run()) for t in (made.follower, made.deputy)]
    try:
        yield made
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await made.publisher.stop()
        await ledger.close()


async def revoked(estate: Estate, name: str) -> int:
    """Append one, and wait until the agent's own copy has it; its number."""
    await estate.ledger.append(revoke(name))
    seq = estate.ledger.head.seq
    await eventually(lambda: estate.replica.seq == seq)
    return seq


async def test_it_acknowledges_no_further_than_the_front_enforces(estate: Estate) -> None:
    first = await revoked(estate, "alice")
    estate.deputy.enforces(first)
    await eventually(lambda: estate.acknowledged() == first)
    second = await revoked(estate, "bob")
    await asyncio.sleep(0.1)
    assert estate.acknowledged() == first
    estate.deputy.enforces(second)
    await eventually(lambda: estate.acknowledged() == second)


async def test_the_control_plane_waits_for_it_and_says_who_is_silent(estate: Estate) -> None:
    estate.deputy.enforces(await revoked(estate, "alice"))
    await eventually(lambda: estate.acknowledged() == 1)
    seq = await revoked(estate, "bob")
    told = await estate.publisher.wait_ack(seq, 0.2)
    assert "agent" in told
    assert "agent:sogo" not in told


async def test_a_front_that_nobody_knows_of_is_lost_and_found_again(estate: Estate) -> None:
    seq = await revoked(estate, "alice")
    estate.deputy.enforces(seq)
    await eventually(lambda: estate.acknowledged() == seq)
    estate.deputy.lapsed("HAProxy does not answer")
    await eventually(lambda: estate.acknowledged() is None)
    assert [a.name for a in estate.publisher.lost_agents()] == ["agent:sogo"]
    later = await revoked(estate, "bob")
    estate.deputy.enforces(later)
    await eventually(lambda: estate.acknowledged() == later)
    assert estate.publisher.lost_agents() == ()


async def test_before_the_front_is_known_it_says_nothing(estate: Estate) -> None:
    await revoked(estate, "alice")
    await asyncio.sleep(0.1)
    assert estate.acknowledged() is None
    assert estate.publisher.lost_agents() == ()


async def test_a_control_plane_that_went_away_is_met_again(estate: Estate, tmp_path: Path) -> None:
    seq = await revoked(estate, "alice")
    estate.deputy.enforces(seq)
    await eventually(lambda: estate.acknowledged() == seq)
    await estate.publisher.stop()
    estate.publisher = Publisher(estate.ledger, tmp_path / "feed.sock")
    await estate.publisher.start()
    await eventually(lambda: estate.acknowledged() == seq)


async def test_it_never_acknowledges_what_was_not_sent_to_it(estate: Estate) -> None:
    """Sabotage would be: acknowledge what the replica has. The link is then ended at once."""
    seq = await revoked(estate, "alice")
    estate.deputy.enforces(seq + 5)
    await eventually(lambda: estate.acknowledged() == seq)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.2):
            while estate.acknowledged() == seq:
                await asyncio.sleep(0.01)
    assert estate.acknowledged() == seq
