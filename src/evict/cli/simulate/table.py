# SPDX-License-Identifier: Apache-2.0
"""The simulation's numbers as a table, and what stays the same at each lifetime."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from evict.cli.simulate.words import duration, figure, lifetime, share
from evict.simulate.outcome import Outcome, Point

_COLUMNS = (
    ("token\nlifetime", 9),
    ("exposure\np50", 8),
    ("\np95", 8),
    ("\np99", 8),
    ("\nmax", 8),
    ("open after\n24 h", 10),
    ("sign-ins/s\nday", 10),
    ("\npeak", 7),
    ("prompts\na day", 7),
    ("they begin\nabove", 10),
)


def table(outcome: Outcome) -> Table:
    made = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for title, width in _COLUMNS:
        made.add_column(title, justify="right", min_width=width, no_wrap=True)
    for point in outcome.points:
        made.add_row(*map(Text, _cells(point)))
    evict = outcome.evict
    nought = [duration(evict.exposure_s)] * 4
    cells = ["Evict", *nought, share(0), figure(evict.sign_ins_per_s)]
    cells += [figure(evict.sign_ins_peak_per_s), figure(evict.prompts_a_day), ""]
    made.add_row(*(Text(cell, style="bold green") for cell in cells))
    return made


def _cells(point: Point) -> Iterator[str]:
    found = point.exposure
    yield lifetime(point.lifetime_s)
    yield from map(duration, (found.p50_s, found.p95_s, found.p99_s, found.max_s))
    yield share(found.still_open_share)
    yield figure(point.sign_ins_per_s)
    yield figure(point.sign_ins_peak_per_s)
    yield figure(point.prompts_a_day)
    begin_at_s = point.prompts_begin_at_s
    yield "-" if begin_at_s is None else _short(begin_at_s)


def _short(seconds: float) -> str:
    if seconds < 0.001:
        return "< 1 ms"
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else duration(seconds)


def remarks(outcome: Outcome) -> Iterator[str]:
    """What the table's numbers are of, in sentences."""
    always, evict = outcome.always, outcome.evict
    yield (
        f"Modelled: {outcome.people:,} people, {always.servers} servers, one day of"
        f" {always.requests_a_day:,} requests; {outcome.leavers_drawn:,} leavers drawn,"
        f" {share(always.affected_share)} of them with a client that a token lets in: exposure is"
        " theirs, from the disable to the last success. Lifetime 0: no cache, each request signs"
        " in."
    )
    yield (
        f"At any lifetime: {figure(always.direct_per_s)} sign-ins/s of IMAP and POP3,"
        f" {figure(always.integrated_per_s)} of Outlook, {figure(always.forms_a_day)} login forms"
        " a day as cookies end."
    )
    yield (
        "Prompts begin where the directory takes longer for a sign-in than the last column says"
        " (MaxConcurrentApi)."
    )
    yield (
        f"Evict, with a hook at the front, at {lifetime(evict.lifetime_s)}: the next request is"
        " refused. Not seen by that hook, and ended by other measures:"
        f" {', '.join(evict.unseen)}."
    )
