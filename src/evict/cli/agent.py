# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Literal

import uvloop
from cyclopts import App

from evict.agent.service import run_agent
from evict.cli.options import ConfigPath, Json, read_settings
from evict.cli.output import Output
from evict.cli.serve import stop_at_signal
from evict.config.model import Config
from evict.core.errors import ExitCode, UsageError
from evict.obs.log import configure_logging
from evict.systems.dovecot.snippet import snippet as dovecot_snippet
from evict.systems.postfix.snippet import snippet as postfix_snippet

app = App(name="agent")


@app.default
def agent(*, config: ConfigPath = None) -> ExitCode:
    """Run the agent alone: it answers the hooks of the mail servers on this host."""
    settings = read_settings(config)
    configure_logging()

    async def run() -> None:
        await run_agent(settings, stop_at_signal())

    uvloop.run(run())
    return ExitCode.OK


@app.command
def snippet(
    product: Literal["dovecot", "postfix"], *, json: Json = False, config: ConfigPath = None
) -> ExitCode:
    """Print the configuration to paste so that a server asks the agent or refuses."""
    text = _snippet(product, read_settings(config))
    out = Output(json=json)
    if json:
        out.data({"product": product, "snippet": text})
    else:
        out.page.file.write(text)
    return ExitCode.OK


def _snippet(product: str, settings: Config) -> str:
    if product == "dovecot":
        texts = [dovecot_snippet(s) for s in settings.dovecot if s.hook]
    else:
        texts = [postfix_snippet(s) for s in settings.postfix if s.hook]
    if not texts:
        raise UsageError(f"no [[{product}]] of the configuration has a hook section")
    return "\n".join(texts)
