# SPDX-License-Identifier: Apache-2.0
"""How the systems looked when a case came to rest, and what a later look shows beyond it.

What a measure needs is compared as somebody would plan it who remembers nothing: so it does not
count that a connector forgot, with its process, what it had set, and the mark of a password that
somebody else set is another one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct, structs

from evict.control.cases.case import Case
from evict.control.progress import CaseReport
from evict.core.account import Account
from evict.core.door import Credential
from evict.core.measure import Actor, EffectKind, Measure
from evict.core.verdict import Expectation, Judgement, Verdict, judge
from evict.evidence.statement import Reopened
from evict.systems.base import Connector, Observation, Order

_OF_NO_ORDER: Final = 0
"""A generation that no ledger entry has: nothing was ever done for it."""
_DONE: Final = (EffectKind.DONE, EffectKind.UNCHANGED)


class Shown(Struct, frozen=True, kw_only=True):
    """What one system showed.

    Attributes:
        needs: id -> measure of the control plane that would be needed.
        open: doors that its own lists show as open.
    """

    system: str
    needs: dict[str, Measure]
    open: tuple[Verdict, ...]


class Rest(Struct, frozen=True, kw_only=True):
    """What was so when the last case of an account ended.

    Attributes:
        account: as the directory had it: it may be away, or the account gone from it, later.
        needs: measure's id -> digest of what stood before it.
        open: names of doors that were seen open.
        until: when the first of the doors that end by themselves is to be shut.
        settled: all was shut that can be.
        tries: cases in a row that did not settle.
        overdue: names of doors that are open past their promise.
    """

    account: Account
    generation: int
    at: datetime
    needs: dict[str, str]
    open: tuple[str, ...] = ()
    until: datetime | None = None
    settled: bool = True
    tries: int = 0
    overdue: tuple[str, ...] = ()


def shown(connector: Connector, account: Account, seen: Observation, order: Order) -> Shown:
    """What an observation says to somebody who remembers nothing of before."""
    afresh = structs.replace(order, generation=_OF_NO_ORDER)
    needed = connector.plan(account, seen, afresh)
    return Shown(
        system=seen.system,
        needs={m.id: m for m in needed if m.actor is Actor.CONTROL},
        open=tuple(_open(seen.expectations, seen, order.commit_at)),
    )


def _open(
    expectations: Iterable[Expectation], seen: Observation, commit_at: datetime
) -> Iterable[Verdict]:
    for expectation in expectations:
        verdict = judge(expectation, seen.sightings, commit_at)
        if verdict.nature.provable and verdict.judgement is Judgement.OPEN:
            yield verdict


def reopened(rest: Rest, looks: Sequence[Shown], now: datetime) -> tuple[Reopened, ...]:
    """What is open, or needs a measure, and did not when the case came to rest."""
    found = []
    for look in looks:
        fresh = [m for m in look.needs.values() if rest.needs.get(m.id) != _digest(m)]
        found += [
            Reopened(
                seen_at=now,
                system=look.system,
                doors=measure.doors,
                what=measure.id,
                why=measure.why,
            )
            for measure in fresh
        ]
        named = {door for measure in fresh for door in measure.doors}
        found += [
            Reopened(
                seen_at=now,
                system=look.system,
                doors=(verdict.door,),
                what=verdict.door.name,
                why=verdict.why,
            )
            for verdict in look.open
            if verdict.door.name not in rest.open and verdict.door not in named
        ]
    return tuple(found)


def _digest(measure: Measure) -> str:
    """Of what stands there before the measure; its values stay out of the record."""
    if measure.image is None:
        return ""
    before = msgspec.json.encode(measure.image.before, order="sorted")
    return hashlib.sha256(before).hexdigest()[:32]


class Last(Struct, frozen=True, kw_only=True):
    """The last look of a case.

    Attributes:
        undone: measures that had been done and are needed again: somebody was quicker than the
            end of the case. They are no part of its rest.
    """

    shown: tuple[Shown, ...]
    undone: tuple[Measure, ...]


def last_look(case: Case, connectors: Iterable[Connector]) -> Last:
    """Of every system that showed something."""
    by_name = {connector.name: connector for connector in connectors}
    pairs = [(by_name[name], seen) for name, seen in case.seen.items() if name in by_name]
    done = {e.measure for e in case.all_effects() if e.kind in _DONE}
    return Last(
        shown=tuple(shown(one, case.account, seen, case.order) for one, seen in pairs),
        undone=tuple(
            measure
            for connector, seen in pairs
            for measure in connector.plan(case.account, seen, case.order)
            if measure.image is not None and measure.id in done
        ),
    )


def rest_of(case: Case, report: CaseReport, last: Last, before: Rest | None, now: datetime) -> Rest:
    """What is to be remembered of a case that has ended."""
    undone = {measure.id for measure in last.undone}
    doors = {door for measure in last.undone for door in measure.doors}
    needs = [m for look in last.shown for m in look.needs.values() if m.id not in undone]
    waiting = [v.until for v in report.doors if v.until is not None and v.until > now]
    late = tuple(v.door.name for v in overdue(case, report.doors, now) if v.door not in doors)
    settled = not report.failures and not late
    same = before is not None and before.generation == case.order.generation
    tries = before.tries + 1 if before is not None and same and not settled else 0
    return Rest(
        account=case.account,
        generation=case.order.generation,
        at=now,
        needs={measure.id: _digest(measure) for measure in needs},
        open=tuple(v.door.name for look in last.shown for v in look.open if v.door not in doors),
        until=min(waiting, default=None),
        settled=settled,
        tries=tries,
        overdue=late,
    )


def overdue(case: Case, doors: Iterable[Verdict], now: datetime) -> list[Verdict]:
    """Doors that are open, or not proven shut, and should be by now.

    A live session that nothing lists and nobody watched is left out: no look can ever tell of it.
    """
    looked_at = {sighting.door for sighting in case.sightings()}
    return [
        verdict
        for verdict in doors
        if verdict.nature.provable
        and _late(verdict, now)
        and (verdict.door.credential is not Credential.SESSION or verdict.door in looked_at)
    ]


def _late(verdict: Verdict, now: datetime) -> bool:
    if verdict.judgement is Judgement.BOUNDED:
        return verdict.until is None or verdict.until <= now
    return verdict.judgement in (Judgement.OPEN, Judgement.UNVERIFIABLE)
