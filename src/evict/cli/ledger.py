# SPDX-License-Identifier: Apache-2.0
"""`evict ledger`: looks at the running ledger, or, while nothing runs, at the file itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from cyclopts import App
from rich.text import Text

from evict.cli import link
from evict.cli.look import print_rows
from evict.cli.options import ConfigPath, Json, read_settings
from evict.cli.output import Output
from evict.control import api
from evict.core.errors import ExitCode, UsageError
from evict.ledger import backup as backups

app = App(name="ledger")


def _call(what: str, argument: str, config: ConfigPath) -> dict[str, Any]:
    request = api.LedgerCall(what=what, argument=argument)
    return cast("dict[str, Any]", link.answer(read_settings(config), request))


@app.command
def verify(*, json: Json = False, config: ConfigPath = None) -> ExitCode:
    """Read the whole chain again and check every link; exit 78 and say where it is damaged."""
    found = _call("verify", "", config)
    out = Output(json=json)
    if json:
        out.data(found)
    else:
        out.page.print(
            Text(
                f"intact: {found['entries']} entries, epoch {found['epoch']}, head {found['head']}"
            )
        )
    return ExitCode.OK


@app.command
def show(account: str = "", *, json: Json = False, config: ConfigPath = None) -> ExitCode:
    """List the entries, newest last; of one account where a name or an id is given."""
    found = _call("show", account, config)
    out = Output(json=json)
    if json:
        out.data(found)
        return ExitCode.OK
    columns = {
        "seq": "entry",
        "epoch": "epoch",
        "at": "at",
        "kind": "kind",
        "generation": "generation",
        "label": "account",
        "actor": "by",
        "reason": "reason",
    }
    print_rows(out, found["entries"], columns)
    return ExitCode.OK


@app.command
def backup(to: Path, *, json: Json = False, config: ConfigPath = None) -> ExitCode:
    """Write a verified copy of the ledger into a new file, while it is in use."""
    found = _call("backup", str(to.resolve()), config)
    out = Output(json=json)
    if json:
        out.data(found)
    else:
        out.page.print(Text(f"{found['path']}: {found['entries']} entries, verified"))
    return ExitCode.OK


@app.command
def erase(account_id: str, *, json: Json = False, config: ConfigPath = None) -> ExitCode:
    """Erase names and reasons of an account that is not revoked; the chain still verifies."""
    found = _call("erase", account_id, config)
    out = Output(json=json)
    if json:
        out.data(found)
    else:
        out.page.print(Text(f"erased the personal part of {found['erased']} entries"))
    return ExitCode.OK


@app.command
def restore(
    backup_file: Path,
    *,
    replace: bool = False,
    json: Json = False,
    config: ConfigPath = None,
) -> ExitCode:
    """Put a backup in the ledger's place; it must then be adopted on purpose.

    Parameters
    ----------
    replace
        There is a ledger already: keep it beside under another name.
    """
    path = read_settings(config).ledger.path
    kept = backups.restore(backup_file, path, replace=replace)
    out = Output(json=json)
    if json:
        out.data({"ledger": path, "kept": kept})
        return ExitCode.OK
    if kept is not None:
        out.page.print(Text(f"the ledger of before is kept as {kept}"))
    out.page.print(Text(f"{path} is restored. Not in use until `evict ledger adopt`."))
    return ExitCode.OK


@app.command
def adopt(
    *, reason: str, yes: bool = False, json: Json = False, config: ConfigPath = None
) -> ExitCode:
    """Take a restored ledger for the truth: a new epoch begins with it.

    Whatever was revoked after the backup is unknown to it: order that again.

    Parameters
    ----------
    yes
        Say it on purpose.
    """
    if not yes:
        raise UsageError("adopting forgets every order since the backup: say it with --yes")
    entry = backups.adopt(read_settings(config).ledger.path, reason=reason, actor="command line")
    out = Output(json=json)
    if json:
        out.data({"epoch": entry.body.epoch, "seq": entry.body.seq})
    else:
        out.page.print(Text(f"adopted: epoch {entry.body.epoch}, entry {entry.body.seq}"))
    return ExitCode.OK
