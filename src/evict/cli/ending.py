# SPDX-License-Identifier: Apache-2.0
"""How a service is asked to end, and that it does."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from typing import Final

import structlog

from evict.core.errors import ExitCode

log = structlog.get_logger()

_LAST_S: Final = 2.7
"""From the signal to the end, whatever is still under way then; 3 s with what the kernel does."""


def stop_at_signal() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


class Stop:
    """SIGTERM or SIGINT once: an orderly end. Twice: an end at once.

    Attributes:
        asked: set when the end begins.
        closed: whatever had to be put down is; from then on the end may be cut short without loss.
    """

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.closed = False
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signal, number)

    def begin(self) -> None:
        """From now on there is a bound."""
        if self.asked.is_set():
            return
        self.asked.set()
        timer = threading.Timer(_LAST_S, self._last)
        timer.daemon = True
        timer.start()

    def _signal(self, number: int) -> None:
        if self.asked.is_set():
            log.warning("stop.at_once")
            _end(128 + number)
        self.begin()

    def _last(self) -> None:
        """In a thread of its own: the loop, or a thread that a library waits in, may hang."""
        if not self.closed:
            log.error("stop.not_closed")
        _end(ExitCode.OK if self.closed else ExitCode.TEMPORARY)


def _end(code: int) -> None:
    """Without waiting for threads. The ledger and the audit log bear it: both are made for it."""
    os._exit(code)
