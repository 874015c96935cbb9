# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from msgspec import structs

from evict.lab.compare.comparing import Effort, compare, exposure, not_possible
from evict.lab.compare.durations import durations
from evict.lab.compare.recipes import RECIPES
from evict.lab.compare.run import Course
from evict.lab.model.profile import Profile, Version

BY_NAME = {recipe.name: recipe for recipe in RECIPES}
COURSE = Course(version=Version.V2019, bystanders=4, watch_s=3 * 3600)


def test_quantiles_are_values_that_were_seen() -> None:
    said = exposure("door", [float(n) for n in range(1, 101)])
    assert (said.p50_s, said.p95_s, said.max_s, said.open_runs) == (50.0, 95.0, 100.0, 0)


def test_an_open_run_is_longer_than_all_others() -> None:
    said = exposure("door", [*([1.0] * 94), *([None] * 6)])
    assert (said.p50_s, said.p95_s, said.max_s, said.open_runs) == (1.0, None, None, 6)


def test_one_run_is_all_its_quantiles() -> None:
    said = exposure("door", [7.0])
    assert (said.p50_s, said.p95_s, said.max_s) == (7.0, 7.0, 7.0)


def test_the_number_of_processes_changes_no_figure() -> None:
    recipes = [BY_NAME["disable"], BY_NAME["evict"]]
    one, two = (
        compare(recipes, COURSE, Effort(runs=12, seed=3, processes=number)) for number in (1, 2)
    )
    assert one == two


def test_another_seed_gives_other_people() -> None:
    recipes = [BY_NAME["features"]]
    one, two = (compare(recipes, COURSE, Effort(runs=4, seed=s, processes=1)) for s in (1, 2))
    assert one.recipes[0].doors != two.recipes[0].doors


def test_progress_is_told_to_the_last_run() -> None:
    told: list[tuple[int, int]] = []
    effort = Effort(runs=11, seed=1, processes=1)
    compare([BY_NAME["disable"]], COURSE, effort, lambda *how: told.append(how))
    assert told[-1] == (22, 22)  # the day without a recipe is run too


def test_a_recipe_that_a_version_cannot_is_listed_with_the_step() -> None:
    course = structs.replace(COURSE, version=Version.V2010)
    made = compare([BY_NAME["quarantine"]], course, Effort(runs=1, seed=1, processes=1))
    [result] = made.recipes
    assert result.not_possible == (
        "quarantine the mailbox: Exchange 2010 has no Enable-MailboxQuarantine"
    )
    assert (result.runs, result.doors) == (0, ())


@pytest.mark.parametrize(
    ("name", "version", "possible"),
    [
        ("2013", Version.V2010, False),
        ("2013", Version.V2013, True),
        ("move", Version.V2007, False),
        ("move", Version.V2010, True),
        ("quarantine", Version.V2013, True),
        ("admindroid", Version.V2010, True),
        ("evict", Version.V2010, True),
    ],
)
def test_which_version_can_do_what(name: str, version: Version, *, possible: bool) -> None:
    assert (not not_possible(BY_NAME[name], Profile(version))) is possible


def test_what_nothing_on_premises_corresponds_to_is_listed() -> None:
    made = compare([BY_NAME["cipp"]], COURSE, Effort(runs=1, seed=1, processes=1))
    missing = [each.step for each in made.recipes[0].steps if each.missing]
    assert "revoke the cloud's sessions" in missing


def test_every_step_has_a_duration() -> None:
    tools = {step.tool for recipe in RECIPES for step in (*recipe.before, *recipe.steps)}
    assert all(durations().of(tool) > 0 for tool in tools)
