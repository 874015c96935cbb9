# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from evict.core.errors import LedgerFull
from evict.core.measure import Effect, EffectKind
from evict.core.sighting import Outcome
from evict.systems.base import Observation
from tests.unit.control.test_case import WRITE, a_case, seen


def settled(before: EffectKind, look: tuple[Outcome, ...], *, needed: bool) -> list[EffectKind]:
    case = a_case()
    case.planned([WRITE])
    case.came_to(Effect(measure=WRITE.id, kind=before, detail="no answer"))
    observation = Observation(
        system="dovecot", expectations=(), sightings=tuple(seen(outcome, 10) for outcome in look)
    )
    return [e.kind for e in case.settled_by(observation, [WRITE] if needed else [])]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (EffectKind.UNCERTAIN, [EffectKind.DONE]),
        (EffectKind.FAILED, [EffectKind.UNCHANGED]),
        (EffectKind.DONE, []),
    ],
)
def test_a_clear_look_that_needs_the_measure_no_more_settles_it(
    before: EffectKind, after: list[EffectKind]
) -> None:
    assert settled(before, (Outcome.REFUSED,), needed=False) == after


@pytest.mark.parametrize("look", [(), (Outcome.UNREACHABLE,), (Outcome.REFUSED, Outcome.UNCLEAR)])
def test_a_look_that_saw_nothing_settles_nothing(look: tuple[Outcome, ...]) -> None:
    assert settled(EffectKind.UNCERTAIN, look, needed=False) == []


def test_a_measure_that_is_still_needed_is_not_settled() -> None:
    assert settled(EffectKind.UNCERTAIN, (Outcome.REFUSED,), needed=True) == []


def test_a_measure_that_was_planned_and_came_to_nothing_is_a_failure() -> None:
    case = a_case()
    assert case.all_failures() == ()
    case.planned([WRITE])
    (failure,) = case.all_failures()
    assert failure.startswith("dovecot:write: not carried out")


async def test_a_full_journal_is_a_failure_until_it_takes_a_row_again() -> None:
    case = a_case()

    async def store(*, full: bool) -> None:
        if full:
            raise LedgerFull("the disk is full")

    assert not await case.kept(store(full=True))
    assert case.all_failures() == ("the disk is full",)
    assert await case.kept(store(full=False))
    assert case.all_failures() == ()
