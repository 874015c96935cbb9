# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from evict.core.door import Credential, Door, Nature
from evict.core.errors import ExitCode
from evict.core.sighting import Method, Outcome, Sighting
from evict.core.verdict import Expectation, Judgement, Verdict, exit_code, judge, overall

COMMIT = datetime(2026, 1, 1, tzinfo=UTC)
DOOR = Door(system="dovecot", protocol="imap", credential=Credential.PASSWORD)
PLAIN = Expectation(door=DOOR)


def seen(
    outcome: Outcome,
    ended_ms: float,
    *,
    method: Method = Method.NEGATIVE_LOGIN,
    where: str = "a:993",
    took_ms: float = 1,
    gap_ms: float | None = None,
    door: Door = DOOR,
) -> Sighting:
    ended = COMMIT + timedelta(milliseconds=ended_ms)
    return Sighting(
        door=door,
        method=method,
        outcome=outcome,
        started_at=ended - timedelta(milliseconds=took_ms),
        ended_at=ended,
        where=where,
        detail=f"{outcome} at {ended_ms}",
        widest_gap_ms=gap_ms,
    )


def word(*sightings: Sighting, expectation: Expectation = PLAIN) -> Judgement:
    return judge(expectation, sightings, COMMIT).judgement


def test_a_door_nobody_looked_at_is_never_shut() -> None:
    assert word() is Judgement.UNVERIFIABLE


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.CUT, Outcome.EMPTY])
def test_a_refusal_after_the_commit_is_shut(outcome: Outcome) -> None:
    assert word(seen(outcome, 50)) is Judgement.SHUT


@pytest.mark.parametrize("outcome", [Outcome.LET_IN, Outcome.PRESENT])
def test_a_success_after_the_commit_is_open(outcome: Outcome) -> None:
    assert word(seen(outcome, 50)) is Judgement.OPEN


def test_a_refusal_before_the_commit_proves_nothing() -> None:
    assert word(seen(Outcome.REFUSED, -5)) is Judgement.UNVERIFIABLE


@pytest.mark.parametrize("outcome", [Outcome.UNREACHABLE, Outcome.UNCLEAR])
def test_a_look_without_an_answer_is_never_shut(outcome: Outcome) -> None:
    assert word(seen(outcome, 50)) is Judgement.UNVERIFIABLE


def test_a_later_refusal_of_the_same_look_closes_what_was_open() -> None:
    assert word(seen(Outcome.LET_IN, 20), seen(Outcome.REFUSED, 50)) is Judgement.SHUT
    assert word(seen(Outcome.REFUSED, 20), seen(Outcome.LET_IN, 50)) is Judgement.OPEN


def test_the_order_in_which_sightings_arrive_does_not_matter() -> None:
    looks = [seen(Outcome.LET_IN, 20), seen(Outcome.REFUSED, 50), seen(Outcome.REFUSED, 70)]
    assert judge(PLAIN, looks, COMMIT) == judge(PLAIN, reversed(looks), COMMIT)


def test_two_methods_that_disagree_mean_open() -> None:
    assert (
        word(seen(Outcome.LET_IN, 20, method=Method.WITNESS), seen(Outcome.REFUSED, 50))
        is Judgement.OPEN
    )


def test_a_server_that_refuses_does_not_hide_one_that_lets_in() -> None:
    assert (
        word(seen(Outcome.PRESENT, 20, where="a"), seen(Outcome.EMPTY, 50, where="b"))
        is Judgement.OPEN
    )


def test_a_server_that_refuses_does_not_hide_one_that_nobody_saw() -> None:
    looks = [seen(Outcome.UNREACHABLE, 20, where="a"), seen(Outcome.EMPTY, 50, where="b")]
    assert word(*looks) is Judgement.UNVERIFIABLE


def test_one_unclear_look_is_settled_by_a_clear_one_of_its_own_kind() -> None:
    assert word(seen(Outcome.UNCLEAR, 20), seen(Outcome.REFUSED, 50)) is Judgement.SHUT
    other = seen(Outcome.UNCLEAR, 20, method=Method.LIST)
    assert word(other, seen(Outcome.REFUSED, 50)) is Judgement.UNVERIFIABLE


def test_what_was_seen_of_another_door_does_not_count() -> None:
    other = Door(system="dovecot", protocol="pop3", credential=Credential.PASSWORD)
    assert word(seen(Outcome.REFUSED, 50, door=other)) is Judgement.UNVERIFIABLE


def test_the_window_is_measured_from_the_commit() -> None:
    looks = [
        seen(Outcome.LET_IN, -4, method=Method.WITNESS, gap_ms=9),
        seen(Outcome.LET_IN, 12.5, method=Method.WITNESS, gap_ms=5),
        seen(Outcome.REFUSED, 6),
        seen(Outcome.CUT, 31.25, method=Method.WITNESS),
        seen(Outcome.REFUSED, 40),
    ]
    verdict = judge(PLAIN, looks, COMMIT)
    assert verdict.judgement is Judgement.SHUT
    assert (verdict.last_success_ms, verdict.first_refusal_ms) == (12.5, 31.25)
    assert verdict.widest_gap_ms == 5
    assert verdict.rests_on == (Method.WITNESS, Method.NEGATIVE_LOGIN)


def test_the_last_success_may_lie_before_the_commit() -> None:
    verdict = judge(PLAIN, [seen(Outcome.LET_IN, -4), seen(Outcome.REFUSED, 6)], COMMIT)
    assert verdict.last_success_ms == -4


@pytest.mark.parametrize("nature", [Nature.UNPROVABLE, Nature.OUTSIDE])
def test_what_nothing_can_prove_changes_no_exit_code(nature: Nature) -> None:
    verdict = judge(Expectation(door=DOOR, nature=nature, note="why"), [], COMMIT)
    assert (verdict.judgement, verdict.why) == (Judgement.UNVERIFIABLE, "why")
    shut = judge(PLAIN, [seen(Outcome.REFUSED, 5)], COMMIT)
    assert exit_code([verdict, shut]) is ExitCode.OK


def test_a_door_that_ends_by_itself_is_bounded_until_it_was_refused() -> None:
    until = COMMIT + timedelta(hours=1)
    ending = Expectation(door=DOOR, until=until)
    bounded = judge(ending, [seen(Outcome.LET_IN, 5)], COMMIT)
    assert (bounded.judgement, bounded.until) == (Judgement.BOUNDED, until)
    assert word(expectation=ending) is Judgement.BOUNDED
    assert word(seen(Outcome.REFUSED, 5), expectation=ending) is Judgement.SHUT


def verdict_of(judgement: Judgement) -> Verdict:
    return Verdict(door=DOOR, nature=Nature.PROVABLE, judgement=judgement, why="")


def test_one_before_three_before_four_before_nought() -> None:
    shut, told_open, bounded, untold = (
        verdict_of(j)
        for j in (Judgement.SHUT, Judgement.OPEN, Judgement.BOUNDED, Judgement.UNVERIFIABLE)
    )
    assert exit_code([shut]) == 0
    assert exit_code([shut, untold]) == 4
    assert exit_code([shut, untold, bounded]) == 3
    assert exit_code([untold, told_open]) == 3
    assert exit_code([shut, told_open], failed=True) == 1


def test_a_case_without_provable_doors_is_not_proven() -> None:
    assert overall([]) is Judgement.UNVERIFIABLE
    assert exit_code([]) is ExitCode.NOT_PROVEN


def test_a_refusal_that_began_before_the_commit_proves_nothing() -> None:
    assert word(seen(Outcome.REFUSED, 30, took_ms=50)) is Judgement.UNVERIFIABLE


def test_a_session_that_was_cut_after_the_commit_is_dead_whenever_its_last_beat_began() -> None:
    verdict = judge(PLAIN, [seen(Outcome.CUT, 12, took_ms=14)], COMMIT)
    assert (verdict.judgement, verdict.first_refusal_ms) == (Judgement.SHUT, 12.0)


def test_a_witness_that_was_cut_still_counts_when_the_list_shows_a_later_session() -> None:
    looks = [
        seen(Outcome.CUT, 20, method=Method.WITNESS),
        seen(Outcome.PRESENT, 40, method=Method.LIST),
        seen(Outcome.EMPTY, 90, method=Method.LIST),
    ]
    verdict = judge(PLAIN, looks, COMMIT)
    assert verdict.judgement is Judgement.SHUT
    assert verdict.rests_on == (Method.WITNESS, Method.LIST)
    assert (verdict.last_success_ms, verdict.first_refusal_ms) == (40, 90)


def test_a_method_whose_last_word_was_a_success_is_nothing_to_rest_on() -> None:
    looks = [
        seen(Outcome.REFUSED, 10, method=Method.HOOK),
        seen(Outcome.LET_IN, 20, method=Method.HOOK, took_ms=50),
        seen(Outcome.REFUSED, 90),
    ]
    verdict = judge(PLAIN, looks, COMMIT)
    assert (verdict.judgement, verdict.rests_on) == (Judgement.SHUT, (Method.NEGATIVE_LOGIN,))


def test_an_earlier_clear_look_does_not_cancel_a_later_blind_one() -> None:
    empty = seen(Outcome.EMPTY, 10, method=Method.LIST)
    blind = seen(Outcome.UNREACHABLE, 60, method=Method.LIST)
    assert word(empty, blind) is Judgement.UNVERIFIABLE
    assert word(empty, blind, seen(Outcome.EMPTY, 90, method=Method.LIST)) is Judgement.SHUT
