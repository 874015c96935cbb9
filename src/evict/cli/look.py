# SPDX-License-Identifier: Apache-2.0
"""Commands that only look: doors, plan, status, exposure, doctor."""

from __future__ import annotations

from typing import Any, Final, cast

from rich.table import Table
from rich.text import Text

from evict.cli import link
from evict.cli.options import ConfigPath, Json, read_settings
from evict.cli.output import Output
from evict.control import api
from evict.core.errors import ExitCode

Rows = list[dict[str, Any]]

_AGENTS: Final = {
    "agent": "agent",
    "connected": "connected",
    "seq": "entry",
    "hooks": "answers hooks of",
}


def print_rows(out: Output, rows: Rows, columns: dict[str, str]) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 2))
    for title in columns.values():
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*(Text(_text(row.get(key))) for key in columns))
    out.page.print(table)


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return str(value)


def _look(what: str, name: str, config: ConfigPath) -> dict[str, Any]:
    request = api.Look(what=what, name=name)
    return cast("dict[str, Any]", link.answer(read_settings(config), request))


def doors(account: str, *, json: Json = False, config: ConfigPath = None) -> ExitCode:
    """List every door of an account and what its systems show of it now."""
    found = _look("doors", account, config)
    out = Output(json=json)
    if json:
        out.data(found)
        return ExitCode.OK
    out.page.print(Text(f"{found['label']}  {found['account']}"))
    print_rows(out, found["doors"], {"door": "door", "state": "now", "note": "what is known"})
    for fact in found["facts"]:
        out.page.print(Text(f"  {fact}"))
    return ExitCode.OK


def plan(account: str, *, json: Json = False, config: ConfigPath = None) -> ExitCode:
    """Show the measures for an account: in which order, why each is there, whom it disturbs."""
    found = _look("plan", account, config)
    out = Output(json=json)
    if json:
        out.data(found)
    else:
        print_plan(out, found)
    return ExitCode.OK


def print_plan(out: Output, found: dict[str, Any]) -> None:
    """The measures for one account, and what could not be asked."""
    out.page.print(Text(f"{found['label']}  {found['account']}"))
    columns = {
        "stage": "stage",
        "measure": "measure",
        "by": "by",
        "why": "why",
        "disturbs": "disturbs",
        "undo": "undo",
    }
    print_rows(out, found["measures"], columns)
    for failure in found["failures"]:
        out.talk.print(Text(f"not told: {failure}", style="red"))


def status(account: str = "", *, json: Json = False, config: ConfigPath = None) -> ExitCode:
    """Show who is revoked, how each case stands, and how fresh the agents are."""
    found = _look("status", account, config)
    out = Output(json=json)
    if json:
        out.data(found)
        return ExitCode.OK
    columns = {
        "label": "account",
        "state": "state",
        "generation": "generation",
        "since": "since",
        "verdict": "verdict",
        "evidence": "evidence",
    }
    print_rows(out, found["accounts"], columns)
    print_rows(out, found["agents"], _AGENTS)
    for said in map(undelivered, found["notices"]):
        if said:
            out.talk.print(Text(said, style="red"))
    for said in _not_in_force(found["configuration"]):
        out.talk.print(Text(said, style="red"))
    return ExitCode.OK


def undelivered(way: dict[str, Any]) -> str:
    """What could not be told over this way; "" where all was."""
    lost = f"{way['lost']} could not be delivered: {way['lost_why']}" if way["lost"] else ""
    trouble = f"{way['waiting']} waiting since {way['oldest']}: {way['trouble']}"
    waits = trouble if way["waiting"] and way["trouble"] else ""
    said = "; ".join(part for part in (waits, lost) if part)
    return f"notices by {way['way']}: {said}" if said else ""


def _not_in_force(found: dict[str, Any]) -> list[str]:
    """What of the file is not in force, and why; nothing where all of it is."""
    said = []
    if found["refused"]:
        said.append(f"the configuration as last read is not in force: {found['refused']}")
    if found["restart_needed"]:
        said.append(f"waits for a restart: {', '.join(found['restart_needed'])}")
    return said


def exposure(*, json: Json = False, config: ConfigPath = None) -> ExitCode:
    """Tell how long each door would stay open after a plain disable in the directory."""
    found = _look("exposure", "", config)
    out = Output(json=json)
    if json:
        out.data(found)
    else:
        columns = {
            "door": "door",
            "closes": "closes by itself",
            "setting": "what decides",
            "source": "known",
        }
        print_rows(out, found["doors"], columns)
        _print_reasons(out, found["doors"])
        for failure in found["failures"]:
            out.talk.print(Text(f"not told: {failure}", style="red"))
    return ExitCode.FAILED if found["failures"] else ExitCode.OK


def doctor(*, json: Json = False, config: ConfigPath = None) -> ExitCode:
    """Check that the hooks fail closed, that rights suffice, and what else would bite."""
    found = _look("doctor", "", config)
    out = Output(json=json)
    if json:
        out.data(found)
    else:
        columns = {
            "severity": "",
            "system": "system",
            "code": "finding",
            "text": "what was seen",
            "remedy": "remedy",
        }
        print_rows(out, found["findings"], columns)
    worst = {f["severity"] for f in found["findings"]}
    return ExitCode.FAILED if "error" in worst else ExitCode.OK


def _print_reasons(out: Output, rows: Rows) -> None:
    """Why, and what helps, once for all doors it is said of."""
    groups: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        groups.setdefault((row["reason"], row["remedy"]), []).append(row["door"])
    for (reason, remedy), doors_of_it in groups.items():
        out.page.print(Text(f"\n{', '.join(doors_of_it)}", style="bold"))
        out.page.print(Text(f"  why:    {reason}"))
        if remedy:
            out.page.print(Text(f"  remedy: {remedy}"))
