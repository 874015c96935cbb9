# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from evict.agent.announced import Alarm, Announcements
from evict.agent.replica import Replica
from evict.ledger.feed import Announcement
from tests.unit.agent.fakes import START, Chain, FakeControl, announced, leaves, push
from tests.unit.agent.test_follower import following

NOON = START + timedelta(hours=1)
"""Later than every entry of a chain."""


class Clock:
    """Attributes: `at`: what the wall clock shows."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at.timestamp()

    def go(self, **by: float) -> None:
        self.at += timedelta(**by)


class Agent:
    """A replica with everything that there is, and a clock."""

    def __init__(self, chain: Chain | None = None) -> None:
        self.clock = Clock(NOON)
        self.chain = chain or Chain()
        self.replica = Replica(clock=self.clock)
        self.replica.apply(self.chain.snapshot())

    def lets_in(self, *names: str) -> list[bool | None]:
        return [self.replica.decide(name.encode()) for name in names]


IN_A_MINUTE = NOON + timedelta(minutes=1)


def test_an_announced_leaver_is_refused_from_the_instant_on_and_not_before() -> None:
    agent = Agent()
    change = agent.replica.announce(announced(leaves("id-1", IN_A_MINUTE, "alice", "a@corp.test")))
    assert (change.revoked, change.reinstated) == ((), ())
    assert agent.replica.next_instant == IN_A_MINUTE.timestamp()
    agent.clock.go(seconds=59.999)
    assert agent.replica.reach().revoked == ()
    assert agent.lets_in("alice", "A@Corp.Test", "bob") == [True, True, True]
    agent.clock.go(seconds=0.001)
    (leaver,) = agent.replica.reach().revoked
    assert (leaver.account, leaver.seq, leaver.forms) == ("id-1", 0, ("alice", "a@corp.test"))
    assert agent.lets_in("alice", "A@Corp.Test", "bob") == [False, False, True]
    assert set(agent.replica.closed) == {b"alice", b"a@corp.test"}
    assert not agent.replica.next_instant
    assert agent.replica.reach().revoked == ()


def test_a_clock_that_is_set_back_lets_nobody_in_again() -> None:
    agent = Agent()
    people = [leaves("id-1", IN_A_MINUTE, "alice"), leaves("id-2", IN_A_MINUTE, "bob")]
    agent.replica.announce(announced(*people))
    agent.clock.go(minutes=1)
    agent.replica.reach()
    agent.clock.go(hours=-3)
    assert agent.lets_in("alice", "bob") == [False, False]
    change = agent.replica.announce(announced(*people, number=2))
    assert (change.revoked, change.reinstated) == ((), ())
    assert agent.lets_in("alice", "bob") == [False, False]


def test_a_clock_that_jumps_over_the_instant_reaches_it() -> None:
    agent = Agent()
    agent.replica.announce(announced(leaves("id-1", IN_A_MINUTE, "alice")))
    agent.clock.go(days=400)
    assert [leaver.account for leaver in agent.replica.reach().revoked] == ["id-1"]
    assert agent.lets_in("alice") == [False]


def test_an_instant_that_had_passed_when_it_was_announced_counts_at_once() -> None:
    agent = Agent()
    change = agent.replica.announce(announced(leaves("id-1", NOON, "alice")))
    assert [leaver.account for leaver in change.revoked] == ["id-1"]
    assert agent.lets_in("alice") == [False]


@pytest.mark.parametrize("reached", [False, True])
def test_who_is_not_on_the_next_list_is_let_in_again(*, reached: bool) -> None:
    agent = Agent()
    agent.replica.announce(announced(leaves("id-1", IN_A_MINUTE, "alice")))
    if reached:
        agent.clock.go(minutes=2)
        agent.replica.reach()
    change = agent.replica.announce(announced(number=2))
    assert change.reinstated == (("id-1",) if reached else ())
    agent.clock.go(minutes=2)
    assert agent.replica.reach().revoked == ()
    assert agent.lets_in("alice") == [True]
    assert not agent.replica.closed


def test_one_that_is_moved_to_a_later_instant_is_let_in_until_then() -> None:
    agent = Agent()
    agent.replica.announce(announced(leaves("id-1", IN_A_MINUTE, "alice")))
    agent.clock.go(minutes=2)
    agent.replica.reach()
    later = leaves("id-1", IN_A_MINUTE + timedelta(hours=1), "alice")
    change = agent.replica.announce(announced(later, number=2))
    assert change.reinstated == ("id-1",)
    assert agent.lets_in("alice") == [True]
    agent.clock.go(hours=2)
    agent.replica.reach()
    assert agent.lets_in("alice") == [False]


def test_an_entry_takes_the_place_of_the_announcement() -> None:
    agent = Agent()
    agent.replica.announce(announced(leaves("id-1", IN_A_MINUTE, "alice", "old-name")))
    agent.clock.go(minutes=1)
    agent.replica.reach()
    change = agent.replica.apply(push(agent.chain.revoke("id-1", "alice", "new-name")))
    assert [leaver.seq for leaver in change.revoked] == [1]
    assert agent.lets_in("alice", "old-name", "new-name") == [False, True, False]
    gone = agent.replica.announce(announced(number=2))
    assert (gone.revoked, gone.reinstated) == ((), ())
    assert agent.lets_in("alice") == [False]
    agent.replica.apply(push(agent.chain.reinstate("id-1")))
    assert agent.lets_in("alice") == [True]
    assert not agent.replica.closed


def test_an_entry_that_comes_before_the_clock_is_there_makes_no_second_leaver() -> None:
    agent = Agent()
    agent.replica.announce(announced(leaves("id-1", IN_A_MINUTE, "alice")))
    agent.replica.apply(push(agent.chain.revoke("id-1", "alice")))
    agent.clock.go(minutes=1)
    assert agent.replica.reach().revoked == ()
    assert agent.lets_in("alice") == [False]
    agent.replica.apply(push(agent.chain.reinstate("id-1")))
    assert agent.lets_in("alice") == [True]


def test_an_older_entry_sent_again_with_the_whole_chain_lets_nobody_in() -> None:
    agent = Agent()
    agent.chain.revoke("id-1", "alice")
    agent.chain.reinstate("id-1")
    agent.replica.apply(push(*agent.chain.entries))
    agent.replica.announce(announced(leaves("id-1", IN_A_MINUTE, "alice")))
    agent.clock.go(minutes=1)
    agent.replica.reach()
    agent.replica.apply(agent.chain.snapshot())
    assert agent.lets_in("alice") == [False]
    agent.chain.adopt()
    agent.replica.apply(agent.chain.snapshot())
    assert agent.lets_in("alice", "bob") == [False, True]


def test_a_name_that_two_leavers_share_stays_refused_for_the_other() -> None:
    agent = Agent()
    one, two = leaves("id-1", NOON, "sales"), leaves("id-2", NOON, "sales")
    agent.replica.announce(announced(one, two))
    agent.replica.announce(announced(two, number=2))
    assert agent.lets_in("sales") == [False]
    agent.replica.announce(announced(number=3))
    assert agent.lets_in("sales") == [True]


def test_an_agent_without_a_snapshot_still_refuses_everybody() -> None:
    replica = Replica(clock=Clock(NOON))
    replica.announce(announced(leaves("id-1", NOON, "alice")))
    assert (replica.decide(b"alice"), replica.decide(b"bob")) == (None, None)


class Forgetful(Announcements):
    """Sabotage: each list is taken as if it were the first, by what the clock shows now."""

    def replace(self, people: Iterable[Announcement]) -> list[Announcement]:
        before = self.counted
        super().replace(())
        super().replace(people)
        return before


@pytest.mark.parametrize(("kind", "let_in"), [(Announcements, False), (Forgetful, True)])
def test_it_is_the_latch_that_a_clock_set_back_meets(
    kind: type[Announcements], *, let_in: bool
) -> None:
    agent = Agent()
    agent.replica._announced = kind()
    people = announced(leaves("id-1", IN_A_MINUTE, "alice"))
    agent.replica.announce(people)
    agent.clock.go(minutes=1)
    agent.replica.reach()
    agent.clock.go(hours=-1)
    agent.replica.announce(people)
    assert agent.lets_in("alice") == [let_in]


async def test_the_alarm_goes_off_at_the_instant_and_after_a_jump_of_the_clock() -> None:
    class Next:
        next_instant: float | None = None

    clock, reached, when = Clock(NOON), asyncio.Event(), Next()

    def reach() -> None:
        reached.set()
        when.next_instant = None

    alarm = Alarm(when, reach, clock=clock)
    running = asyncio.create_task(alarm.run())
    when.next_instant = (NOON + timedelta(days=30)).timestamp()
    alarm.changed()
    await asyncio.sleep(0)
    assert not reached.is_set()
    clock.go(days=31)
    async with asyncio.timeout(2):
        await reached.wait()
    reached.clear()
    when.next_instant = clock() + 0.05
    clock.go(seconds=0.05)
    alarm.changed()
    async with asyncio.timeout(2):
        await reached.wait()
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()


async def test_the_list_outlives_the_control_plane_that_sent_it(tmp_path: Path) -> None:
    chain = Chain()
    path = tmp_path / "feed"
    async with following(path) as agent:
        at = datetime.now(UTC) + timedelta(seconds=0.6)
        async with FakeControl(path, chain.snapshot()) as control:
            await control.acknowledged(0)
            control.push(announced(leaves("id-1", at, "alice"), number=7))
            await control.listed(7)
            assert agent.replica.decide(b"alice") is True
        async with asyncio.timeout(5):
            while agent.replica.decide(b"alice"):
                await asyncio.sleep(0.005)
        late = datetime.now(UTC) - at
        assert timedelta(0) <= late < timedelta(seconds=0.3)
        assert agent.replica.decide(b"bob") is True
        assert [leaver.account for leaver in agent.cuts[-1].revoked] == ["id-1"]
        async with FakeControl(path, push(chain.revoke("id-1", "alice"))) as control:
            await control.acknowledged(1)
            control.push(announced(number=1))
            await control.listed(1)
            assert agent.replica.decide(b"alice") is False
