# SPDX-License-Identifier: Apache-2.0
"""What the agents' acknowledgements and cutter steps are worth as sightings and as effects.

Pure, and computed afresh from everything received, so that the order in which an observation, an
acknowledgement and a cutter step arrive makes no difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from msgspec import Struct

from evict.core.door import Door
from evict.core.measure import Actor, Effect, EffectKind, Measure, Stage
from evict.core.sighting import Method, Outcome, Sighting
from evict.ledger.feed import CutStep


class AgentSaid(Struct, frozen=True, kw_only=True):
    """One message of an agent about one entry.

    Attributes:
        hooks: names of the systems whose hooks this agent answers.
        at: when the control plane received it, by its own clock.
        step: None for the acknowledgement that the hooks refuse.
    """

    agent: str
    hooks: tuple[str, ...]
    at: datetime
    step: CutStep | None = None


def sightings(plan: Iterable[Measure], said: Iterable[AgentSaid]) -> tuple[Sighting, ...]:
    """HOOK sightings from acknowledgements, LIST sightings from looks, for the plan's doors."""
    said = tuple(said)
    seen: list[Sighting] = []
    for measure in plan:
        if measure.actor is not Actor.AGENT:
            continue
        for message in said:
            seen += _of_one(measure, message)
    return tuple(seen)


def silences(
    plan: Iterable[Measure], silent: Mapping[str, Iterable[str]], at: datetime
) -> tuple[Sighting, ...]:
    """UNREACHABLE sightings for agents that answer a system's hook and did not acknowledge.

    Args:
        silent: system -> agents.
    """
    return tuple(
        Sighting(
            door=door,
            method=Method.HOOK,
            outcome=Outcome.UNREACHABLE,
            started_at=at,
            ended_at=at,
            where=f"agent {agent}",
            detail=f"agent {agent} has not acknowledged that its hook refuses this account",
        )
        for measure in plan
        if measure.actor is Actor.AGENT and measure.stage is Stage.REFUSE
        for agent in silent.get(measure.system, ())
        for door in measure.doors
    )


def _of_one(measure: Measure, message: AgentSaid) -> Iterator[Sighting]:
    step = message.step
    if step is None:
        if measure.stage is Stage.REFUSE and measure.system in message.hooks:
            detail = "the agent acknowledged that its hook refuses this account"
            for door in measure.doors:
                yield _sighting(door, Method.HOOK, Outcome.REFUSED, message, detail)
        return
    if measure.stage is not Stage.KICK or step.system != measure.system:
        return
    for door in measure.doors:
        left = step.left.get(door.protocol, 0)
        if step.step == "look" and left:
            detail = f"{left} live sessions on the server's list"
            yield _sighting(door, Method.LIST, Outcome.PRESENT, message, detail)
        elif step.step == "quiet":
            detail = "the server's list of sessions stayed empty"
            yield _sighting(door, Method.LIST, Outcome.EMPTY, message, detail)
        elif step.step == "failed":
            yield _sighting(door, Method.LIST, Outcome.UNREACHABLE, message, step.detail)


def _sighting(
    door: Door, method: Method, outcome: Outcome, message: AgentSaid, detail: str
) -> Sighting:
    return Sighting(
        door=door,
        method=method,
        outcome=outcome,
        started_at=message.at,
        ended_at=message.at,
        where=f"agent {message.agent}",
        detail=detail,
    )


_STEP_OF_STAGE = {Stage.FLUSH: "flush", Stage.KICK: "quiet"}


def effects(plan: Iterable[Measure], said: Iterable[AgentSaid]) -> tuple[Effect, ...]:
    """What came of the agent's measures: nothing is done that no agent said is done."""
    said = tuple(said)
    return tuple(_effect(m, said) for m in plan if m.actor is Actor.AGENT)


def _effect(measure: Measure, said: tuple[AgentSaid, ...]) -> Effect:
    if measure.stage is Stage.REFUSE:
        agents = sorted({m.agent for m in said if not m.step and measure.system in m.hooks})
        if agents:
            return Effect(measure=measure.id, kind=EffectKind.DONE, detail=f"by {agents[0]}")
        return _missing(measure, "no agent that answers this hook has acknowledged it")
    steps = [m.step for m in said if m.step is not None and m.step.system == measure.system]
    wanted = _STEP_OF_STAGE.get(measure.stage)
    if any(step.step == wanted for step in steps):
        count = sum(s.count for s in steps if s.step == measure.stage.name.lower())
        return Effect(measure=measure.id, kind=EffectKind.DONE, detail=f"count {count}")
    failed = [s.detail for s in steps if s.step == "failed"]
    return _missing(measure, failed[-1] if failed else "the agent has not reported it")


def _missing(measure: Measure, detail: str) -> Effect:
    return Effect(measure=measure.id, kind=EffectKind.FAILED, detail=detail)
