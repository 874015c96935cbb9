# SPDX-License-Identifier: Apache-2.0
"""What the guard holds back: `evict held`, `evict approve`, `evict dismiss`."""

from __future__ import annotations

from typing import Annotated, Any, Final, cast

from cyclopts import Parameter
from rich.text import Text

from evict.cli import link
from evict.cli.look import Rows, print_rows
from evict.cli.options import ConfigPath, Json, read_settings
from evict.cli.output import Output
from evict.control import api
from evict.core.errors import ExitCode

Source = Annotated[
    str,
    Parameter(
        name=["--source", "--all-of"],
        help="Everything that this source asked for past its allowance, at once.",
    ),
]

_COLUMNS: Final = {
    "id": "id",
    "label": "account",
    "what": "what",
    "source": "asked for by",
    "since": "since",
    "approvals": "approved by",
    "why": "why it is held",
}
_WHAT: Final = {
    "closure": "close",
    "name": "close",
    "protected": "close (protected)",
    "reinstatement": "reinstate",
}
_MOST: Final = 200
_FEW: Final = 20


def _call(request: api.Request, config: ConfigPath) -> dict[str, Any]:
    return cast("dict[str, Any]", link.answer(read_settings(config), request))


def held(*, json: Json = False, config: ConfigPath = None) -> ExitCode:
    """Show what the guard holds back: why, since when, who asked, who approved; oldest first."""
    found = _call(api.HeldCall(), config)
    out = Output(json=json)
    if json:
        out.data(found)
        return ExitCode.OK
    rows: Rows = found["held"]
    if not rows:
        out.page.print(Text("nothing is held"))
        return ExitCode.OK
    print_rows(out, [_row(row) for row in rows[:_MOST]], _COLUMNS)
    if len(rows) > _MOST:
        out.talk.print(Text(f"and {len(rows) - _MOST:,} more: all of them with --json"))
    out.talk.print(Text(_of_each_source(rows)))
    return ExitCode.OK


def _row(row: dict[str, Any]) -> dict[str, Any]:
    if row["state"] == "permitted":
        approvals = "approved: may be reinstated now"
    else:
        names = ", ".join(row["approved_by"]) or "nobody"
        approvals = f"{names} ({len(row['approved_by'])} of {row['approvals_needed']})"
    since = str(row["since"])[:19].replace("T", " ")
    return {**row, "what": _WHAT[row["kind"]], "approvals": approvals, "since": since}


def _of_each_source(rows: Rows) -> str:
    count: dict[str, int] = {}
    for row in rows:
        count[row["source"]] = count.get(row["source"], 0) + 1
    return "held: " + ", ".join(f"{n:,} of {source}" for source, n in count.items())


def approve(
    *ids: str, source: Source = "", json: Json = False, config: ConfigPath = None
) -> ExitCode:
    """Approve what is held. Closings are carried out as soon as enough people approved them.

    A reinstatement is then ordered again, with `evict reinstate`, by whoever is to be told the
    fresh password.

    Parameters
    ----------
    ids
        As `evict held` shows them.
    """
    found = _call(api.Approve(ids=ids, source=source), config)
    out = Output(json=json)
    if json:
        out.data(found)
    else:
        _print_approved(out, found)
    return ExitCode.GUARD_REFUSED if found["refused"] else ExitCode.OK


def _print_approved(out: Output, found: dict[str, Any]) -> None:
    if found["closed"]:
        proofs = "the proofs follow, see `evict status`"
        _print_accounts(out, found["closed"], f"closed: the ledger holds it, {proofs}")
    for one in found["permitted"]:
        minutes = found["approval_minutes"]
        text = f"may be reinstated once within {minutes} minutes: `evict reinstate {one['label']}`"
        out.page.print(Text(f"{one['label']}: {text}"))
    waiting = found["waiting"]
    if waiting:
        row = waiting[0]
        said = f"approved {len(row['approved_by'])} of {row['approvals_needed']} times"
        _print_accounts(out, waiting, f"{said}: another person must approve it too")
    for one in found["refused"]:
        out.talk.print(Text(f"{one['label']}: {one['text']} [guard-refused]"))


def _print_accounts(out: Output, rows: Rows, said: str) -> None:
    """One line each, of many only how many."""
    if len(rows) > _FEW:
        out.page.print(Text(f"{len(rows):,} accounts: {said}"))
        return
    for row in rows:
        out.page.print(Text(f"{row['label']}: {said}"))


def dismiss(
    *ids: str, reason: str, source: Source = "", json: Json = False, config: ConfigPath = None
) -> ExitCode:
    """Dismiss what is held: nothing is done, and it is held no longer.

    Parameters
    ----------
    ids
        As `evict held` shows them.
    reason
        Why; kept in the audit log.
    """
    found = _call(api.Dismiss(ids=ids, source=source, reason=reason), config)
    out = Output(json=json)
    if json:
        out.data(found)
    else:
        _print_accounts(out, found["dismissed"], "dismissed, nothing was done")
        _print_accounts(out, found["held_still"], "held still, another source asked for it too")
    return ExitCode.OK
