# SPDX-License-Identifier: Apache-2.0
"""Agents that read nothing, say nonsense, or vanish: the others do not notice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from evict.ledger import agent_link
from evict.ledger.feed import Acknowledge, Beat, Hello, encode
from tests.unit.ledger.an_agent import Agent
from tests.unit.ledger.made import NOON, revoke
from tests.unit.ledger.test_publisher import Feed, eventually, serving

HELLO = Hello(agent="bad", seq=0, hash=b"", hooks=())


@pytest.mark.parametrize(
    "said",
    [
        b"\x00\x00\x00\x05hello",
        b"\xff\xff\xff\xff",
        encode(Beat(seq=0)),
        encode(Hello(agent="", seq=0, hash=b"", hooks=())),
        encode(Hello(agent="a\nb", seq=0, hash=b"", hooks=())),
        encode(Hello(agent="x", seq=0, hash=b"", hooks=(), version=2)),
        encode(HELLO) + encode(HELLO),
        encode(HELLO) + encode(Acknowledge(seq=99, at=NOON)),
    ],
)
async def test_an_agent_that_says_nonsense_is_left_and_the_others_are_served(
    tmp_path: Path, said: bytes
) -> None:
    async with serving(tmp_path) as feed:
        good = await Agent.connect(feed.path, "good")
        await good.until(0)
        reader, writer = await asyncio.open_unix_connection(feed.path)
        writer.write(said)
        async with asyncio.timeout(5):
            while await reader.read(65536):
                pass
        writer.close()
        await feed.ledger.append(revoke("alice"))
        await good.until(1)
        assert [a.name for a in feed.publisher.agents()] == ["good"]
        await good.leave()


async def unsent_to_a_deaf_agent(feed: Feed) -> int:
    """Bytes kept for an agent that reads nothing, after orders of 40 MiB."""
    reader, writer = await asyncio.open_unix_connection(feed.path)
    writer.write(encode(HELLO))
    await eventually(feed.publisher.agents)
    await asyncio.sleep(0.05)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    for batch in range(20):
        await feed.ledger.append_many([revoke(f"a{batch}-{n}") for n in range(2500)])
    link = next(iter(feed.publisher._links.values()))
    unsent = link._writer.transport.get_write_buffer_size()
    writer.transport.abort()
    del reader
    return unsent


async def test_a_deaf_agent_costs_a_bounded_buffer(tmp_path: Path) -> None:
    async with serving(tmp_path) as feed:
        assert await unsent_to_a_deaf_agent(feed) < 2 * agent_link.MAX_UNSENT


async def test_without_the_bound_the_buffer_would_grow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin."""
    monkeypatch.setattr(agent_link, "MAX_UNSENT", 10**12)
    async with serving(tmp_path) as feed:
        assert await unsent_to_a_deaf_agent(feed) > 2 * 8 * 1024 * 1024


async def longest_wait(work: Callable[[int], Awaitable[object]]) -> float:
    longest = 0.0
    for number in range(50):
        begun = time.monotonic()
        await work(number)
        longest = max(longest, time.monotonic() - begun)
    return longest


async def test_a_deaf_agent_delays_neither_the_append_nor_the_others(tmp_path: Path) -> None:
    async with serving(tmp_path) as feed:
        deaf = [await asyncio.open_unix_connection(feed.path) for _ in range(3)]
        for number, (_, writer) in enumerate(deaf):
            writer.write(encode(Hello(agent=f"deaf-{number}", seq=0, hash=b"", hooks=())))
            writer.transport.pause_reading()  # type: ignore[attr-defined]
        good = await Agent.connect(feed.path, "good")
        await good.until(0)
        for batch in range(6):
            await feed.ledger.append_many([revoke(f"a{batch}-{n}") for n in range(2500)])
        await good.until(6 * 2500)

        async def one(number: int) -> None:
            seq = (await feed.ledger.append(revoke(f"one {number}"))).entry.body.seq
            await good.until(seq)

        # A deaf agent is left after 10 s: far below that means that nobody waited for it.
        assert await longest_wait(one) < agent_link.STALL_S / 4
        for _, writer in deaf:
            writer.transport.abort()
        await good.leave()
