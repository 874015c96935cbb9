# SPDX-License-Identifier: Apache-2.0
"""A comparison on a terminal: a table of doors, and one of what it costs."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from evict.cli.spans import span
from evict.lab.compare.doors import Door
from evict.lab.compare.results import Comparison, DoorExposure, RecipeResult

_HEADS: Final = {
    Door.PAGE: "page",
    Door.WEB: "web",
    Door.PHONE: "phone",
    Door.EWS: "EWS",
    Door.OUTLOOK: "Outlook",
    Door.IMAP: "IMAP",
    Door.POP3: "POP3",
    Door.SUBMISSION: "SMTP",
    Door.SENDING: "send",
    Door.SHARED: "shared",
    Door.RULE: "rule",
}
_QUANTILES: Final = ("p50", "p95", "max")
_SHUT_S: Final = 5.0
_BOUNDED_S: Final = 300.0


def print_comparison(page: Console, comparison: Comparison) -> None:
    """Exposure by door, then the costs, then what could not be done."""
    page.print(
        Text(
            f"Exchange {comparison.version}, modelled: {comparison.runs} runs of each recipe,"
            f" doors tried for {span(comparison.watch_s)} after the order,"
            f" {comparison.bystanders} bystanders, seed {comparison.seed}",
            style="bold",
        )
    )
    page.print("\nHow long the leaver still got in, from the order on: p50, p95, max of the runs.")
    page.print("'open': still so at the end of the watch. A percentage: of so many runs.\n")
    page.print(_doors(comparison))
    page.print(_legend(comparison))
    page.print("\nWhat it costs, mean of a run; the first hour after the order.\n")
    page.print(_costs(comparison))
    for line in _left_out(comparison):
        page.print(line, soft_wrap=True)


def _doors(comparison: Comparison) -> Table:
    doors = _seen_doors(comparison)
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("recipe", min_width=18, max_width=24)
    table.add_column("")
    for door in doors:
        table.add_column(_HEADS[Door(door)], justify="right", no_wrap=True)
    for recipe in comparison.recipes:
        if recipe.not_possible:
            continue
        cells = {each.door: _cells(each, recipe.runs) for each in recipe.doors}
        ours = recipe.name.startswith("evict")
        columns = [cells.get(door, [Text("")] * 3) for door in doors]
        table.add_row(
            Text(recipe.title, style="bold" if ours else ""),
            "\n".join(_QUANTILES),
            *(Text("\n").join(column) for column in columns),
        )
    return table


def _seen_doors(comparison: Comparison) -> list[str]:
    seen = {each.door for recipe in comparison.recipes for each in recipe.doors}
    return [door for door in Door if door in seen]


def _cells(exposure: DoorExposure, runs: int) -> list[Text]:
    values = (exposure.p50_s, exposure.p95_s, exposure.max_s)
    cells = [Text("open", style="bold red") if v is None else _bounded(v) for v in values]
    if 0 < exposure.open_runs < runs:
        share = max(100 * exposure.open_runs / runs, 0.1)
        cells[-1] = Text(f"open {share:.0f}%" if share >= 1 else f"open {share:.1f}%", "bold red")
    return cells


def _bounded(seconds: float) -> Text:
    if seconds <= _SHUT_S:
        return Text(span(seconds), style="green")
    return Text(span(seconds), style="yellow" if seconds <= _BOUNDED_S else "red")


def _legend(comparison: Comparison) -> Text:
    told = [f"{_HEADS[Door(door)]}: {door}" for door in _seen_doors(comparison)]
    return Text("\n" + "; ".join(told), style="dim")


def _costs(comparison: Comparison) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("recipe", max_width=34)
    for head in (
        "doors\nleft open",
        "sessions\ndropped",
        "password\nprompts",
        "people\ndisturbed",
        "mails\nbounced",
        "sign-ins\nadded /h",
        "steps\ntake",
    ):
        table.add_column(head, justify="right")
    for recipe in comparison.recipes:
        if not recipe.not_possible:
            table.add_row(*_cost(recipe))
    return table


def _cost(recipe: RecipeResult) -> tuple[str, ...]:
    figures = (
        recipe.sessions_dropped,
        recipe.prompts,
        recipe.people_disturbed,
        recipe.mails_bounced,
    )
    return (
        recipe.title,
        str(len(recipe.doors_left_open)),
        *(f"{max(figure, 0.0):.1f}" for figure in figures),
        f"{recipe.sign_ins_added:+.0f}",
        span(recipe.steps_s),
    )


def _left_out(comparison: Comparison) -> list[str]:
    lines = [
        f"Not on Exchange {comparison.version}: {recipe.title} ({recipe.not_possible})"
        for recipe in comparison.recipes
        if recipe.not_possible
    ]
    for recipe in comparison.recipes:
        missing = [f"{each.step} ({each.missing})" for each in recipe.steps if each.missing]
        if missing and not recipe.not_possible:
            lines.append(f"{recipe.title}, without: {'; '.join(missing)}")
    return ["", *lines] if lines else []
