# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TextIO, cast

from cyclopts import App, Parameter
from rich.text import Text

from evict.cli import link
from evict.cli.look import print_rows
from evict.cli.options import ConfigPath, Json, read_settings
from evict.cli.output import Output
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
    with _new(None if dry_run else password_file) as kept, ProgressView(out.talk) as view:
        for line in link.lines(read_settings(config), request):
            match line:
                case api.End():
                    code = line.exit_code
                case api.Password():
                    _hand_over(out, line, kept, password_file)
                case api.Answer():
                    _would_put_back(out, cast("dict[str, Any]", line.data))
                case api.Watched():
                    continue
                case _:
                    events.append(line)
                    view.take(line)
    if json and not dry_run:
        out.data({"events": events, "exit_code": code})
    return code


@contextmanager
def _new(path: Path | None) -> Iterator[TextIO | None]:
    """A new file, opened before anything is ordered: what cannot be written down would be lost.

    Where no password came (refused, held, cut off) it is taken away again, so that the same command
    can be given once more.
    """
    if path is None:
        yield None
        return
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}: name a new file for the password") from error
    try:
        with os.fdopen(handle, "w") as file:
            yield file
    finally:
        if path.stat().st_size == 0:
            path.unlink()


def _hand_over(out: Output, line: api.Password, kept: TextIO | None, path: Path | None) -> None:
    """Once, to the file or to the terminal; never into JSON or a log."""
    if kept is None:
        out.talk.print(Text(f"fresh password, shown once: {line.password}", style="bold"))
        return
    kept.write(line.password + "\n")
    kept.flush()
    out.talk.print(Text(f"fresh password written to {path}"), soft_wrap=True)


def _would_put_back(out: Output, found: dict[str, Any]) -> None:
    if out.json:
        out.data(found)
        return
    out.page.print(Text(f"{found['label']}  {found['account']}  generation {found['generation']}"))
    rows = [{**one, "keys": ", ".join(one["keys"])} for one in found["would_put_back"]]
    print_rows(out, rows, {"measure": "would be undone", "keys": "what is put back"})
    for fact in found["seen_now"]:
        out.page.print(Text(f"  now: {fact}"))
    out.talk.print(Text("Nothing was written."))
