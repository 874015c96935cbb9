# SPDX-License-Identifier: Apache-2.0
"""The picture of a comparison: a row a recipe, a column a door, the darker the longer open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from typing import Final

from msgspec import Struct

from evict.cli.lab import picture_parts as parts
from evict.cli.svg import Svg
from evict.lab.compare.results import Comparison, DoorExposure, RecipeResult

_WIDTH: Final = 1200.0
_EDGE: Final = 18.0
_TITLES: Final = 252.0
_PLAIN: Final = 32
_BOLD: Final = 27
"""Letters of a title that fit one line in the widest of the fonts."""
_HEADLINE: Final = 24.0
_LETTER: Final = 0.66
"""The mean width of a bold letter of that font, of its size."""
_COSTS: Final = (68.0, 68.0)
_ROW: Final = 36.0
_GAP: Final = 3.0
_BREAK: Final = 8.0
"""Between two groups of columns."""
_APART: Final = 16.0
"""Between the doors and the costs, and between the others' recipes and Evict's."""
_HEAD: Final = 84.0
_SMALL: Final = 13.0
_INK: Final = "#1c2733"
_SOFT: Final = "#56626e"
_RULE: Final = "#9aa5b0"
_GREY: Final = "#f0f2f4"
_COST: Final = "#b9c9dc"


class Column(Struct, frozen=True, kw_only=True):
    door: str
    heading: parts.Heading
    x: float
    width: float

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


class Sheet(Struct, frozen=True, kw_only=True):
    """Where everything is, left to right; `costs` are the left edges of the two last columns."""

    columns: tuple[Column, ...]
    costs: tuple[float, float]

    @property
    def right(self) -> float:
        return self.costs[1] + _COSTS[1]


def picture(comparison: Comparison) -> str:
    """One SVG that says at a glance which ways in a recipe leaves open, and for how long."""
    ours = [recipe for recipe in comparison.recipes if parts.is_ours(recipe)]
    others = [recipe for recipe in comparison.recipes if not parts.is_ours(recipe)]
    lines = parts.headline(comparison)
    top = 76.0 + 29.0 * len(lines)
    first = top + _HEAD
    apart = _APART if ours and others else 0.0
    end = first + _ROW * len(comparison.recipes) + apart
    svg = Svg(
        _WIDTH,
        end + 56.0,
        title=parts.subtitle(comparison),
        desc=parts.description(comparison),
    )
    sheet = _sheet(parts.doors_of(comparison.recipes))
    _words(svg, comparison, lines)
    _heads(svg, sheet, top, comparison.bystanders)
    most = max((recipe.mails_bounced for recipe in comparison.recipes), default=0.0)
    for number, recipe in enumerate((*others, *ours)):
        y = first + _ROW * number + (apart if parts.is_ours(recipe) else 0.0)
        _row(svg, sheet, recipe, y)
        if recipe.doors:
            _cost(svg, sheet.costs[0], y, recipe.people_disturbed, comparison.bystanders)
            _cost(svg, sheet.costs[1], y, recipe.mails_bounced, most)
    for number, said in enumerate(parts.footnotes(comparison)):
        svg.text(_EDGE, end + 24.0 + 19.0 * number, said, size=_SMALL, fill=_SOFT)
    return svg.render()


def _sheet(doors: Sequence[str]) -> Sheet:
    heads = [parts.heading(door) for door in doors]
    broken = [before.group != after.group for before, after in pairwise(heads)]
    left = _EDGE + _TITLES
    costs = _WIDTH - _EDGE - sum(_COSTS) - _GAP
    width = (costs - _APART - left - _BREAK * sum(broken)) / max(len(doors), 1)
    columns = []
    for door, head, gap in zip(doors, heads, [*broken, False], strict=True):
        columns.append(Column(door=door, heading=head, x=left, width=width - _GAP))
        left += width + _BREAK * gap
    return Sheet(columns=tuple(columns), costs=(costs, costs + _COSTS[0] + _GAP))


def _words(svg: Svg, comparison: Comparison, lines: Sequence[str]) -> None:
    """Headline, what is shown, legend."""
    y = 38.0
    longest = max(len(line) for line in lines)
    size = min(_HEADLINE, (_WIDTH - 2 * _EDGE) / (_LETTER * longest))
    for line in lines:
        svg.text(_EDGE, y, line, size=size, fill=_INK, bold=True)
        y += 29.0
    svg.text(_EDGE, y - 3.0, parts.subtitle(comparison), size=16.0, fill=_SOFT)
    x = _EDGE
    for shade, said in parts.legend(comparison):
        svg.rect(x, y + 12.0, 26.0, 16.0, fill=shade.fill, stroke=_RULE, radius=3.0)
        svg.text(x + 33.0, y + 25.0, said, size=14.0, fill=_INK)
        x += 56.0 + 7.2 * len(said)


def _heads(svg: Svg, sheet: Sheet, top: float, bystanders: int) -> None:
    for name, group in groupby(sheet.columns, key=lambda column: column.heading.group):
        columns = list(group)
        right = columns[-1].x + columns[-1].width
        _head(svg, name, top, (columns[0].x, right))
        for column in columns:
            _under(svg, column.heading.lines, column.middle, top)
    _head(svg, "cost to others", top, (sheet.costs[0], sheet.right))
    for said, x, width in zip(
        (("disturbed,", f"of {bystanders}"), ("mails", "bounced")), sheet.costs, _COSTS, strict=True
    ):
        _under(svg, said, x + width / 2, top)


def _head(svg: Svg, name: str, top: float, span: tuple[float, float]) -> None:
    y = top + 37.0
    svg.text(sum(span) / 2, y - 7.0, name, size=14.0, fill=_INK, anchor="middle", bold=True)
    svg.line((span[0], y), (span[1], y), stroke=_RULE, width=1.5)


def _under(svg: Svg, lines: Sequence[str], x: float, top: float) -> None:
    for number, line in enumerate(lines):
        y = top + 54.0 + 16.0 * number
        svg.text(x, y, line, size=_SMALL, fill=_INK, anchor="middle")


def _row(svg: Svg, sheet: Sheet, recipe: RecipeResult, y: float) -> None:
    height, base = _ROW - _GAP, y + 21.5
    _title(svg, recipe, base)
    if not recipe.doors:
        left = sheet.columns[0].x
        svg.rect(left, y, sheet.right - left, height, fill=_GREY, radius=3.0, tip=_why(recipe))
        svg.text(left + 12.0, base, parts.reason(recipe), size=14.0, fill=_SOFT)
        return
    for column, door in _placed(sheet, recipe):
        shown = parts.cell(door, recipe.runs)
        ink, word = shown.shade.ink, shown.word
        tip = parts.tip(recipe, door)
        svg.rect(column.x, y, column.width, height, fill=shown.shade.fill, radius=3.0, tip=tip)
        up = 6.5 if shown.under else 0.0
        still = shown.shade in {parts.OPEN_IN_SOME, parts.OPEN}
        svg.text(column.middle, base - up, word, size=15.0, fill=ink, anchor="middle", bold=still)
        if shown.under:
            svg.text(column.middle, base + 7.0, shown.under, size=12.0, fill=ink, anchor="middle")


def _title(svg: Svg, recipe: RecipeResult, base: float) -> None:
    fill, ours = _INK if recipe.doors else _SOFT, parts.is_ours(recipe)
    lines = parts.wrapped(recipe.title, _BOLD if ours else _PLAIN)
    size, up = (15.0, 0.0) if len(lines) == 1 else (14.0, 8.0)
    for number, line in enumerate(lines):
        svg.text(_EDGE, base - up + 16.0 * number, line, size=size, fill=fill, bold=ours)


def _placed(sheet: Sheet, recipe: RecipeResult) -> Iterator[tuple[Column, DoorExposure]]:
    doors = {door.door: door for door in recipe.doors}
    for column in sheet.columns:
        if column.door in doors:
            yield column, doors[column.door]


def _why(recipe: RecipeResult) -> str:
    return f"{recipe.title} \u2013 not possible: {recipe.not_possible}"


def _cost(svg: Svg, x: float, y: float, mean: float, most: float) -> None:
    """A bar as long as its share of the most that there can be, and the number."""
    said, width = parts.count(mean), _COSTS[0]
    share = min(mean / most, 1.0) if most > 0 else 0.0
    svg.rect(x, y, width, _ROW - _GAP, fill=_GREY, radius=3.0)
    if said != "none":
        svg.rect(x, y, max(width * share, 3.0), _ROW - _GAP, fill=_COST, radius=3.0)
    fill = _SOFT if said == "none" else _INK
    svg.text(x + width / 2, y + 21.5, said, size=15.0, fill=fill, anchor="middle")
