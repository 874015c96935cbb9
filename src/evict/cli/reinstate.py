# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from rich.text import Text

from evict.cli import link
from evict.cli.options import ConfigPath, Json, read_settings
from evict.cli.output import CommandFailed, Output
from evict.cli.progress import ProgressView
from evict.control import api
from evict.control import progress as told
from evict.core.errors import ExitCode, UsageError

app = App(name="reinstate")


@app.default
def reinstate(
    account: str,
    *,
    reason: str = "",
    password_file: Path | None = None,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    dry_run: Annotated[bool, Parameter(negative=())] = False,
    request_id: str | None = None,
    json: Json = False,
    config: ConfigPath = None,
) -> ExitCode:
    """Let an account in again, exactly as it was, with a fresh password that must be changed.

    Sessions, tickets and passwords of before stay dead.

    Parameters
    ----------
    account
        Any name of the account.
    reason
        Why; kept beside the ledger, erasable.
    password_file
        Write the fresh password into this new file (mode 0600) instead of the terminal.
    overwrite
        Put back also what somebody changed meanwhile; without it, that is shown and left.
    dry_run
        Show what would be put back and what drifted; write nothing.
    request_id
        Id of this order: the same one again changes nothing.
    """
    if password_file is not None and password_file.exists():
        raise UsageError(f"{password_file} exists: name a new file for the password")
    request = api.Reinstate(
        name=account,
        request=request_id or secrets.token_hex(16),
        reason=reason,
        overwrite=overwrite,
        dry_run=dry_run,
    )
    out = Output(json=json)
    code = ExitCode.BUG
    events: list[told.Event] = []
    with ProgressView(out.talk) as view:
        for line in link.lines(read_settings(config), request):
            match line:
                case api.Failed():
                    raise CommandFailed(line.code, line.exit_code, line.text)
                case api.End():
                    code = line.exit_code
                case api.Password():
                    _hand_over(out, line, password_file)
                case api.Answer():
                    out.data(line.data)
                case _:
                    events.append(line)
                    view.take(line)
    if json and not dry_run:
        out.data({"events": events, "exit_code": code})
    return code


def _hand_over(out: Output, line: api.Password, password_file: Path | None) -> None:
    """Once, to the file or to the terminal; never into JSON or a log."""
    if password_file is None:
        out.talk.print(Text(f"fresh password, shown once: {line.password}", style="bold"))
        return
    handle = os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(line.password + "\n")
    out.talk.print(Text(f"fresh password written to {password_file}"))
