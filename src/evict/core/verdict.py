# SPDX-License-Identifier: Apache-2.0
"""From sightings to a verdict. A door that could not be looked at is never called shut."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from evict.core.door import Door, Nature
from evict.core.errors import ExitCode
from evict.core.sighting import Method, Sighting, speaks_after


class Judgement(StrEnum):
    """The four words a verdict can say."""

    SHUT = "shut"
    BOUNDED = "bounded"
    OPEN = "open"
    UNVERIFIABLE = "unverifiable"


class Verdict(Struct, frozen=True, kw_only=True):
    """What the sightings of one door prove.

    Attributes:
        rests_on: the methods whose sightings came after the commit and say the same.
        predicted_s: seconds after the commit by which it was promised to be shut; None: no promise.
        last_success_ms: milliseconds from the commit to the end of the last success seen; negative
            where the last one was before the commit; None: no success was seen at all.
        first_refusal_ms: milliseconds from the commit to the end of the first refusal after the
            last success; None: no refusal was seen.
        widest_gap_ms: widest gap between two looks of the finest witness: the measured window is
            not known better than this.
        until: for BOUNDED: when it ends by itself.
    """

    door: Door
    nature: Nature
    judgement: Judgement
    why: str
    rests_on: tuple[Method, ...] = ()
    predicted_s: float | None = None
    last_success_ms: float | None = None
    first_refusal_ms: float | None = None
    widest_gap_ms: float | None = None
    until: datetime | None = None


class Expectation(Struct, frozen=True, kw_only=True):
    """What was promised of a door before anybody looked.

    Attributes:
        until: a door that ends by itself then (a ticket's life); None where it does not.
    """

    door: Door
    nature: Nature = Nature.PROVABLE
    predicted_s: float | None = None
    until: datetime | None = None
    note: str = ""


def judge(expectation: Expectation, sightings: Iterable[Sighting], commit_at: datetime) -> Verdict:
    """Judge one door by what was seen of it.

    Of each method at each place the last clear look decides; where one of them came in, the door
    is open. A look that got no clear answer is held against the door unless the same method at
    the same place got one later. What ended before the commit proves only that it was open then.
    """
    seen = sorted((s for s in sightings if s.door == expectation.door), key=_ended_at)
    after = [s for s in seen if s.started_at >= commit_at]
    successes = [s for s in seen if s.outcome.open]
    last_success = successes[-1] if successes else None
    refusals = [
        s
        for s in seen
        if s.outcome.shut
        and speaks_after(s, commit_at)
        and (last_success is None or s.ended_at > last_success.ended_at)
    ]
    judgement, why = _say(expectation, after, refusals)
    gaps = [s.widest_gap_ms for s in seen if s.widest_gap_ms is not None]
    return Verdict(
        door=expectation.door,
        nature=expectation.nature,
        judgement=judgement,
        why=why,
        rests_on=_resting(seen, commit_at) if judgement is Judgement.SHUT else _methods(refusals),
        predicted_s=expectation.predicted_s,
        last_success_ms=_ms(last_success, commit_at),
        first_refusal_ms=_ms(refusals[0] if refusals else None, commit_at),
        widest_gap_ms=min(gaps) if gaps else None,
        until=expectation.until if judgement is Judgement.BOUNDED else None,
    )


def _resting(seen: Sequence[Sighting], commit_at: datetime) -> tuple[Method, ...]:
    """Methods whose last word is a refusal, also where another method saw a later success.

    A witness that was cut stays a proof when the list shows a session of a login after it.
    """
    last = {
        (s.method, s.where): s
        for s in seen
        if s.outcome.open or (s.outcome.shut and speaks_after(s, commit_at))
    }
    return _methods(s for s in last.values() if s.outcome.shut)


def _methods(sightings: Iterable[Sighting]) -> tuple[Method, ...]:
    return tuple(dict.fromkeys(s.method for s in sightings))


def _say(
    expectation: Expectation, after: Sequence[Sighting], refusals: Sequence[Sighting]
) -> tuple[Judgement, str]:
    if expectation.nature is not Nature.PROVABLE:
        return Judgement.UNVERIFIABLE, expectation.note or "nothing can prove it by its nature"
    last_looks = {(s.method, s.where): s for s in after if s.outcome.open or s.outcome.shut}
    still_open = [s for s in last_looks.values() if s.outcome.open]
    bounded = expectation.until is not None
    if still_open and not bounded:
        return Judgement.OPEN, still_open[-1].detail or "it let the leaver in"
    if bounded and (still_open or not refusals):
        return Judgement.BOUNDED, expectation.note
    return _say_closed(after, refusals)


def _say_closed(after: Sequence[Sighting], refusals: Sequence[Sighting]) -> tuple[Judgement, str]:
    unclear = [s for s in after if not (s.outcome.open or s.outcome.shut)]
    if not refusals:
        detail = next((s.detail for s in reversed(after) if s.detail), "")
        return Judgement.UNVERIFIABLE, detail or "nobody could look at it"
    clear = {(s.method, s.where): s for s in after if s.outcome.open or s.outcome.shut}
    for look in unclear:
        later = clear.get((look.method, look.where))
        if later is None or later.ended_at < look.ended_at:
            return Judgement.UNVERIFIABLE, look.detail or "one look got no clear answer"
    return Judgement.SHUT, "; ".join(dict.fromkeys(s.detail for s in refusals if s.detail))


def _ended_at(sighting: Sighting) -> datetime:
    return sighting.ended_at


def _ms(sighting: Sighting | None, commit_at: datetime) -> float | None:
    if sighting is None:
        return None
    return round((sighting.ended_at - commit_at).total_seconds() * 1000, 3)


def overall(verdicts: Iterable[Verdict]) -> Judgement:
    """One word for a case: the worst of its provable doors."""
    judgements = {v.judgement for v in verdicts if v.nature is Nature.PROVABLE}
    for worst in (Judgement.OPEN, Judgement.BOUNDED, Judgement.UNVERIFIABLE):
        if worst in judgements:
            return worst
    return Judgement.SHUT if judgements else Judgement.UNVERIFIABLE


def exit_code(verdicts: Iterable[Verdict], *, failed: bool = False) -> ExitCode:
    """1 before 3 before 4 before 0; what nothing can prove by its nature changes nothing."""
    if failed:
        return ExitCode.FAILED
    word = overall(verdicts)
    if word in (Judgement.OPEN, Judgement.BOUNDED):
        return ExitCode.DOOR_OPEN
    return ExitCode.NOT_PROVEN if word is Judgement.UNVERIFIABLE else ExitCode.OK
