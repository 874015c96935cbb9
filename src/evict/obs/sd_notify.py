# SPDX-License-Identifier: Apache-2.0
"""Tells the service manager how we are, and proves to its watchdog that we still turn.

Spec: sd_notify(3). Without systemd, or anything else that sets $NOTIFY_SOCKET, nothing is said.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable, Mapping
from typing import Final

import structlog

log = structlog.get_logger()

Alive = Callable[[], str]
"""What is not alive of that which must be, in words for the log; "" where everything is."""

_PINGS_PER_LIMIT: Final = 3
"""sd_watchdog_enabled(3) asks for two; one may be lost."""
_SEND_S: Final = 0.2
_MAX_STATUS: Final = 1024


class Supervisor:
    """The service manager, or nobody.

    Attributes:
        watchdog_s: within how long it wants to hear from us; None: never.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        self.watchdog_s = _watchdog(environ) if self._address else None

    def ready(self, status: str) -> None:
        """Started, or in force again after a reload."""
        self._say("READY=1", _status(status))

    def reloading(self) -> None:
        """The instant tells this reload from another one; `ready` ends it."""
        self._say("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self, status: str = "stopping") -> None:
        self._say("STOPPING=1", _status(status))

    def status(self, text: str) -> None:
        """One line for `systemctl status`. No names: every user of the host may read it."""
        self._say(_status(text))

    async def watch_over(self, alive: Alive) -> None:
        """Ping while the event loop turns and everything essential is alive; until cancelled.

        A loop that hangs cannot ping, and one whose essential parts have ended does not.
        """
        if self.watchdog_s is None:
            return
        while True:
            missing = alive()
            if missing:
                log.error("watchdog.withheld", missing=missing)
            else:
                self._say("WATCHDOG=1")
            await asyncio.sleep(self.watchdog_s / _PINGS_PER_LIMIT)

    def _say(self, *lines: str) -> None:
        if self._address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
                sock.settimeout(_SEND_S)
                sock.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            log.warning("supervisor.unreachable", error=str(error))


def _address(text: str) -> str | None:
    """`/path`, or `@name` of the abstract namespace; other kinds of sockets are not ours."""
    if text.startswith("@"):
        return "\0" + text[1:]
    return text if text.startswith("/") else None


def _watchdog(environ: Mapping[str, str]) -> float | None:
    """Seconds, where the watchdog is meant for this process (sd_watchdog_enabled(3))."""
    text, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not text.isdecimal() or int(text) == 0 or (pid and pid != str(os.getpid())):
        return None
    return int(text) / 1e6


def _status(text: str) -> str:
    """One line of it: a line feed would begin another assignment."""
    return "STATUS=" + " ".join(text.split())[:_MAX_STATUS]
