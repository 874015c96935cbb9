# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated, Any, Final, cast

from cyclopts import App, Parameter
from rich.text import Text

from evict.cli import link
from evict.cli.options import ConfigPath, Json, read_settings
from evict.cli.output import Output
from evict.control import api
from evict.core.errors import ExitCode
from evict.obs.escape import escape

app = App(name="watch")

_WORDS: Final = {
    "left": "has left",
    "opened": "is enabled though it is revoked: closed again",
    "renamed": "has a new name, which is refused as well",
    "returned": "is there again",
}


@app.default
def watch(
    *,
    once: Annotated[bool, Parameter(negative=())] = False,
    json: Json = False,
    config: ConfigPath = None,
) -> ExitCode:
    """Show what the directory watch sees, as it sees it, until it is interrupted.

    `evict serve` runs the watch. Where it does not run and no server asks the agent, the watch runs
    in this process, and acts, for as long as the command does.

    Parameters
    ----------
    once
        Say how the watch stands and what it saw last, and end.
    """
    out = Output(json=json)
    for line in link.lines(read_settings(config), api.Watch(follow=not once)):
        match line:
            case api.Answer():
                _stands(out, cast("dict[str, Any]", line.data), once=once)
            case api.Watched():
                _seen(out, line)
            case _:
                continue
    return ExitCode.OK


def _stands(out: Output, found: dict[str, Any], *, once: bool) -> None:
    if out.json:
        out.data(found)
        return
    asked = found["answered_at"] or "never yet"
    compared = found["compared_at"] or "not yet"
    out.page.print(Text(f"{found['directory']}: last answer {asked}"))
    out.page.print(Text(f"everything compared: {compared}; {found['accounts']} accounts known"))
    out.page.print(Text(f"recognises: {', '.join(found['recognises'])}"))
    if found["trouble"]:
        out.page.print(Text(f"trouble: {escape(found['trouble'])}"))
    if once:
        for seen in found["recent"]:
            _print(out, seen["at"], seen["label"], seen["what"], seen["signs"])


def _seen(out: Output, line: api.Watched) -> None:
    if out.json:
        out.data(line)
    else:
        _print(out, line.at.isoformat(timespec="milliseconds"), line.label, line.what, line.signs)


def _print(out: Output, at: str, label: str, what: str, signs: tuple[str, ...]) -> None:
    why = f" ({', '.join(signs)})" if signs else ""
    out.page.print(Text(f"{at}  {escape(label)} {_WORDS.get(what, what)}{why}"))
