# SPDX-License-Identifier: Apache-2.0
"""`evict revoke --at` and `evict revoke --file`: an order of lines, and what became of each."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, cast

from rich.text import Text

from evict.cli import link
from evict.cli.look import print_rows
from evict.cli.options import read_settings
from evict.cli.output import Output
from evict.control import api
from evict.core.errors import ExitCode, UsageError
from evict.sources import batch, instant

_COLUMNS: Final = {
    "number": "line",
    "name": "account",
    "fate": "what becomes of it",
    "at": "at",
    "schedule": "schedule",
    "text": "",
}
_STANDARD_INPUT: Final = "-"


def read_file(file: Path) -> tuple[batch.Line, ...]:
    """`-` is standard input. Raises `UsageError`."""
    try:
        if str(file) == _STANDARD_INPUT:
            data = sys.stdin.buffer.read(batch.MAX_BYTES + 1)
        else:
            with file.open("rb") as opened:
                data = opened.read(batch.MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    return batch.read(data)


def lines_of(names: Sequence[str], at: str) -> tuple[batch.Line, ...]:
    """Everybody at the same instant; an empty one would be now. Raises `BadInstant`."""
    instant.parse(at)
    return tuple(
        batch.Line(number=number, account=name, at=at) for number, name in enumerate(names, 1)
    )


def order(out: Output, request: api.Batch, config: Path | None) -> ExitCode:
    """Give the order, and say what became of every line."""
    code = ExitCode.BUG
    found: dict[str, Any] = {}
    for line in link.lines(read_settings(config), request):
        match line:
            case api.Answer():
                found = cast("dict[str, Any]", line.data)
            case api.End():
                code = line.exit_code
            case _:
                continue
    if out.json:
        out.data({**found, "exit_code": code})
    else:
        print_rows(out, found["lines"], _COLUMNS)
        _conclude(out, found)
    return code


def _conclude(out: Output, found: dict[str, Any]) -> None:
    counts = ", ".join(f"{number} {fate}" for fate, number in found["counts"].items())
    if found["dry_run"]:
        out.talk.print(Text(f"Nothing was written. {counts}."))
        return
    if not found["written"]:
        out.talk.print(
            Text(
                f"Nothing was done: {counts}. Correct the lines that make no sense, or pass over"
                " them with --skip-bad.",
                style="red",
            )
        )
        return
    out.talk.print(Text(f"{counts}."))
    if "scheduled" in found["counts"]:
        agents = found["agents"]
        where = f"on the lists of {', '.join(agents)}" if agents else "on no agent's list yet"
        out.talk.print(Text(f"What is scheduled is {where}."))
    if "closed" in found["counts"]:
        out.talk.print(Text("Not waited for the verdicts: `evict status` shows them."))
