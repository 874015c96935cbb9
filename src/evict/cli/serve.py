# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import structlog
import uvloop
from cyclopts import App

import evict
from evict.agent.service import run_agent
from evict.cli.ending import Stop
from evict.cli.options import ConfigPath, read_settings
from evict.cli.supervised import at_hangup
from evict.config.load import DEFAULT_PATH
from evict.config.model import Config
from evict.control.access.server import ControlServer
from evict.control.health.health import counted_answers
from evict.control.http import listener
from evict.control.http.server import HttpServer
from evict.control.reloading import Settings
from evict.control.service import ControlService
from evict.control.stopping import until, within
from evict.core.errors import ExitCode
from evict.obs.log import configure_logging
from evict.obs.metrics import Metrics
from evict.obs.sd_notify import Supervisor

app = App(name="serve")
log = structlog.get_logger()

_FRONT_S: Final = 0.8
"""For the sockets, the listener and the agent; what is behind them has its own bounds."""


@app.default
def serve(*, config: ConfigPath = None) -> ExitCode:
    """Run the control plane, and with it the agent unless the configuration keeps it apart.

    SIGHUP reads the configuration again: a bad one changes nothing. SIGTERM ends it in order
    within 3 seconds; a second one at once.
    """
    settings = read_settings(config)
    configure_logging()
    uvloop.run(_serve(settings, DEFAULT_PATH if config is None else config))
    return ExitCode.OK


async def _serve(config: Config, path: Path) -> None:
    supervisor = Supervisor()
    stop = Stop()
    settings = Settings(config, path)
    metrics = Metrics(evict.__version__)
    agent: asyncio.Task[None] | None = None
    http: HttpServer | None = None
    pinging: asyncio.Task[None] | None = None
    async with ControlService(config, settings=settings, observer=metrics) as service:
        answer = until(stop.asked, service.answer)
        locally = counted_answers(answer, metrics, "socket")
        server = ControlServer(config.control.socket, locally, service.access)
        try:
            http = await listener.start(settings, service.health, metrics, answer, service.access)
            await server.start()
            if config.control.run_agent and config.has_hooks:
                agent = await _agent(config, stop)
            at_hangup(settings, supervisor)
            await service.resume()
            supervisor.ready(_told(config))
            pinging = asyncio.create_task(supervisor.watch_over(_alive(service.vital, agent)))
            log.info("serve.ready", socket=str(config.control.socket))
            await _until(stop, agent)
        finally:
            supervisor.stopping()
            stop.begin()
            if pinging is not None:
                pinging.cancel()
            await within(
                _FRONT_S,
                socket=server.stop(),
                http=_stopped(http),
                agent=_ended(agent),
            )
    stop.closed = True
    log.info("serve.stopped")
    if agent is not None and agent.done():
        agent.result()


async def _agent(config: Config, stop: Stop) -> asyncio.Task[None]:
    """Start it and wait until it listens, or fails."""
    listens = asyncio.Event()
    agent = asyncio.create_task(run_agent(config, stop.asked, listening=listens.set), name="agent")
    waiting = asyncio.create_task(listens.wait())
    await asyncio.wait({agent, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if agent.done():
        agent.result()
    return agent


async def _until(stop: Stop, agent: asyncio.Task[None] | None) -> None:
    """The end was asked for, or the agent came to its own."""
    asked = asyncio.create_task(stop.asked.wait())
    awaited: set[asyncio.Task[object]] = {asked, *([agent] if agent is not None else [])}
    await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()


def _alive(
    vital: Mapping[str, Callable[[], bool]], agent: asyncio.Task[None] | None
) -> Callable[[], str]:
    """What the watchdog is told is missing."""
    everything = dict(vital)
    if agent is not None:
        everything["agent"] = lambda: not agent.done()
    return lambda: ", ".join(name for name, lives in everything.items() if not lives())


def _told(config: Config) -> str:
    systems = 1 + len(config.dovecot) + len(config.postfix) + len(config.behind_fronts)
    watched = "watched" if config.watch.enabled else "not watched"
    return f"serving {systems} systems; the directory is {watched}"


async def _stopped(http: HttpServer | None) -> None:
    if http is not None:
        await http.stop()


async def _ended(agent: asyncio.Task[None] | None) -> None:
    if agent is not None:
        await asyncio.wait({agent})
