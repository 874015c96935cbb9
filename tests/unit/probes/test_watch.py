# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evict.core.door import Credential
from evict.core.endpoint import door_of
from evict.core.sighting import Method, Outcome
from evict.core.verdict import Expectation, Judgement, judge
from evict.probes.base import utc_now
from evict.probes.registry import prober
from evict.probes.watch import Beat, Pulse, WitnessWatch
from tests.unit.probes.fakes import Fault, ImapFake, Pop3Fake, SmtpFake, listening, login

START = datetime(2026, 1, 1, tzinfo=UTC)


def at(ms: float) -> datetime:
    return START + timedelta(milliseconds=ms)


def beat(outcome: Outcome, ms: float) -> Beat:
    return Beat(outcome, at(ms), at(ms + 1), ())


async def test_sessions_that_are_cut_after_the_commit_are_seen_to_die() -> None:
    fakes = (ImapFake(), Pop3Fake())
    async with listening(fakes[0]) as imap_endpoint, listening(fakes[1]) as pop3_endpoint:
        watch = WitnessWatch(
            [
                await prober("imap").open_witness(imap_endpoint, login()),
                await prober("pop3").open_witness(pop3_endpoint, login()),
            ],
            beat_ms=2,
        )
        await watch.start()
        await asyncio.sleep(0.02)
        commit_at = utc_now()
        assert not await watch.wait_shut(commit_at, 0.02)
        for fake in fakes:
            fake.sessions[0].writer.close()
        assert await watch.wait_shut(commit_at, 2)
        await watch.stop()
    sightings = watch.sightings(commit_at)
    assert [s.outcome for s in sightings] == [Outcome.LET_IN, Outcome.CUT] * 2
    assert {s.method for s in sightings} == {Method.WITNESS}
    assert sightings[0].where == f"{imap_endpoint.host}:{imap_endpoint.port}"
    door = door_of(imap_endpoint, Credential.SESSION)
    verdict = judge(Expectation(door=door), sightings, commit_at)
    assert verdict.judgement is Judgement.SHUT
    assert verdict.last_success_ms is not None
    assert verdict.first_refusal_ms is not None
    assert 0 < verdict.last_success_ms < verdict.first_refusal_ms
    assert verdict.widest_gap_ms is not None
    assert sightings[0].tries > 3


async def test_a_session_that_lives_on_is_called_open() -> None:
    async with listening(ImapFake()) as endpoint:
        watch = WitnessWatch([await prober("imap").open_witness(endpoint, login())], beat_ms=2)
        await watch.start()
        commit_at = utc_now()
        assert not await watch.wait_shut(commit_at, 0.05)
        await watch.stop()
    expectation = Expectation(door=door_of(endpoint, Credential.SESSION))
    verdict = judge(expectation, watch.sightings(commit_at), commit_at)
    assert verdict.judgement is Judgement.OPEN


@pytest.mark.parametrize("fault", [Fault.HANG, Fault.GARBAGE])
async def test_a_server_that_breaks_in_mid_measure_is_never_called_shut(fault: Fault) -> None:
    fake = ImapFake()
    async with listening(fake) as endpoint:
        witness = await prober("imap").open_witness(endpoint, login(timeout_s=0.1))
        watch = WitnessWatch([witness], beat_ms=2)
        await watch.start()
        commit_at = utc_now()
        fake.faults["NOOP"] = fault
        assert not await watch.wait_shut(commit_at, 0.3)
        await watch.stop(grace_s=0.05)
    sightings = watch.sightings(commit_at)
    assert sightings[-1].outcome is Outcome.UNCLEAR
    expectation = Expectation(door=door_of(endpoint, Credential.SESSION))
    assert judge(expectation, sightings, commit_at).judgement is not Judgement.SHUT


async def test_a_witness_that_hangs_does_not_stand_before_the_commit() -> None:
    fake = ImapFake()
    async with listening(fake) as endpoint:
        witness = await prober("imap").open_witness(endpoint, login(timeout_s=30))
        fake.faults["NOOP"] = Fault.HANG
        watch = WitnessWatch([witness], beat_ms=2)
        async with asyncio.timeout(5):
            await watch.start(wait_s=0.05)
            await watch.stop(grace_s=0.05)
    sightings = watch.sightings(utc_now())
    assert [s.outcome for s in sightings] == [Outcome.UNCLEAR]


async def test_a_refused_submission_is_watched_until_it_is_cut() -> None:
    fake = SmtpFake()
    async with listening(fake) as endpoint:
        witness = await prober("submission").open_witness(endpoint, login())
        watch = WitnessWatch([witness], beat_ms=1)
        await watch.start()
        commit_at = utc_now()
        fake.noop = b"521 5.7.1 mailbox closed\r\n"
        assert await watch.wait_shut(commit_at, 2)
        fake.sessions[0].writer.close()
        await asyncio.sleep(0.05)
        await watch.stop()
    last = watch.sightings(commit_at)[-1]
    assert last.outcome is Outcome.REFUSED
    assert last.tries >= 2
    assert "521" in last.transcript[-1]


async def test_a_beat_refused_on_its_way_at_the_commit_is_followed_by_another() -> None:
    """Postfix asks the hook after the entry is in force, for a recipient named just before it."""
    fake = SmtpFake()
    async with listening(fake) as endpoint:
        witness = await prober("submission").open_witness(endpoint, login())
        watch = WitnessWatch([witness], beat_ms=300)
        fake.noop = b"521 5.7.1 mailbox closed\r\n"
        await watch.start()
        commit_at = utc_now()
        assert not await watch.wait_shut(commit_at, 0.05)
        assert await watch.wait_shut(commit_at, 2)
        await watch.stop()
    (refused,) = watch.sightings(commit_at)
    assert refused.outcome is Outcome.REFUSED
    assert refused.started_at >= commit_at
    assert watch.silent(commit_at) == ()


async def test_a_witness_that_is_cut_before_the_commit_is_named_and_not_waited_for() -> None:
    fake = ImapFake()
    async with listening(fake) as endpoint:
        watch = WitnessWatch([await prober("imap").open_witness(endpoint, login())], beat_ms=2)
        await watch.start()
        fake.sessions[0].writer.close()
        await asyncio.sleep(0.1)
        commit_at = utc_now()
        async with asyncio.timeout(5):
            assert await watch.wait_shut(commit_at, 30)
        await watch.stop()
    assert watch.silent(commit_at) == ("imap",)
    assert [s.outcome for s in watch.sightings(commit_at)] == [Outcome.LET_IN]


def test_a_success_after_a_refusal_takes_the_refusal_back() -> None:
    pulse = Pulse()
    for outcome, ms in [(Outcome.LET_IN, 0), (Outcome.REFUSED, 10), (Outcome.LET_IN, 20)]:
        pulse.add(beat(outcome, ms))
    assert pulse.first_shut(START) is None
    assert pulse.last_let_in == beat(Outcome.LET_IN, 20)
    pulse.add(beat(Outcome.REFUSED, 30))
    pulse.add(beat(Outcome.CUT, 40))
    assert pulse.first_shut(START) == beat(Outcome.REFUSED, 30)


def test_a_refusal_of_a_beat_that_began_before_the_commit_says_nothing() -> None:
    pulse = Pulse()
    for ms in (0, 10, 20):
        pulse.add(beat(Outcome.REFUSED, ms))
    assert pulse.first_shut(at(10.5)) == beat(Outcome.REFUSED, 20)
    assert pulse.first_shut(at(21)) is None
    pulse.add(beat(Outcome.CUT, 30))
    assert pulse.first_shut(at(30.5)) == beat(Outcome.CUT, 30), "it was alive at the commit"
    assert pulse.first_shut(at(31.5)) is None


def test_the_gap_that_spans_the_commit_counts_and_older_ones_do_not() -> None:
    pulse = Pulse()
    for ms in (0, 500, 510, 540, 550):
        pulse.add(beat(Outcome.LET_IN, ms))
    assert pulse.widest_gap_since(at(520)) == 30
    assert pulse.widest_gap_since(at(499)) == 500
    assert pulse.widest_gap_since(at(551)) is None


@given(steps=st.lists(st.integers(0, 50), min_size=2, max_size=60), commit=st.integers(0, 1000))
def test_the_widest_gap_is_the_one_a_full_record_would_give(steps: list[int], commit: int) -> None:
    starts = list(_sums(steps))
    pulse = Pulse()
    for ms in starts:
        pulse.add(beat(Outcome.LET_IN, ms))
    gaps = [b - a for a, b in pairwise(starts) if b >= commit]
    assert pulse.widest_gap_since(at(commit)) == (max(gaps) if gaps else None)


def _sums(steps: list[int]) -> Iterator[int]:
    total = 0
    for step in steps:
        total += step
        yield total
