# SPDX-License-Identifier: Apache-2.0
"""`evict lab compare`: recipes side by side."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Final, Self

from cyclopts import Parameter
from rich.console import Console

from evict.cli.choosing import chosen
from evict.cli.lab.compare_table import print_comparison
from evict.cli.lab.picture import picture
from evict.cli.options import Json
from evict.cli.output import Output
from evict.core.errors import ExitCode, UsageError
from evict.lab.compare.comparing import Effort, not_possible
from evict.lab.compare.comparing import compare as compare_recipes
from evict.lab.compare.recipes import RECIPES, Recipe, names
from evict.lab.compare.run import BESIDE_S, Course
from evict.lab.model.profile import Profile, Version

MOST_RUNS: Final = 100_000
BYSTANDERS: Final = (2, 500)
"""Two of them have a part in it; more than that many make no run take less than a second."""


def compare(
    *,
    version: str = "2019",
    recipe: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    runs: int = 200,
    seed: int = 1,
    bystanders: int = 24,
    watch_h: float = 24.0,
    processes: int | None = None,
    svg: Path | None = None,
    json: Json = False,
) -> ExitCode:
    """Compare what ends a leaver's access, how soon, and what it does to everybody else.

    Modelled: the same organisation, people and day for every recipe, in process, on the embedded
    organisation's rules. Nothing of it was measured on a real Exchange.

    Parameters
    ----------
    version
        2003, 2007, 2010, 2013, 2016, 2019 or SE.
    recipe
        Only these; more than one may be named.
    runs
        Of each recipe; each has people with other habits.
    seed
        The same one gives the same figures, on any number of processes.
    bystanders
        People who work beside the leaver.
    watch_h
        How long each door is tried, hours; what is open then is called open.
    processes
        As many as there are CPUs, unless it is said otherwise.
    svg
        Draw the picture into this file.
    """
    output = Output(json=json)
    of = Version(chosen(version, [str(each) for each in Version], "version of Exchange"))
    recipes = _recipes(recipe, of)
    _within("--runs", runs, 1, MOST_RUNS)
    _within("--bystanders", bystanders, *BYSTANDERS)
    _within("--watch-h", watch_h, BESIDE_S / 3600, 7 * 24)
    workers = os.cpu_count() or 1 if processes is None else processes
    _within("--processes", workers, 1, 256)
    if svg is not None and not svg.parent.is_dir():
        raise UsageError(f"the picture cannot be written to {svg}: there is no such folder")
    course = Course(version=of, bystanders=bystanders, watch_s=watch_h * 3600)
    effort = Effort(runs=runs, seed=seed, processes=workers)
    with _Counted(output.talk) as counted:
        comparison = compare_recipes(recipes, course, effort, counted.tell)
    if svg is not None:
        _write(svg, picture(comparison))
    if json:
        output.data(comparison)
    else:
        print_comparison(output.page, comparison)
    return ExitCode.OK


def _recipes(wanted: tuple[str, ...], version: Version) -> list[Recipe]:
    """All of them; or those that were named, which have to be possible."""
    if not wanted:
        return list(RECIPES)
    by_name = {recipe.name: recipe for recipe in RECIPES}
    found = [by_name[chosen(name, names(), "recipe")] for name in dict.fromkeys(wanted)]
    for recipe in found:
        if why := not_possible(recipe, Profile(version)):
            raise UsageError(f"the recipe {recipe.name!r} cannot be done: {why}")
    return found


def _within(option: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise UsageError(f"{option} is {value:g}; it must be from {least:g} to {most:g}")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"the picture cannot be written to {path}: {error.strerror}") from error


class _Counted:
    """How far it is, on a terminal's stderr; elsewhere it would be noise."""

    def __init__(self, talk: Console) -> None:
        self._talk = talk
        self._shown = talk.status("comparing") if talk.is_terminal else None

    def __enter__(self) -> Self:
        if self._shown is not None:
            self._shown.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown is not None:
            self._shown.stop()

    def tell(self, done: int, of: int) -> None:
        if self._shown is not None:
            self._shown.update(f"comparing: {done:,} of {of:,} runs")
