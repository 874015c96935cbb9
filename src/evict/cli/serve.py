# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import signal

import structlog
import uvloop
from cyclopts import App

from evict.agent.service import run_agent
from evict.cli.options import ConfigPath, read_settings
from evict.config.model import Config
from evict.control.server import ControlServer
from evict.control.service import ControlService
from evict.core.errors import ExitCode
from evict.obs.log import configure_logging

app = App(name="serve")
log = structlog.get_logger()


@app.default
def serve(*, config: ConfigPath = None) -> ExitCode:
    """Run the control plane, and with it the agent unless the configuration keeps it apart."""
    settings = read_settings(config)
    configure_logging()
    uvloop.run(_serve(settings))
    return ExitCode.OK


def stop_at_signal() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def _serve(settings: Config) -> None:
    stop = stop_at_signal()
    async with ControlService(settings) as service:
        server = ControlServer(settings.control.socket, service.answer)
        await server.start()
        try:
            async with asyncio.TaskGroup() as group:
                if settings.control.run_agent and settings.has_hooks:
                    group.create_task(run_agent(settings, stop))
                await service.resume()
                log.info("serve.ready", socket=str(settings.control.socket))
                await stop.wait()
        finally:
            await server.stop()
            log.info("serve.stopped")
