# SPDX-License-Identifier: Apache-2.0
"""How a planner makes a measure, and how its id is read again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Required, TypedDict, Unpack

from evict.core.door import Door
from evict.core.measure import Actor, BeforeImage, Measure, Stage


class More(TypedDict, total=False):
    """Of a measure, as `core.measure.Measure` names it.

    `image`: what stands before, and what the measure will set.
    """

    why: Required[str]
    actor: Actor
    target: str
    disturbs: str
    undo: str
    image: tuple[Mapping[str, str], Mapping[str, str]]


def measure(
    system: str, verb: str, stage: Stage, doors: tuple[Door, ...], **more: Unpack[More]
) -> Measure:
    """A measure with the id that its verb and its target give it."""
    target = more.get("target", "")
    name = f"{system}:{verb}:{target}" if target else f"{system}:{verb}"
    image = more.get("image")
    kept = None
    if image is not None:
        before, after = image
        kept = BeforeImage(
            measure=name, system=system, target=target, before=dict(before), after=dict(after)
        )
    return Measure(
        id=name,
        system=system,
        stage=stage,
        actor=more.get("actor", Actor.CONTROL),
        doors=doors,
        why=more["why"],
        target=target,
        disturbs=more.get("disturbs", "nobody else"),
        undo=more.get("undo", ""),
        image=kept,
    )


def verb(measure: str) -> str:
    """Of a measure's id; a system's name holds no colon."""
    return [*measure.split(":", 2), ""][1]
