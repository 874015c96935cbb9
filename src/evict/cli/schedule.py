# SPDX-License-Identifier: Apache-2.0
"""`evict schedule`: lists, moves and cancels what is scheduled."""

from __future__ import annotations

from typing import Any, Final, cast

from cyclopts import App
from rich.text import Text

from evict.cli import link
from evict.cli.look import print_rows
from evict.cli.options import ConfigPath, Json, read_settings
from evict.cli.output import Output
from evict.control import api
from evict.core.errors import ExitCode

app = App(name="schedule")

_COLUMNS: Final = {
    "id": "schedule",
    "label": "account",
    "at": "at (UTC)",
    "written": "as ordered",
    "by": "by",
    "state": "state",
    "agents": "on the lists of",
    "reason": "reason",
}

Request = api.ScheduleList | api.ScheduleCancel | api.ScheduleMove


def _ask(request: Request, config: ConfigPath) -> dict[str, Any]:
    return cast("dict[str, Any]", link.answer(read_settings(config), request))


@app.default
def schedule(*, json: Json = False, config: ConfigPath = None) -> ExitCode:
    """List what is scheduled, the next one first."""
    found = _ask(api.ScheduleList(), config)
    out = Output(json=json)
    if json:
        out.data(found)
        return ExitCode.OK
    if not found["schedules"]:
        out.talk.print(Text("Nothing is scheduled."))
        return ExitCode.OK
    print_rows(out, found["schedules"], _COLUMNS)
    if not found["runs"]:
        out.talk.print(Text("Nothing of it is carried out before `evict serve` runs.", style="red"))
    return ExitCode.OK


@app.command
def cancel(
    *schedules: str, reason: str = "", json: Json = False, config: ConfigPath = None
) -> ExitCode:
    """Forget what was scheduled: whoever it was for is not revoked.

    Parameters
    ----------
    schedules
        Ids, or names of the accounts.
    """
    found = _ask(api.ScheduleCancel(names=schedules, reason=reason), config)
    out = Output(json=json)
    if json:
        out.data(found)
        return ExitCode.OK
    for row in found["schedules"]:
        out.page.print(Text(f"{row['id']} is cancelled: {row['label']} was to end {row['at']}"))
    return ExitCode.OK


@app.command
def move(
    schedule: str, *, at: str, reason: str = "", json: Json = False, config: ConfigPath = None
) -> ExitCode:
    """Give a schedule another instant.

    Parameters
    ----------
    schedule
        Its id, or a name of the account.
    at
        Such as `2026-12-31T17:00 Europe/Berlin`.
    """
    found = _ask(api.ScheduleMove(name=schedule, at=at, reason=reason), config)
    out = Output(json=json)
    if json:
        out.data(found)
        return ExitCode.OK
    for row in found["schedules"]:
        out.page.print(Text(f"{row['id']}: {row['label']} ends {row['at']} ({row['written']})"))
    return ExitCode.OK
