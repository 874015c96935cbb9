# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Literal

import uvloop
from cyclopts import App

from evict.agent.service import run_agent
from evict.cli.ending import Stop
from evict.cli.options import ConfigPath, Json, read_settings
from evict.cli.output import Output
from evict.cli.supervised import at_hangup
from evict.config.forward_auth import ForwardAuthHook
from evict.config.fronts import Front, fronts
from evict.config.load import DEFAULT_PATH
from evict.config.model import Config
from evict.control.reloading import Settings
from evict.core.errors import ExitCode, UsageError
from evict.obs.log import configure_logging
from evict.obs.sd_notify import Supervisor
from evict.systems.dovecot.snippet import snippet as dovecot_snippet
from evict.systems.forward_auth.products import product_of
from evict.systems.forward_auth.site import Site
from evict.systems.forward_auth.snippet import snippet as front_snippet
from evict.systems.haproxy.snippet import snippet as haproxy_snippet
from evict.systems.postfix.snippet import snippet as postfix_snippet

app = App(name="agent")


@app.default
def agent(*, config: ConfigPath = None) -> ExitCode:
    """Run the agent alone: it answers the hooks of the mail servers on this host."""
    settings = read_settings(config)
    configure_logging()
    uvloop.run(_run(settings, DEFAULT_PATH if config is None else config))
    return ExitCode.OK


async def _run(config: Config, path: Path) -> None:
    """At SIGHUP the file is checked, and what an agent reads of it is named: it needs a restart."""
    supervisor = Supervisor()
    stop = Stop()
    at_hangup(Settings(config, path), supervisor)

    def listening() -> None:
        supervisor.ready("the hooks listen; they refuse everybody until the ledger is known")

    agent = asyncio.create_task(run_agent(config, stop.asked, listening=listening))
    pinging = asyncio.create_task(supervisor.watch_over(lambda: "agent" if agent.done() else ""))
    asked = asyncio.create_task(stop.asked.wait())
    await asyncio.wait({agent, asked}, return_when=asyncio.FIRST_COMPLETED)
    supervisor.stopping()
    stop.begin()
    stop.closed = True  # it keeps nothing that could be lost
    pinging.cancel()
    await asyncio.wait({agent})
    agent.result()


@app.command
def snippet(
    product: Literal["dovecot", "postfix", "haproxy", "nginx", "caddy", "traefik", "envoy"],
    *,
    json: Json = False,
    config: ConfigPath = None,
) -> ExitCode:
    """Print what to paste so that a server, or the front before it, asks the agent or refuses."""
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
        where = "[[dovecot]] of the configuration has a hook section"
    elif product == "postfix":
        texts = [postfix_snippet(s) for s in settings.postfix if s.hook]
        where = "[[postfix]] of the configuration has a hook section"
    elif product == "haproxy":
        texts = [haproxy_snippet(f.name, f.pushed, f.kind) for f in fronts(settings) if f.pushed]
        where = "web mail of the configuration has a haproxy section"
    else:
        texts = [
            front_snippet(product, _site(front, front.asks))
            for front in fronts(settings)
            if front.asks and front.asks.front == product
        ]
        where = f'web mail of the configuration has a hook section with front = "{product}"'
    if not texts:
        raise UsageError(f"no {where}")
    return "\n".join(texts)


def _site(front: Front, hook: ForwardAuthHook) -> Site:
    if hook.login_upstream is None:
        raise UsageError(f"{front.name}: hook.login_upstream is missing: the server behind")
    return Site(
        name=front.name,
        host=front.server_name,
        upstream=hook.login_upstream,
        settings=hook,
        product=product_of(front.kind, front.path),
    )
