# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from evict.core.errors import ConfigError
from evict.ledger.feed import CutAgain, CutStep
from evict.ledger.publisher import Publisher
from evict.ledger.service import CHUNK, Ledger
from tests.unit.ledger.an_agent import Agent
from tests.unit.ledger.made import NOON, personal, revoke


class Feed:
    """A ledger with its publisher, and what the publisher told."""

    def __init__(self, ledger: Ledger, path: Path) -> None:
        self.ledger = ledger
        self.path = path
        self.told: list[tuple[str, int]] = []
        self.cuts: list[tuple[str, CutStep]] = []
        self.publisher = Publisher(
            ledger,
            path,
            on_acknowledge=lambda agent, _hooks, seq: self.told.append((agent, seq)),
            on_cut=lambda agent, _hooks, step: self.cuts.append((agent, step)),
        )


@contextlib.asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Feed]:
    ledger = await Ledger.open(folder / "ledger.db")
    feed = Feed(ledger, folder / "feed.sock")
    await feed.publisher.start()
    try:
        yield feed
    finally:
        await feed.publisher.stop()
        await ledger.close()


@pytest.fixture
async def feed(tmp_path: Path) -> AsyncIterator[Feed]:
    async with serving(tmp_path) as made:
        yield made


async def eventually(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


async def test_a_new_agent_gets_everything_and_then_each_entry_as_it_is_stored(feed: Feed) -> None:
    await feed.ledger.append_many([revoke("alice"), revoke("bob")])
    agent = await Agent.connect(feed.path)
    await agent.until(2)
    assert [(r.whole, r.caught_up, len(r.entries)) for r in agent.runs] == [(True, True, 2)]
    assert agent.runs[0].entries[0].forms == personal("alice").forms
    await feed.ledger.append(revoke("carol"))
    await agent.until(3)
    assert agent.verifier.hash == feed.ledger.head.hash
    assert not agent.runs[-1].whole
    await agent.leave()


async def test_an_agent_of_an_empty_ledger_is_told_that_it_has_everything(feed: Feed) -> None:
    agent = await Agent.connect(feed.path)
    await agent.until(0)
    assert agent.runs[0].caught_up
    await agent.leave()


async def test_an_agent_that_comes_back_gets_only_what_it_lacks(feed: Feed) -> None:
    receipts = await feed.ledger.append_many([revoke(f"a{n}") for n in range(5)])
    agent = await Agent.connect(feed.path, seq=3, digest=receipts[2].entry.hash)
    run = await agent.message()
    assert [e.hash for e in getattr(run, "entries", ())] == [r.entry.hash for r in receipts[3:]]
    assert not getattr(run, "whole", True)
    await agent.leave()


@pytest.mark.parametrize(("seq", "digest"), [(3, b"x" * 32), (9, b"y" * 32), (-1, b"")])
async def test_an_agent_with_another_chain_gets_the_whole_of_ours_at_once(
    feed: Feed, seq: int, digest: bytes
) -> None:
    await feed.ledger.append_many([revoke(f"a{n}") for n in range(CHUNK + 5)])
    agent = await Agent.connect(feed.path, seq=seq, digest=digest)
    await agent.until(CHUNK + 5)
    assert [(r.whole, r.caught_up) for r in agent.runs] == [(True, True)]
    assert feed.publisher.agents()[0].forked
    await agent.leave()


async def test_a_long_ledger_comes_in_runs_and_only_the_last_says_caught_up(feed: Feed) -> None:
    await feed.ledger.append_many([revoke(f"a{n}") for n in range(2 * CHUNK + 1)])
    agent = await Agent.connect(feed.path)
    await agent.until(2 * CHUNK + 1)
    assert [(r.whole, r.caught_up) for r in agent.runs] == [
        (True, False),
        (False, False),
        (False, True),
    ]
    await agent.leave()


async def test_nothing_is_missed_by_agents_that_come_in_the_middle_of_a_storm(feed: Feed) -> None:
    async def storm() -> None:
        for number in range(300):
            await feed.ledger.append(revoke(f"a{number}"))

    storming = asyncio.create_task(storm())
    agents = []
    for number in range(10):
        await asyncio.sleep(0.005)
        agents.append(await Agent.connect(feed.path, f"agent-{number}"))
    await storming
    for agent in agents:
        await agent.until(300)
        assert agent.verifier.hash == feed.ledger.head.hash
        await agent.leave()


async def test_acknowledgements_are_told_and_waited_for(feed: Feed) -> None:
    one, two = await Agent.connect(feed.path, "one"), await Agent.connect(feed.path, "two")
    await one.until(0)
    await two.until(0)
    before = datetime.now(UTC)
    await feed.ledger.append(revoke("alice"))
    published = feed.publisher.published_at(1)
    assert published is not None
    assert before <= published <= datetime.now(UTC)
    assert feed.publisher.published_at(2) is None
    await one.until(1)
    one.acknowledge()
    assert await feed.publisher.wait_ack(1, 0.2) == {"one": NOON}
    waiting = asyncio.create_task(feed.publisher.wait_ack(1, 5))
    await two.until(1)
    two.acknowledge(NOON + timedelta(seconds=1))
    assert await waiting == {"one": NOON, "two": NOON + timedelta(seconds=1)}
    assert sorted(feed.told) == [("one", 1), ("two", 1)]
    assert await feed.publisher.wait_ack(1, 0.05, expected=["three"]) == await waiting
    await one.leave()
    await two.leave()


async def test_a_lost_agent_is_still_waited_for(feed: Feed) -> None:
    agent = await Agent.connect(feed.path)
    await agent.until(0)
    await agent.leave()
    await eventually(lambda: not feed.publisher.agents())
    assert [a.name for a in feed.publisher.lost_agents()] == ["one"]
    await feed.ledger.append(revoke("alice"))
    assert await feed.publisher.wait_ack(1, 0.05) == {}
    back = await Agent.connect(feed.path)
    await back.until(1)
    back.acknowledge()
    assert await feed.publisher.wait_ack(1, 5) == {"one": NOON}
    assert feed.publisher.lost_agents() == ()
    await back.leave()


async def test_cut_steps_are_told_and_cutters_asked_again(feed: Feed) -> None:
    await feed.ledger.append(revoke("alice"))
    agent = await Agent.connect(feed.path)
    await agent.until(1)
    agent.cut(1)
    await eventually(lambda: feed.cuts)
    assert [(name, step.count) for name, step in feed.cuts] == [("one", 2)]
    feed.publisher.cut_again(1)
    assert await agent.message() == CutAgain(seq=1)
    await agent.leave()


async def test_the_newer_connection_of_an_agent_replaces_the_older(feed: Feed) -> None:
    older = await Agent.connect(feed.path)
    await older.until(0)
    newer = await Agent.connect(feed.path)
    await newer.until(0)
    with pytest.raises((EOFError, ConnectionError)):
        await older.message()
    await feed.ledger.append(revoke("alice"))
    await newer.until(1)
    assert len(feed.publisher.agents()) == 1
    await older.leave()
    await newer.leave()


async def test_the_socket_is_for_owner_and_group_alone(feed: Feed) -> None:
    assert feed.path.stat().st_mode & 0o777 == 0o660
    second = Publisher(feed.ledger, feed.path)
    with pytest.raises(ConfigError, match="another process serves"):
        await second.start()
    await second.stop()


async def test_a_socket_left_by_a_killed_process_is_replaced(tmp_path: Path) -> None:
    async with serving(tmp_path) as first:
        left = tmp_path / "left.sock"
        first.path.rename(left)
        left.unlink()
    (tmp_path / "feed.sock").touch()
    async with serving(tmp_path) as second:
        agent = await Agent.connect(second.path)
        await agent.until(0)
        await agent.leave()
