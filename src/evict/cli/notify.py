# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any, Literal, cast

from cyclopts import App
from rich.text import Text

from evict.cli import link
from evict.cli.options import ConfigPath, Json, read_settings
from evict.cli.output import Output
from evict.control import api
from evict.core.errors import ExitCode
from evict.obs.escape import escape

app = App(name="notify")


@app.command(name="test")
def send_test(
    way: Literal["mail", "webhook"] | None = None, *, json: Json = False, config: ConfigPath = None
) -> ExitCode:
    """Send a test notice over each configured way, and say what came of it; exit 1 if one failed.

    Parameters
    ----------
    way
        Over this one alone.
    """
    found: list[dict[str, Any]] = []
    code = ExitCode.OK
    for line in link.lines(read_settings(config), api.NotifyTest(way=way or "")):
        if isinstance(line, api.Answer):
            found = cast("list[dict[str, Any]]", line.data)
        elif isinstance(line, api.End):
            code = line.exit_code
    out = Output(json=json)
    if json:
        out.data({"ways": found})
        return code
    for one in found:
        if one["delivered"]:
            out.page.print(Text(f"{one['way']}: taken by the receiver after {one['ms']:.0f} ms"))
        else:
            out.page.print(Text(f"{one['way']}: NOT delivered: {escape(one['text'])}", style="red"))
    return code
