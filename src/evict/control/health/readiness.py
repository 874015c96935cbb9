# SPDX-License-Identifier: Apache-2.0
"""Whether an order given now would be carried out as promised, and what keeps it from that."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from evict.config.audit import audit_file
from evict.control.parts import Parts
from evict.core.errors import LedgerError
from evict.ledger.publisher import AgentState

WATCH_SILENT_S: Final = 30.0
"""A directory watch without an answer for so long is not alive."""
DISK_S: Final = 1.0
"""A question to the ledger, or of a file, takes longer only where a disk does not answer."""
LAG_S: Final = 10.0
"""An agent that lacks an entry for so long does not count."""

_BETWEEN_TRIES_S: Final = 1.0
_NOT_STORED: Final = "ledger: its file cannot be written"

WatchAge = Callable[[], float | None]
"""Seconds since the directory watch last got an answer; None: nobody watches."""


Trouble = Callable[[], str]
"""Why the newest records of the audit log could not be written; "" where they were."""


class Readiness:
    """Says how many, never who: whoever can connect may read it."""

    def __init__(self, parts: Parts, watch_age: WatchAge, audit_trouble: Trouble) -> None:
        self._parts = parts
        self._watch_age = watch_age
        self._audit_trouble = audit_trouble
        self._tried_at = -_BETWEEN_TRIES_S

    async def missing(self) -> list[str]:
        """One line for each thing that is not as it must be; empty: ready."""
        lines = [
            await self._ledger(),
            self._hooks(),
            self._watch(),
            await self._audit(),
        ]
        return [line for line in lines if line]

    async def _ledger(self) -> str:
        """Opened and adopted it is: the service does not start otherwise."""
        ledger = self._parts.ledger
        try:
            async with asyncio.timeout(DISK_S):
                await ledger.hash_at(1)
                if ledger.failed and not self._is_tried():
                    await ledger.try_to_write()
        except TimeoutError:
            return f"ledger: no answer from its disk within {DISK_S:g} s"
        except LedgerError:
            return _NOT_STORED
        return _NOT_STORED if ledger.failed else ""

    def _is_tried(self) -> bool:
        """Whoever can connect may ask, however often."""
        now = time.monotonic()
        if now - self._tried_at < _BETWEEN_TRIES_S:
            return True
        self._tried_at = now
        return False

    def _hooks(self) -> str:
        """A hook counts once every agent that answers it refuses by what the ledger holds.

        One that was lost may go on by its last view, so its hooks do not count: as in a case.
        """
        hooked = self._parts.systems.hooked
        publisher = self._parts.publisher
        good: set[str] = set()
        bad = {hook for agent in publisher.lost_agents() for hook in agent.hooks}
        for agent in publisher.agents():
            (good if self._up_to_date(agent) else bad).update(agent.hooks)
        there = len(hooked & (good - bad))
        return "" if there == len(hooked) else f"hooks: {there} of {len(hooked)} acknowledged"

    def _up_to_date(self, agent: AgentState) -> bool:
        if agent.acknowledged_at is None or agent.forked:
            return False
        if agent.acknowledged_seq >= self._parts.ledger.head.seq:
            return True
        told = self._parts.publisher.published_at(agent.acknowledged_seq + 1)
        return told is not None and (datetime.now(UTC) - told).total_seconds() < LAG_S

    def _watch(self) -> str:
        age = self._watch_age()
        if age is None or age <= WATCH_SILENT_S:
            return ""
        return f"watch: no answer from the directory for {min(age, 1e9):.0f} s"

    async def _audit(self) -> str:
        try:
            async with asyncio.timeout(DISK_S):
                return await asyncio.to_thread(self._audit_file)
        except TimeoutError:
            return f"audit: no answer from its disk within {DISK_S:g} s"

    def _audit_file(self) -> str:
        config = self._parts.config
        file = audit_file(config.audit, config.ledger.path)
        writable = os.access(file if file.exists() else file.parent, os.W_OK)
        if self._audit_trouble() or not writable:
            return "audit: its file cannot be written"
        return ""
