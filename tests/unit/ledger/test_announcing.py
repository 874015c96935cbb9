# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from evict.ledger.feed import (
    ANNOUNCED,
    Announced,
    Announcement,
    Beat,
    Entries,
    FromControl,
    Hello,
    Listed,
)
from evict.ledger.service import CHUNK
from tests.unit.ledger.an_agent import Agent
from tests.unit.ledger.made import NOON, revoke
from tests.unit.ledger.test_publisher import Feed, eventually, serving


@pytest.fixture
async def feed(tmp_path: Path) -> AsyncIterator[Feed]:
    async with serving(tmp_path) as made:
        yield made


async def connected(path: Path, name: str = "one") -> Agent:
    """One that takes lists."""
    agent = Agent(name, *await asyncio.open_unix_connection(path))
    agent.say(Hello(agent=name, seq=0, hash=b"", hooks=("dovecot",), takes=(ANNOUNCED,)))
    return agent


async def next_list(agent: Agent) -> tuple[Announced, list[FromControl]]:
    """And what came before it."""
    before: list[FromControl] = []
    while not isinstance(message := await agent.message(), Announced):
        if not isinstance(message, Beat):
            before.append(message)
    return message, before


def leaves(account: str) -> Announcement:
    return Announcement(id=f"s-{account}", account=account, forms=(account,), at=NOON)


async def test_the_list_comes_after_the_entries_and_again_at_each_change(feed: Feed) -> None:
    await feed.ledger.append_many([revoke(f"a{n}") for n in range(CHUNK + 1)])
    feed.publisher.announce([leaves("bob")])
    agent = await connected(feed.path)
    found, before = await next_list(agent)
    assert found.people == (leaves("bob"),)
    assert sum(len(run.entries) for run in before if isinstance(run, Entries)) == CHUNK + 1
    assert not feed.publisher.agents()[0].listed
    agent.say(Listed(number=found.number))
    await eventually(lambda: feed.publisher.agents()[0].listed)
    number = feed.publisher.announce([])
    assert not feed.publisher.agents()[0].listed
    found, _ = await next_list(agent)
    assert (found.number, found.people) == (number, ())
    agent.say(Listed(number=number))
    assert await feed.publisher.wait_listed(number, 5) == {"one"}
    await agent.leave()


async def test_before_the_first_list_no_agent_is_told_that_there_is_none(feed: Feed) -> None:
    agent = await connected(feed.path)
    await agent.until(0)
    await feed.ledger.append(revoke("alice"))
    feed.publisher.announce([leaves("bob")])
    found, before = await next_list(agent)
    assert [type(message) for message in before] == [Entries]
    assert found.people == (leaves("bob"),)
    await agent.leave()


async def test_an_entry_that_carries_it_out_comes_before_the_list_without_it(feed: Feed) -> None:
    feed.publisher.announce([leaves("bob")])
    agent = await connected(feed.path)
    await next_list(agent)
    await feed.ledger.append(revoke("bob"))
    feed.publisher.announce([])
    found, before = await next_list(agent)
    assert found.people == ()
    assert [len(run.entries) for run in before if isinstance(run, Entries)] == [1]
    await agent.leave()


async def test_an_agent_of_before_is_sent_none_and_holds_up_nobody(feed: Feed) -> None:
    number = feed.publisher.announce([leaves("bob")])
    old = await Agent.connect(feed.path, "old")
    await old.until(0)
    await feed.ledger.append(revoke("alice"))
    await old.until(1)
    assert await feed.publisher.wait_listed(number, 5) == frozenset()
    assert not feed.publisher.agents()[0].listed
    await old.leave()


async def test_one_that_does_not_say_so_is_waited_for_no_longer_than_that(feed: Feed) -> None:
    agent = await connected(feed.path)
    await agent.until(0)
    number = feed.publisher.announce([leaves("bob")])
    assert await feed.publisher.wait_listed(number, 0.05) == frozenset()
    await agent.leave()


async def test_a_list_too_long_for_a_buffer_is_there_whole_and_only_the_newest(feed: Feed) -> None:
    agent = await connected(feed.path)
    await agent.until(0)
    long = [
        Announcement(id=f"s-{n}", account=f"id-{n}", forms=("x" * 200,) * 5, at=NOON)
        for n in range(10_000)
    ]
    for _ in range(4):
        number = feed.publisher.announce(long)
    await feed.ledger.append(revoke("alice"))
    numbers: list[int] = []
    while number not in numbers:
        found, _ = await next_list(agent)
        numbers.append(found.number)
    assert found.people == tuple(long)
    assert numbers == sorted(numbers)
    assert len(numbers) < 4
    await agent.leave()


def test_a_control_plane_of_before_passes_over_what_an_agent_takes() -> None:
    class OldHello(msgspec.Struct, tag="hello"):
        agent: str
        seq: int
        hash: bytes
        hooks: tuple[str, ...]
        version: int = 1

    new = Hello(agent="one", seq=0, hash=b"", hooks=(), takes=(ANNOUNCED,))
    old = msgspec.msgpack.decode(msgspec.msgpack.encode(new), type=OldHello)
    assert (old.agent, old.version) == ("one", 1)
