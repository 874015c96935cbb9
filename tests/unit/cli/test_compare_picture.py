# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from msgspec.structs import replace

from evict.cli.lab import picture_parts as parts
from evict.cli.lab.picture import picture
from evict.lab.compare.doors import Door
from evict.lab.compare.results import Comparison, DoorExposure, RecipeResult

RUNS = 200
SVG = "{http://www.w3.org/2000/svg}"


def exposed(door: Door, p95_s: float | None, open_runs: int = 0) -> DoorExposure:
    longest_s = None if open_runs else p95_s
    return DoorExposure(door=door, p50_s=0.0, p95_s=p95_s, max_s=longest_s, open_runs=open_runs)


def result(name: str, title: str, p95_s: float | None = 0.0, open_runs: int = 0) -> RecipeResult:
    doors = tuple(exposed(door, p95_s, open_runs) for door in Door)
    return RecipeResult(name=name, title=title, source="", steps=(), runs=RUNS, doors=doors)


def impossible(name: str, title: str, why: str) -> RecipeResult:
    return RecipeResult(name=name, title=title, source="", steps=(), not_possible=why)


DISABLE = result("disable", "disable in the directory", None, RUNS)
MOVE = replace(result("move", "disable, move the mailbox", 480.0), people_disturbed=21.7)
NONE_2010 = impossible("quarantine", "disable, quarantine", "quarantine it: no such cmdlet")
EVICT = replace(result("evict", "Evict, no hook"), mails_bounced=5.8)


def compared(*recipes: RecipeResult, watch_s: float = 86400.0) -> Comparison:
    return Comparison(
        version="2010", seed=1, runs=RUNS, watch_s=watch_s, bystanders=24, recipes=recipes
    )


def read(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314


def words(svg: str) -> list[str]:
    """What is written on it, in order."""
    return [element.text or "" for element in read(svg).iter(f"{SVG}text")]


def described(svg: str) -> str:
    return read(svg).findtext(f"{SVG}desc") or ""


def test_names_every_recipe_and_every_door() -> None:
    svg = picture(compared(DISABLE, MOVE, NONE_2010, EVICT))
    for recipe in (DISABLE, MOVE, NONE_2010, EVICT):
        assert recipe.title in words(svg)
    for door in Door:
        assert door in described(svg)
        assert f"{DISABLE.title} \u2013 {door}: " in svg
        assert parts.heading(door).group
        for line in (parts.heading(door).group, *parts.heading(door).lines):
            assert line in words(svg)


def test_escapes_what_a_title_says() -> None:
    title = '<b> & "co"\x00'
    svg = picture(compared(replace(DISABLE, title=title)))
    assert '<b> & "co"\ufffd' in words(svg)


def test_the_same_comparison_is_the_same_picture() -> None:
    assert picture(compared(DISABLE, EVICT)) == picture(compared(DISABLE, EVICT))


@pytest.mark.parametrize(
    ("p95_s", "open_runs", "word", "under", "shade"),
    [
        (0.0, 0, "shut", "", parts.SHUT),
        (5.0, 0, "shut", "", parts.SHUT),
        (17.4, 0, "17 s", "", parts.WITHIN_MINUTE),
        (66.0, 0, "66 s", "", parts.WITHIN_HOUR),
        (120.0, 0, "2 min", "", parts.WITHIN_HOUR),
        (3639.0, 0, "61 min", "", parts.LATER),
        (15049.0, 0, "4.2 h", "", parts.LATER),
        (38209.0, 10, "open", "5 %", parts.OPEN_IN_SOME),
        (0.0, 1, "open", "1 %", parts.OPEN_IN_SOME),
        (None, 199, "open", "99 %", parts.OPEN_IN_SOME),
        (None, 200, "open", "", parts.OPEN),
    ],
)
def test_a_cell_says_shut_or_how_long_or_open(
    p95_s: float | None, open_runs: int, word: str, under: str, shade: parts.Shade
) -> None:
    shown = parts.cell(exposed(Door.WEB, p95_s, open_runs), RUNS)
    assert (shown.word, shown.under, shown.shade) == (word, under, shade)
    svg = picture(compared(result("x", "x", p95_s, open_runs)))
    assert words(svg).count(word) == len(Door)
    assert svg.count(f'fill="{shade.fill}"') == len(Door) + 1  # and once in the legend


def test_an_impossible_recipe_gives_its_reason_and_no_cells() -> None:
    svg = picture(compared(NONE_2010))
    said = words(svg)
    assert "not possible: no such cmdlet" in said
    assert not {"open", "shut"} & {*said}
    assert "none" not in said
    assert "None of these recipes can be done on Exchange 2010" in said


def test_a_long_reason_is_cut_on_the_picture_and_whole_in_its_description() -> None:
    why = "step: " + "because " * 30
    svg = picture(compared(impossible("x", "x", why.strip())))
    shown = next(word for word in words(svg) if word.startswith("not possible: "))
    assert shown.endswith("\u2026")
    assert why.strip() in described(svg)


def test_the_headline_sets_the_first_recipe_against_the_best_of_evict() -> None:
    worse = result("evict-x", "Evict, worse", 60.0)
    shut = parts.headline(compared(DISABLE, MOVE, worse, EVICT))
    assert shut == (
        "After \u201cdisable in the directory\u201d, 11 of 11 ways in can still be open after 24 h",
        "After \u201cEvict, no hook\u201d, none: all are shut at once",
    )
    assert parts.headline(compared(worse))[-1].endswith("none: the slowest is shut after 60 s")
    some = replace(EVICT, doors=(exposed(Door.IMAP, None, 3), *EVICT.doors[:4]))
    assert parts.headline(compared(some))[-1].endswith("1 of 5 can still be open after 24 h")
    assert parts.headline(compared(MOVE))[0].startswith(f"After \u201c{MOVE.title}\u201d, none of")


def test_the_cost_to_others_is_a_number_or_none() -> None:
    said = words(picture(compared(MOVE, EVICT)))
    assert said.count("22") == 1
    assert said.count("6") == 1
    assert said.count("none") == 2
    assert [parts.count(mean) for mean in (-0.3, 0.04, 0.42, 1.0)] == ["none", "none", "0.4", "1"]


def test_evict_stands_below_the_others_in_bold() -> None:
    svg = picture(compared(EVICT, DISABLE))
    texts = {element.text: element for element in read(svg).iter(f"{SVG}text")}
    ours, theirs = texts[EVICT.title], texts[DISABLE.title]
    assert float(ours.attrib["y"]) > float(theirs.attrib["y"]) + 36.0
    assert ours.get("font-weight") == "bold"
    assert theirs.get("font-weight") is None


def test_a_long_title_takes_two_lines() -> None:
    assert parts.wrapped("Evict, no hook, mail may bounce", 27) == (
        "Evict, no hook,",
        "mail may bounce",
    )
    assert parts.wrapped("one two three four", 10) == ("one two", "three four")
    assert parts.wrapped("short", 27) == ("short",)
    assert parts.wrapped("unbreakable" * 4, 27) == ("unbreakable" * 4,)


def test_says_that_all_of_it_is_modelled() -> None:
    said = " ".join(words(picture(compared(DISABLE, watch_s=60.0))))
    assert "200 runs each, watched for 60 s; nothing here was measured" in said
    assert "Exchange 2010, modelled" in said


def test_a_door_without_short_words_keeps_its_own() -> None:
    assert parts.heading("new door") == parts.Heading(group="", lines=("new", "door"))
