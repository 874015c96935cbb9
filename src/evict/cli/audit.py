# SPDX-License-Identifier: Apache-2.0
"""`evict audit`: who did what, on whom, why, from where, and whether the log is whole."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, cast

from cyclopts import App, Parameter
from rich.text import Text

from evict.cli import link
from evict.cli.look import print_rows
from evict.cli.options import ConfigPath, Json, read_settings
from evict.cli.output import Output
from evict.control import api
from evict.control.audit.offline import verify_offline
from evict.core.errors import ExitCode, UsageError

app = App(name="audit")

_COLUMNS: Final = {
    "n": "line",
    "at": "at",
    "who": "who",
    "from": "from",
    "what": "what",
    "result": "result",
    "on": "on",
    "why": "why",
}


@app.command
def show(
    *,
    account: str = "",
    since: str = "",
    most: int = 1000,
    json: Json = False,
    config: ConfigPath = None,
) -> ExitCode:
    """List the records, newest last.

    Parameters
    ----------
    account
        Those on this account only: any name of it, or its id.
    since
        Those of then or later only: 2026-11-24, or 2026-11-24T17:00:00+01:00; UTC without a zone.
    most
        How many of the newest.
    """
    request = api.AuditCall(what="show", account=account, since=_instant(since), most=most)
    found = _ask(request, config)
    out = Output(json=json)
    if json:
        out.data(found)
    else:
        print_rows(out, [_row(record) for record in found["records"]], _COLUMNS)
    return ExitCode.OK


@app.command
def verify(
    *,
    file: Path | None = None,
    ledger: Annotated[Path | None, Parameter(name="--ledger")] = None,
    json: Json = False,
    config: ConfigPath = None,
) -> ExitCode:
    """Check every line, their order, and that they stand by the ledger; exit 78 and say where not.

    Parameters
    ----------
    file
        A copy of the log, with the files it was renamed to beside it. Needs --ledger.
    ledger
        A copy of the ledger, as `evict ledger backup` writes it: nothing that runs is asked.
    """
    if (file is None) is not (ledger is None):
        raise UsageError("--file and --ledger go together: a copy of each")
    if file is not None and ledger is not None:
        found = verify_offline(file, ledger)
    else:
        found = _ask(api.AuditCall(what="verify"), config)
    out = Output(json=json)
    if json:
        out.data(found)
        return ExitCode.OK
    out.page.print(Text(_told(found)))
    return ExitCode.OK


def _row(record: dict[str, Any]) -> dict[str, Any]:
    """A record as people read it: to the second, and both texts in one column."""
    texts = (record["why"], record["detail"])
    why = "; ".join(text for text in texts if text)
    return {**record, "at": f"{record['at'][:19]}Z", "why": why}


def _told(found: dict[str, Any]) -> str:
    files = len(found["files"])
    if not files:
        return "nothing was noted yet"
    where = f"{files} files" if files > 1 else "one file"
    told = [
        f"intact: lines {found['first']} to {found['last']} in {where}",
        f"they stand by a ledger of {found['ledger']} entries",
    ]
    if found["first"] > 1:
        told.append(f"lines 1 to {found['first'] - 1} are not here")
    if found["torn"]:
        told.append(f"{found['torn']} torn by a crash and accounted for")
    if found["unfinished"]:
        told.append(f"{found['unfinished']} bytes at the end are not a whole line")
    if found["unbound"]:
        told.append(f"{found['unbound']} stand by entries that a restored ledger no longer has")
    return "; ".join(told)


def _instant(text: str) -> datetime | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--since {text!r}: expected 2026-11-24 or an RFC 3339 instant") from error
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _ask(request: api.Request, config: ConfigPath) -> dict[str, Any]:
    return cast("dict[str, Any]", link.answer(read_settings(config), request))
