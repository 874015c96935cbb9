# SPDX-License-Identifier: Apache-2.0
"""`evict token`: tokens for people and programs that ask without being users of this host."""

from __future__ import annotations

from typing import Annotated, Any, cast

from cyclopts import App, Parameter
from rich.text import Text

from evict.cli import link
from evict.cli.look import print_rows
from evict.cli.options import ConfigPath, Json, read_settings
from evict.cli.output import Output
from evict.control import api
from evict.core.access import Scope
from evict.core.errors import ExitCode

app = App(name="token")


@app.command
def create(
    name: str,
    *,
    scope: Annotated[list[Scope], Parameter(negative=())],
    hours: int,
    owner: str,
    json: Json = False,
    config: ConfigPath = None,
) -> ExitCode:
    """Make a token and print it, this once; of it only a hash is kept.

    Parameters
    ----------
    name
        What the audit log calls it: token:NAME.
    scope
        What it may be used for: close, read, reopen. May stand more than once.
    hours
        After so many it is worth nothing.
    owner
        User of this host who answers for it, and whose approval it gives with the scope reopen.
    """
    request = api.TokenCreate(name=name, scopes=tuple(scope), hours=hours, owner=owner)
    made = _ask(request, config)
    out = Output(json=json)
    if json:
        out.data(made)
        return ExitCode.OK
    out.page.file.write(f"{made['token']}\n")
    out.page.file.flush()
    scopes = ", ".join(made["scopes"])
    out.talk.print(
        Text(
            f"token {made['name']} ({scopes}) of {made['owner']}, until {made['expires']}: it is"
            " not shown again"
        )
    )
    return ExitCode.OK


@app.command(name="list")
def list_(*, json: Json = False, config: ConfigPath = None) -> ExitCode:
    """List the tokens, expired ones too, and the day on which each was last used."""
    found = _ask(api.TokenList(), config)
    out = Output(json=json)
    if json:
        out.data(found)
        return ExitCode.OK
    columns = {
        "name": "token",
        "scopes": "scopes",
        "owner": "owner",
        "made_by": "made by",
        "expires": "expires",
        "expired": "expired",
        "last_used": "last used",
    }
    rows = [{**row, "expired": "yes" if row["expired"] else "no"} for row in found["tokens"]]
    print_rows(out, rows, columns)
    return ExitCode.OK


@app.command
def revoke(name: str, *, json: Json = False, config: ConfigPath = None) -> ExitCode:
    """End a token at once."""
    done = _ask(api.TokenRevoke(name=name), config)
    out = Output(json=json)
    if json:
        out.data(done)
    else:
        out.page.print(Text(f"the token {done['revoked']} is worth nothing any more"))
    return ExitCode.OK


def _ask(request: api.Request, config: ConfigPath) -> dict[str, Any]:
    return cast("dict[str, Any]", link.answer(read_settings(config), request))
