# SPDX-License-Identifier: Apache-2.0
"""What both services do at SIGHUP, told to the service manager."""

from __future__ import annotations

import asyncio
import signal

from evict.control.reloading import Settings
from evict.core.errors import ConfigError
from evict.obs.sd_notify import Supervisor


def at_hangup(settings: Settings, supervisor: Supervisor) -> None:
    """Read the configuration again at SIGHUP, one time after the other."""
    tasks: set[asyncio.Task[None]] = set()

    def hangup() -> None:
        task = asyncio.create_task(_reload(settings, supervisor), name="reload")
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hangup)


async def _reload(settings: Settings, supervisor: Supervisor) -> None:
    supervisor.reloading()
    try:
        reloaded = await settings.reload()
    except ConfigError:  # its text holds what the file has, and every user may read a status
        supervisor.ready(f"the configuration is refused ({settings.path}): the log says why")
    else:
        supervisor.ready(reloaded.told())
