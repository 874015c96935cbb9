# SPDX-License-Identifier: Apache-2.0
"""Live progress of a case on stderr: one line a door, from unknown to its verdict."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from evict.control import progress as told
from evict.core.door import Nature
from evict.core.verdict import Judgement, Verdict

STYLES = {
    Judgement.SHUT: "green",
    Judgement.BOUNDED: "yellow",
    Judgement.OPEN: "bold red",
    Judgement.UNVERIFIABLE: "yellow",
}


def word(verdict: Verdict, *, final: bool) -> str:
    """`unknown` until the end; a door that nothing can prove says so at once."""
    if verdict.nature is Nature.OUTSIDE:
        return "outside"
    if verdict.judgement is Judgement.UNVERIFIABLE and verdict.nature.provable and not final:
        return "unknown"
    return str(verdict.judgement)


def _held(event: told.HeldBack) -> str:
    """One line for however many."""
    one = event.accounts[0]
    who = one.label if len(event.accounts) == 1 else f"{len(event.accounts):,} accounts"
    people = "an approver" if event.approvers == 1 else f"{event.approvers} different people"
    what = f"`evict approve {one.held}`" if len(event.accounts) == 1 else "see `evict held`"
    return f"{who}: held, nothing was done: {event.why}. It waits for {people}: {what}"


class ProgressView:
    """On a terminal a table that fills in place; elsewhere a line for each change."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._labels: dict[str, str] = {}
        self._doors: dict[tuple[str, str], told.DoorJudged] = {}
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live = Live(console=self._console, refresh_per_second=12, transient=True)
            self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.__exit__(kind, error, trace)

    def take(self, event: told.Event) -> None:
        if isinstance(event, told.DoorJudged):
            self._door(event)
            return
        if isinstance(event, told.Named | told.Committed):
            self._labels[event.account] = event.label
        sentence = _held(event) if isinstance(event, told.HeldBack) else self._sentence(event)
        if sentence:
            self._console.print(Text(sentence), soft_wrap=True)

    def _sentence(self, event: told.Event) -> str:
        match event:
            case told.Committed():
                first = "already revoked, looking again" if event.already else "committed"
                return (
                    f"{event.label}: {first}: ledger entry {event.seq}, generation"
                    f" {event.generation}, {event.at:%H:%M:%S.%f} UTC"
                )
            case told.Refusing():
                return f"{self._label(event)} {event.ms:8.1f} ms  hooks refuse ({event.agent})"
            case told.MeasureDone():
                effect = event.effect
                detail = f": {effect.detail}" if effect.detail else ""
                ms = " " * 11 if event.ms is None else f"{event.ms:8.1f} ms"
                return f"{self._label(event)} {ms}  {effect.measure} {effect.kind}{detail}"
            case told.Note():
                return f"{self._label(event)}              {event.text}"
            case told.Refused():
                return f"{event.name}: {event.text} [{event.code}]"
            case _:
                return ""

    def _label(self, event: told.Refusing | told.MeasureDone | told.Note | told.DoorJudged) -> str:
        return self._labels.get(event.account, event.account)

    def _door(self, event: told.DoorJudged) -> None:
        self._doors[event.account, event.verdict.door.name] = event
        if self._live is not None:
            self._live.update(self._table())
        elif word(event.verdict, final=False) != "unknown":
            verdict = event.verdict
            self._console.print(
                Text(
                    f"{self._label(event)} {event.ms:8.1f} ms  {verdict.door.name:34}"
                    f" {word(verdict, final=False)}"
                )
            )

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for (_, door), event in sorted(self._doors.items()):
            said = word(event.verdict, final=False)
            style = "dim" if said in ("unknown", "outside") else STYLES[event.verdict.judgement]
            at = "" if said == "unknown" else f"{event.ms:.0f} ms"
            table.add_row(self._label(event), door, Text(said, style=style), at)
        return table
