# SPDX-License-Identifier: Apache-2.0
"""One recipe, once: warm up, order, steps, and a watch at every door."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

from msgspec import Struct

from evict.lab.clients.programs import Connected
from evict.lab.compare.doors import Door
from evict.lab.compare.durations import durations
from evict.lab.compare.recipes import Recipe
from evict.lab.compare.scene import Scene
from evict.lab.compare.steps import Act, Step
from evict.lab.model.profile import Version

WARM_UP_S: Final = 1800.0
"""People are at work that long before the order: tokens, cookies and sessions are there."""
BESIDE_S: Final = 3600.0
"""How long after the order bystanders are watched; then they go home."""
STILL_S: Final = 7200.0
"""A door that let the leaver in so shortly before the end of the watch is open still: no client
waits longer between two tries."""


class RunSeen(Struct, frozen=True, kw_only=True):
    """Of one run.

    Attributes:
        last_s: by door, seconds from the order to the last time it let the leaver in, 0 where it
            never did; None: it still does at the end of the watch.
    """

    last_s: dict[str, float | None]
    sessions_dropped: int
    prompts: int
    people_disturbed: int
    mails_bounced: int
    sign_ins: int
    steps_s: float


class Course(Struct, frozen=True, kw_only=True):
    """What is the same for all runs. `watch_s` counts from the order."""

    version: Version
    bystanders: int
    watch_s: float


def run_once(recipe: Recipe, course: Course, seed: str) -> RunSeen:
    """Run a recipe on a fresh organisation; the same seed gives the same people and day."""
    scene = Scene(course.version, seed, course.bystanders)
    for act in _acts(recipe.before, scene):
        act(scene)
    scene.begin(apart_s=WARM_UP_S / 2)
    scene.place.pass_s(WARM_UP_S)
    _last_connections(scene)
    order_s = scene.place.now_s
    organisation = scene.organisation
    before = _beside(scene)
    sign_ins, bounced = organisation.directory.sign_ins, len(organisation.mail.bounced)
    steps_s = _schedule(scene, recipe)
    scene.place.run(order_s + BESIDE_S)
    after = _beside(scene)
    sign_ins = organisation.directory.sign_ins - sign_ins
    bounced = len(organisation.mail.bounced) - bounced
    _go_home(scene)
    scene.place.run(order_s + course.watch_s)
    changes = [
        tuple(late - early for early, late in zip(before[sam], after[sam], strict=True))
        for sam in before
    ]
    return RunSeen(
        last_s=dict(_last(scene, order_s)),
        sessions_dropped=sum(dropped for dropped, _, _ in changes),
        prompts=sum(prompts for _, prompts, _ in changes),
        people_disturbed=sum(any(change) for change in changes),
        mails_bounced=bounced,
        sign_ins=sign_ins,
        steps_s=steps_s,
    )


def _last_connections(scene: Scene) -> None:
    """The leaver's connections that live now are not made again: signing in is a door itself."""
    for client in scene.leaver.values():
        if isinstance(client, Connected):
            client.again = False


def _go_home(scene: Scene) -> None:
    for clients in scene.bystanders.values():
        for client in clients:
            client.stop()


def _schedule(scene: Scene, recipe: Recipe) -> float:
    """Each step is done when its time is over; those that cannot be done take none."""
    at_s = scene.place.now_s
    for step in recipe.steps:
        for act in _acts((step,), scene):
            at_s += durations().of(step.tool) * scene.dice.uniform(0.5, 1.5)
            scene.place.course.at(at_s, partial(act, scene))
    return at_s - scene.place.now_s


def _acts(steps: Sequence[Step], scene: Scene) -> Iterator[Act]:
    for step in steps:
        if step.act is not None and step.possible(scene.organisation.profile):
            yield step.act


def _beside(scene: Scene) -> dict[str, tuple[int, int, int]]:
    """By bystander: sessions that were ended, questions for the password, refusals."""
    return {
        sam: (
            sum(client.tally.dropped for client in clients),
            sum(client.tally.prompts for client in clients),
            sum(client.tally.refusals for client in clients),
        )
        for sam, clients in scene.bystanders.items()
    }


def _last(scene: Scene, order_s: float) -> Iterator[tuple[str, float | None]]:
    lasts: dict[str, float | None] = {
        door: client.tally.last_success_s for door, client in scene.leaver.items()
    }
    lasts[Door.RULE] = scene.forwarded_s
    for door, last_s in lasts.items():
        if last_s is None or last_s < order_s:
            yield door, 0.0
        elif last_s > scene.place.now_s - STILL_S:
            yield door, None
        else:
            yield door, last_s - order_s
