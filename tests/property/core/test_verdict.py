# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from evict.core.door import Credential, Door
from evict.core.sighting import Method, Outcome, Sighting
from evict.core.verdict import Expectation, Judgement, judge

COMMIT = datetime(2026, 1, 1, tzinfo=UTC)
DOOR = Door(system="s", protocol="imap", credential=Credential.SESSION)


@st.composite
def sightings(draw: st.DrawFn) -> Sighting:
    started = draw(st.integers(-50, 200))
    return Sighting(
        door=DOOR,
        method=draw(st.sampled_from(Method)),
        outcome=draw(st.sampled_from(Outcome)),
        started_at=COMMIT + timedelta(milliseconds=started),
        ended_at=COMMIT + timedelta(milliseconds=started + draw(st.integers(0, 20))),
        where=draw(st.sampled_from(["a", "b"])),
    )


MANY = st.lists(sightings(), max_size=12)


@settings(max_examples=400, deadline=None)
@given(MANY)
def test_shut_is_said_only_where_the_last_clear_look_of_each_kind_was_a_refusal(
    seen: list[Sighting],
) -> None:
    if judge(Expectation(door=DOOR), seen, COMMIT).judgement is not Judgement.SHUT:
        return
    ordered = sorted(seen, key=lambda s: s.ended_at)
    after = [s for s in ordered if s.started_at >= COMMIT]
    last = {(s.method, s.where): s for s in after if s.outcome.open or s.outcome.shut}
    assert not [s for s in last.values() if s.outcome.open]
    assert any(s.outcome.shut for s in ordered if s.ended_at >= COMMIT)


@settings(max_examples=400, deadline=None)
@given(MANY, sightings())
def test_one_more_success_after_all_others_opens_every_door(
    seen: list[Sighting], more: Sighting
) -> None:
    at = COMMIT + timedelta(seconds=1)
    success = Sighting(
        door=DOOR,
        method=more.method,
        outcome=Outcome.LET_IN,
        started_at=at,
        ended_at=at,
        where=more.where,
    )
    assert judge(Expectation(door=DOOR), [*seen, success], COMMIT).judgement is Judgement.OPEN


@settings(max_examples=200, deadline=None)
@given(MANY)
def test_no_look_at_all_after_the_commit_is_never_a_proof(seen: list[Sighting]) -> None:
    before = [s for s in seen if s.ended_at < COMMIT]
    verdict = judge(Expectation(door=DOOR), before, COMMIT)
    assert verdict.judgement is Judgement.UNVERIFIABLE


@settings(max_examples=200, deadline=None)
@given(MANY)
def test_the_first_refusal_never_comes_before_the_last_success(seen: list[Sighting]) -> None:
    verdict = judge(Expectation(door=DOOR), seen, COMMIT)
    if verdict.last_success_ms is not None and verdict.first_refusal_ms is not None:
        assert verdict.first_refusal_ms > verdict.last_success_ms
