# SPDX-License-Identifier: Apache-2.0
"""What the picture of a comparison says: the words of its cells, headings and headline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from evict.cli.spans import span
from evict.lab.compare.doors import Door
from evict.lab.compare.results import Comparison, DoorExposure, RecipeResult

MINUTE_S: Final = 60.0
HOUR_S: Final = 3600.0
SHUT_S: Final = 5.0
"""A door that is shut so soon is called shut, without a time."""
_REASON: Final = 92


class Shade(Struct, frozen=True, kw_only=True):
    """A colour, what is written on it, and what it means; the later the darker, also in grey."""

    fill: str
    ink: str


SHUT: Final = Shade(fill="#dcefe6", ink="#1b5a43")
WITHIN_MINUTE: Final = Shade(fill="#fff0c2", ink="#574100")
WITHIN_HOUR: Final = Shade(fill="#fac684", ink="#4a2800")
LATER: Final = Shade(fill="#e27c4c", ink="#2b0e00")
OPEN_IN_SOME: Final = Shade(fill="#a6324c", ink="#ffffff")
OPEN: Final = Shade(fill="#5c0a26", ink="#ffffff")


class Cell(Struct, frozen=True, kw_only=True):
    """`under` is the share of the runs that left the door open, "" for all or none."""

    word: str
    shade: Shade
    under: str = ""


class Heading(Struct, frozen=True, kw_only=True):
    """Of a column: neighbours of one group share its name."""

    group: str
    lines: tuple[str, ...]


_HEADINGS: Final = {
    Door.PAGE: Heading(group="web mail", lines=("already", "in")),
    Door.WEB: Heading(group="web mail", lines=("new", "sign-in")),
    Door.PHONE: Heading(group="phone", lines=("Active-", "Sync")),
    Door.EWS: Heading(group="apps", lines=("Mac, app", "(EWS)")),
    Door.OUTLOOK: Heading(group="Outlook", lines=("already", "in")),
    Door.IMAP: Heading(group="mail programs", lines=("IMAP,", "already in")),
    Door.POP3: Heading(group="mail programs", lines=("POP3,", "sign-in")),
    Door.SUBMISSION: Heading(group="sending", lines=("already", "in")),
    Door.SENDING: Heading(group="sending", lines=("new", "sign-in")),
    Door.SHARED: Heading(group="others'", lines=("mailboxes",)),
    Door.RULE: Heading(group="rules", lines=("that", "forward")),
}


def heading(door: str) -> Heading:
    """Short; a door that has no short words keeps its own, one to a line."""
    known = _HEADINGS.get(Door(door)) if door in set(Door) else None
    return known or Heading(group="", lines=tuple(door.split()))


def cell(door: DoorExposure, runs: int) -> Cell:
    """By the 95th percentile, unless some run left the door open."""
    if door.open_runs or door.p95_s is None:
        if 0 < door.open_runs < runs:
            return Cell(word="open", shade=OPEN_IN_SOME, under=_share(door.open_runs, runs))
        return Cell(word="open", shade=OPEN)
    late = door.p95_s
    if late <= SHUT_S:
        return Cell(word="shut", shade=SHUT)
    shade = LATER
    if late <= HOUR_S:
        shade = WITHIN_HOUR if late > MINUTE_S else WITHIN_MINUTE
    return Cell(word=span(late), shade=shade)


def _share(some: int, of: int) -> str:
    """In per cent; never 0 or 100, which would say none or all."""
    return f"{min(max(round(100 * some / of), 1), 99)} %"


def count(mean: float) -> str:
    """A mean number of people or mails; below nought is chance, and none."""
    if mean < 0.05:
        return "none"
    return f"{mean:.1f}" if mean < 1 else f"{mean:.0f}"


def is_ours(recipe: RecipeResult) -> bool:
    return recipe.name.startswith("evict")


def legend(comparison: Comparison) -> tuple[tuple[Shade, str], ...]:
    """From the lightest to the darkest."""
    watched = span(comparison.watch_s)
    return (
        (SHUT, f"shut within {span(SHUT_S)}"),
        (WITHIN_MINUTE, "within 1 min"),
        (WITHIN_HOUR, "within 1 h"),
        (LATER, "later"),
        (OPEN_IN_SOME, f"still open after {watched} in some runs (%)"),
        (OPEN, "in all runs"),
    )


def headline(comparison: Comparison) -> tuple[str, ...]:
    """What the first recipe leaves open, and what Evict's best does, a line each."""
    done = [recipe for recipe in comparison.recipes if recipe.doors]
    if not done:
        return (f"None of these recipes can be done on Exchange {comparison.version}",)
    plain = next((recipe for recipe in done if not is_ours(recipe)), None)
    ours = min(filter(is_ours, done), key=_badness, default=None)
    end = span(comparison.watch_s)
    lines = []
    if plain:
        can = f"{_of(plain)} ways in can still be open after {end}"
        lines.append(f"After \u201c{plain.title}\u201d, {can}")
    if ours:
        can = f"{_of(ours)} can" if plain else f"{_of(ours)} can still be open after {end}"
        said = can if _left(ours) else _slowest(ours)
        lines.append(f"After \u201c{ours.title}\u201d, {said}")
    return tuple(lines)


def _of(recipe: RecipeResult) -> str:
    return f"{_left(recipe) or 'none'} of {len(recipe.doors)}"


def _left(recipe: RecipeResult) -> int:
    return sum(1 for door in recipe.doors if door.open_runs)


def _slowest_s(recipe: RecipeResult) -> float:
    return max((door.p95_s or 0.0 for door in recipe.doors), default=0.0)


def _badness(recipe: RecipeResult) -> tuple[float, ...]:
    bounced = recipe.mails_bounced
    return (_left(recipe), _slowest_s(recipe), recipe.people_disturbed, bounced)


def _slowest(recipe: RecipeResult) -> str:
    """Of a recipe that leaves none open."""
    slowest_s = _slowest_s(recipe)
    if slowest_s <= SHUT_S:
        return "none: all are shut at once"
    return f"none: the slowest is shut after {span(slowest_s)}"


def subtitle(comparison: Comparison) -> str:
    return (
        "How long a leaver still gets in, by what the administrator does \u2014 "
        f"Exchange {comparison.version}, {comparison.kind}"
    )


def footnotes(comparison: Comparison) -> tuple[str, ...]:
    watched = span(comparison.watch_s)
    terms = (
        "A time: from the order, in 19 of 20 runs the way in was shut by then. Disturbed: cut off, "
        "asked for a password or refused. Bounced: mails to the leaver in the first hour."
    )
    modelled = (
        f"Modelled on the embedded organisation: {comparison.runs} runs each, watched for "
        f"{watched}; nothing here was measured on a real Exchange."
    )
    return terms, modelled


def wrapped(title: str, most: int) -> tuple[str, ...]:
    """In two lines if it is too long for one: after a comma by preference, near the middle."""
    if len(title) <= most:
        return (title,)
    spaces = [at for at, letter in enumerate(title) if letter == " "]
    breaks = [at for at in spaces if title[at - 1 : at] == ","] or spaces
    if not breaks:
        return (title,)
    middle = min(breaks, key=lambda at: abs(2 * at - len(title)))
    return title[:middle], title[middle + 1 :]


def reason(recipe: RecipeResult) -> str:
    """Why it cannot be done, without the step (before the colon), and not too long."""
    why = recipe.not_possible.partition(": ")[2] or recipe.not_possible
    said = f"not possible: {why}"
    return said if len(said) <= _REASON else f"{said[: _REASON - 1].rstrip()}\u2026"


def tip(recipe: RecipeResult, door: DoorExposure) -> str:
    """The figures behind one cell."""
    figures = (("half", door.p50_s), ("95 %", door.p95_s), ("all", door.max_s))
    shut = [f"{share} of the runs within {span(at)}" for share, at in figures if at is not None]
    still = [f"still open in {door.open_runs} of {recipe.runs}"] if door.open_runs else []
    return f"{recipe.title} \u2013 {door.door}: {'; '.join(shut + still)}"


def description(comparison: Comparison) -> str:
    """The whole picture for whoever cannot see it."""
    return "\n".join(_sentences(comparison))


def _sentences(comparison: Comparison) -> Iterator[str]:
    yield ". ".join([*headline(comparison), subtitle(comparison)]) + "."
    for recipe in comparison.recipes:
        if recipe.doors:
            yield f"{recipe.title}: {_cells(recipe)}."
        else:
            yield f"{recipe.title}: not possible: {recipe.not_possible}."


def _cells(recipe: RecipeResult) -> str:
    said = []
    for door in recipe.doors:
        shown = cell(door, recipe.runs)
        part = f" in {shown.under}" if shown.under else ""
        said.append(f"{door.door} {shown.word}{part}")
    people, mails = count(recipe.people_disturbed), count(recipe.mails_bounced)
    return "; ".join([*said, f"people disturbed {people}", f"mails bounced {mails}"])


def doors_of(recipes: Sequence[RecipeResult]) -> tuple[str, ...]:
    """The columns; all that there are when no recipe could be run."""
    found = dict.fromkeys(door.door for recipe in recipes for door in recipe.doors)
    return tuple(found) or tuple(Door)
