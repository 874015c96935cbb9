# SPDX-License-Identifier: Apache-2.0
"""All recipes, many runs each, over several processes; the same seeds for every recipe."""

from __future__ import annotations

import math
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Final

import msgspec
from msgspec import Struct

from evict.lab.compare.doors import Door
from evict.lab.compare.recipes import NOTHING, Recipe
from evict.lab.compare.results import Comparison, Done, DoorExposure, RecipeResult
from evict.lab.compare.run import Course, RunSeen, run_once
from evict.lab.model.profile import Profile

DAY_S: Final = 86400.0
BATCH: Final = 10
"""Runs that one task of a process does."""


class Effort(Struct, frozen=True, kw_only=True):
    """How often, with which dice, on how many processes; the last changes no figure."""

    runs: int
    seed: int
    processes: int


def compare(
    recipes: Sequence[Recipe],
    course: Course,
    effort: Effort,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Comparison:
    """Run every recipe that this version can, and the day without any.

    Args:
        progress: called with the runs that are done and those that there are in all.
    """
    profile = Profile(course.version)
    possible = [recipe for recipe in recipes if not not_possible(recipe, profile)]
    seen = _run([NOTHING, *possible], course, effort, progress)
    beside = seen[NOTHING.name]
    return Comparison(
        version=str(course.version),
        seed=effort.seed,
        runs=effort.runs,
        watch_s=course.watch_s,
        bystanders=course.bystanders,
        recipes=tuple(
            _result(recipe, profile, seen.get(recipe.name, []), beside) for recipe in recipes
        ),
    )


def not_possible(recipe: Recipe, profile: Profile) -> str:
    """The first step that this version does not have, as a sentence; "" where it can be done.

    Without a step that nothing on premises corresponds to, or an optional one, it is done.
    """
    for step in (*recipe.before, *recipe.steps):
        needed = step.act is not None and not step.optional
        if needed and not step.possible(profile):
            return f"{step.what}: {step.missing(profile)}"
    return ""


def _run(
    recipes: Sequence[Recipe],
    course: Course,
    effort: Effort,
    progress: Callable[[int, int], None],
) -> dict[str, list[RunSeen]]:
    runs = effort.runs
    tasks = [
        (recipe, course, effort.seed, range(first, min(first + BATCH, runs)))
        for first in range(0, runs, BATCH)
        for recipe in recipes
    ]
    seen: dict[str, list[RunSeen]] = {recipe.name: [] for recipe in recipes}
    done = 0
    with ProcessPoolExecutor(effort.processes, multiprocessing.get_context("spawn")) as pool:
        for (recipe, *_), batch in zip(tasks, pool.map(_batch, tasks), strict=True):
            seen[recipe.name] += batch
            done += len(batch)
            progress(done, runs * len(recipes))
    return seen


def _batch(task: tuple[Recipe, Course, int, range]) -> list[RunSeen]:
    recipe, course, seed, numbers = task
    return [run_once(recipe, course, f"{seed}/{number}") for number in numbers]


def _result(
    recipe: Recipe, profile: Profile, seen: Sequence[RunSeen], beside: Sequence[RunSeen]
) -> RecipeResult:
    done = tuple(
        Done(step=step.what, missing=step.missing(profile))
        for step in (*recipe.before, *recipe.steps)
    )
    result = RecipeResult(
        name=recipe.name,
        title=recipe.title,
        source=recipe.source,
        steps=done,
        not_possible=not_possible(recipe, profile),
    )
    return _figures(result, seen, beside) if seen else result


def _figures(
    result: RecipeResult, seen: Sequence[RunSeen], beside: Sequence[RunSeen]
) -> RecipeResult:
    doors = tuple(
        exposure(door, [run.last_s[door] for run in seen])
        for door in Door
        if door in seen[0].last_s
    )

    def more(of: Callable[[RunSeen], int]) -> float:
        """On average a run, more than on the same day without any recipe."""
        pairs = zip(seen, beside, strict=True)
        return sum(of(run) - of(quiet) for run, quiet in pairs) / len(seen)

    return msgspec.structs.replace(
        result,
        runs=len(seen),
        doors=doors,
        doors_left_open=tuple(each.door for each in doors if each.open_runs),
        sessions_dropped=more(lambda run: run.sessions_dropped),
        prompts=more(lambda run: run.prompts),
        people_disturbed=more(lambda run: run.people_disturbed),
        mails_bounced=more(lambda run: run.mails_bounced),
        sign_ins_added=more(lambda run: run.sign_ins),
        steps_s=sum(run.steps_s for run in seen) / len(seen),
    )


def exposure(door: str, lasts: Sequence[float | None]) -> DoorExposure:
    """Quantiles by the nearest rank (the smallest value that so many are not above)."""
    ordered = sorted(math.inf if last is None else last for last in lasts)

    def rank(share: float) -> float | None:
        value = ordered[max(math.ceil(share * len(ordered)) - 1, 0)]
        return None if math.isinf(value) else value

    return DoorExposure(
        door=door,
        p50_s=rank(0.5),
        p95_s=rank(0.95),
        max_s=rank(1.0),
        open_runs=sum(last is None for last in lasts),
    )
