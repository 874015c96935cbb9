# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from evict.agent.follower import Follower
from evict.agent.replica import Change, Replica
from evict.ledger.feed import Acknowledge, CutAgain, CutStep, Entries, FromAgent, Hello, encode
from tests.unit.agent.fakes import START, Chain, FakeControl, push


class Agent:
    """A follower with its replica, and what it was told to cut."""

    def __init__(self, path: Path, kind: type[Follower] = Follower) -> None:
        self.replica = Replica()
        self.cuts: list[Change] = []
        self.follower = kind(
            path, self.replica, agent="agent-1", hooks=("dovecot",), cut=self.cuts.append
        )


@asynccontextmanager
async def following(path: Path, kind: type[Follower] = Follower) -> AsyncIterator[Agent]:
    agent = Agent(path, kind)
    running = asyncio.create_task(agent.follower.run())
    try:
        yield agent
    finally:
        running.cancel()
        await asyncio.wait([running])


async def test_a_new_agent_says_that_it_has_nothing_and_takes_the_snapshot(tmp_path: Path) -> None:
    chain = Chain()
    chain.revoke("id-1", "alice")
    async with (
        FakeControl(tmp_path / "feed", chain.snapshot()) as control,
        following(control.path) as agent,
    ):
        await control.acknowledged(1)
        assert control.said[0] == Hello(
            agent="agent-1", seq=0, hash=b"", hooks=("dovecot",), takes=("announced",)
        )
        assert agent.replica.decide(b"alice") is False
        assert [leaver.account for leaver in agent.cuts[0].revoked] == ["id-1"]


async def test_it_acknowledges_before_anything_is_cut(tmp_path: Path) -> None:
    chain = Chain()
    unsent: list[FromAgent] = []

    class Watched(Follower):
        def _queue(self, message: FromAgent) -> None:
            unsent.append(message)
            super()._queue(message)

    def cut(_: Change) -> None:
        assert isinstance(unsent[-1], Acknowledge)

    replica = Replica()
    path = tmp_path / "feed"
    follower = Watched(path, replica, agent="a", hooks=(), cut=cut)
    async with FakeControl(path, chain.snapshot()) as control:
        running = asyncio.create_task(follower.run())
        await control.acknowledged(0)
        control.push(push(chain.revoke("id-1", "alice")))
        await control.acknowledged(1)
        running.cancel()
        await asyncio.wait([running])
    assert running.cancelled()


async def test_a_lost_connection_keeps_the_view_and_is_made_again(tmp_path: Path) -> None:
    chain = Chain()
    chain.revoke("id-1", "alice")
    path = tmp_path / "feed"
    async with following(path) as agent:
        async with FakeControl(path, chain.snapshot()) as control:
            await control.acknowledged(1)
        assert agent.replica.decide(b"alice") is False
        assert agent.replica.decide(b"bob") is True
        async with FakeControl(path, push(chain.revoke("id-2", "bob"))) as control:
            await control.acknowledged(2)
            hello = control.said[0]
            assert isinstance(hello, Hello)
            assert (hello.seq, hello.hash) == (1, chain.entries[0].hash)
        assert agent.replica.decide(b"bob") is False


async def test_a_run_that_does_not_fit_ends_the_connection_not_the_view(tmp_path: Path) -> None:
    chain = Chain()
    chain.revoke("id-1", "alice")
    path = tmp_path / "feed"
    async with FakeControl(path, chain.snapshot()) as control, following(path) as agent:
        await control.acknowledged(1)
        chain.revoke("id-2", "bob")
        control.said.clear()
        control.push(push(chain.revoke("id-3", "carol")))
        control.greeting = push(*chain.entries[1:])
        await control.acknowledged(3)
        assert isinstance(control.said[0], Hello)
        assert agent.replica.decide(b"carol") is False


@pytest.mark.parametrize("rubbish", [b"\xff" * 64, b"\0\0\0\x01x"])
async def test_rubbish_ends_the_connection(tmp_path: Path, rubbish: bytes) -> None:
    chain = Chain()
    path = tmp_path / "feed"
    async with FakeControl(path, chain.snapshot()) as control, following(path):
        await control.acknowledged(0)
        control.said.clear()
        control.write(rubbish)
        await control.acknowledged(0)
        assert isinstance(control.said[0], Hello)


async def test_an_order_to_cut_again_reaches_the_cutters(tmp_path: Path) -> None:
    chain = Chain()
    chain.revoke("id-1", "alice")
    chain.revoke("id-2", "bob")
    chain.reinstate("id-2")
    path = tmp_path / "feed"
    async with FakeControl(path, chain.snapshot()) as control, following(path) as agent:
        await control.acknowledged(3)
        for seq in (2, 3, 9, 1):
            control.push(CutAgain(seq=seq))
        control.push(push(chain.revoke("id-3", "carol")))
        await control.acknowledged(4)
        again = [[leaver.account for leaver in change.revoked] for change in agent.cuts]
        assert again == [["id-1"], ["id-1"], ["id-3"]]


async def test_ten_thousand_steps_all_arrive(tmp_path: Path) -> None:
    path = tmp_path / "feed"
    async with FakeControl(path, Chain().snapshot()) as control, following(path) as agent:
        await control.acknowledged(0)
        for seq in range(1, 10_001):
            agent.follower.report(CutStep(seq=seq, system="dovecot", step="quiet", at=START))
        await control.step(10_000, "quiet")
        seqs = [m.seq for m in control.said if isinstance(m, CutStep)]
        assert seqs == list(range(1, 10_001))


class Undrained(Follower):
    """Sabotage: the hooks do not look at the feed before they answer."""

    def drain(self) -> None:
        return


async def test_a_question_after_the_push_is_not_answered_from_before_it(tmp_path: Path) -> None:
    assert await _answer_right_after_a_push(tmp_path / "feed", Follower) is False


async def test_without_the_look_at_the_feed_it_is(tmp_path: Path) -> None:
    assert await _answer_right_after_a_push(tmp_path / "feed", Undrained) is True


async def _answer_right_after_a_push(path: Path, kind: type[Follower]) -> bool | None:
    """The loop has no turn between the push and the question: it has not seen the push yet."""
    chain = Chain()
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        listener.setblocking(False)  # noqa: FBT003 - the socket module's own way
        async with following(path, kind) as agent:
            control, _ = await loop.sock_accept(listener)
            with control:
                control.sendall(encode(chain.snapshot()))
                said = b""
                while b"ack" not in said:
                    said += await loop.sock_recv(control, 4096)
                control.sendall(encode(push(chain.revoke("id-1", "alice"))))
                agent.follower.drain()
                return agent.replica.decide(b"alice")


async def test_a_large_run_comes_in_pieces(tmp_path: Path) -> None:
    chain = Chain()
    path = tmp_path / "feed"
    async with FakeControl(path, chain.snapshot()) as control, following(path) as agent:
        await control.acknowledged(0)
        entries = [chain.revoke(f"id-{n}", f"user{n}@corp.test") for n in range(5000)]
        control.push(Entries(entries=tuple(entries), whole=False, caught_up=True))
        await control.acknowledged(5000)
        assert len(agent.cuts[-1].revoked) == 5000
        assert agent.replica.decide(b"user4999@corp.test") is False
