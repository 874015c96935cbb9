# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any, cast

from evict.cli.link import lines
from evict.cli.options import ConfigPath, Json, read_settings
from evict.cli.output import Output
from evict.control import api
from evict.core.errors import ExitCode


def reload(*, json: Json = False, config: ConfigPath = None) -> ExitCode:
    """Let `evict serve` read its configuration again, as SIGHUP does: a bad one changes nothing.

    What cannot change without a restart is named.
    """
    answers = lines(read_settings(config), api.Reload())
    data = next(line.data for line in answers if isinstance(line, api.Answer))
    found = cast("dict[str, Any]", data)
    out = Output(json=json)
    if json:
        out.data(found)
        return ExitCode.OK
    out.page.print(f"changed: {', '.join(found['changed']) or 'nothing'}")
    if found["restart_needed"]:
        out.page.print(f"waits for a restart: {', '.join(found['restart_needed'])}")
    return ExitCode.OK
