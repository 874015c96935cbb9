# SPDX-License-Identifier: Apache-2.0
"""What can be seen without changing anything: doors, plan, exposure. Plain JSON values."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from evict.control.systems import Systems
from evict.core.account import Account
from evict.core.door import Door
from evict.core.errors import SystemFault
from evict.core.exposure import Exposure
from evict.core.measure import Measure
from evict.core.sighting import Outcome, Sighting
from evict.core.verdict import Expectation
from evict.systems.base import Observation, Order

T = TypeVar("T")

_OF_NO_ORDER: Final = 0
"""A generation that no ledger entry has: they begin with 1."""


async def each(looks: Iterable[Awaitable[T]]) -> tuple[list[T], list[str]]:
    """Await all side by side: results, and one sentence for each system that failed."""
    results: list[T] = []
    failures: list[str] = []
    for outcome in await asyncio.gather(*looks, return_exceptions=True):
        if isinstance(outcome, SystemFault):
            failures.append(outcome.text)
        elif isinstance(outcome, BaseException):
            raise outcome
        else:
            results.append(outcome)
    return results, failures


async def doors(systems: Systems, account: Account) -> dict[str, Any]:
    """Every door of the account and what the systems' own lists show of it."""
    seen, failures = await each(c.observe(account, None) for c in systems.all)
    rows = [_door(e, o.sightings) for o in seen for e in sorted(o.expectations, key=_door_of)]
    return {
        "account": account.id,
        "label": account.upn,
        "doors": rows,
        "facts": [f"{o.system}: {fact}" for o in seen for fact in o.facts],
        "failures": failures,
    }


def _door_of(expectation: Expectation) -> Door:
    return expectation.door


def _door(expectation: Expectation, sightings: Iterable[Sighting]) -> dict[str, Any]:
    door = expectation.door
    mine = [s for s in sightings if s.door == door]
    state = _in_a_word(mine[-1].outcome) if mine else "not tried"
    return {
        "door": door.name,
        "system": door.system,
        "protocol": door.protocol,
        "credential": str(door.credential),
        "nature": str(expectation.nature),
        "state": state if expectation.nature.provable else str(expectation.nature),
        "note": mine[-1].detail if mine and mine[-1].detail else expectation.note,
    }


def _in_a_word(outcome: Outcome) -> str:
    if outcome.open:
        return "open"
    return "shut" if outcome.shut else str(outcome)


async def plan(
    systems: Systems, account: Account, *, hold_queue: bool = False, allow_bounce: bool = False
) -> dict[str, Any]:
    """The measures that a revocation would carry out now, and what could not be asked."""
    order = Order(
        generation=_OF_NO_ORDER,
        commit_at=datetime.now(UTC),
        forms=systems.forms(account),
        hold_queue=hold_queue,
        allow_bounce=allow_bounce,
        shown=True,
    )
    connectors = {c.name: c for c in systems.all}
    seen: list[Observation]
    seen, failures = await each(c.observe(account, order) for c in systems.all)
    measures = [m for o in seen for m in connectors[o.system].plan(account, o, order)]
    return {
        "account": account.id,
        "label": account.upn,
        "measures": [_measure(m) for m in sorted(measures, key=lambda m: (m.stage, m.id))],
        "failures": failures,
    }


def _measure(measure: Measure) -> dict[str, Any]:
    return {
        "stage": measure.stage.name.lower().replace("_", " "),
        "measure": measure.id,
        "by": str(measure.actor),
        "doors": [d.name for d in measure.doors],
        "why": measure.why,
        "disturbs": measure.disturbs,
        "undo": measure.undo,
    }


async def exposure(systems: Systems) -> dict[str, Any]:
    """How long each door would stay open after a plain disable in the directory."""
    told, failures = await each(c.exposure() for c in systems.all)
    return {"doors": [_exposure(e) for part in told for e in part], "failures": failures}


def _exposure(line: Exposure) -> dict[str, Any]:
    return {
        "door": line.door.name,
        "closes": in_words(line.closes_after_s),
        "closes_after_s": line.closes_after_s,
        "setting": _setting(line),
        "source": str(line.source),
        "reason": line.reason,
        "remedy": line.remedy,
    }


def _setting(line: Exposure) -> str:
    if line.setting in ("", "(none)"):
        return line.value
    return f"{line.setting} = {line.value}" if line.value else line.setting


def in_words(seconds: float | None) -> str:
    """`never`, `at once`, `90 s`, `60 min`, `10 h`."""
    if seconds is None:
        return "never"
    if seconds == 0:
        return "at once"
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length or (seconds >= length and seconds % length == 0):
            return f"{seconds / length:g} {unit}"
    return f"{seconds:g} s"
