# SPDX-License-Identifier: Apache-2.0
"""The directory watch as a part of the control plane: made, run, and told of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, Final

from evict.control import api
from evict.control.orders.revoking import Revoking
from evict.control.parts import Parts
from evict.control.watch.refused_forms import RefusedForms
from evict.control.watch.watching import Held, LookNow, Watching
from evict.core.access import Asker
from evict.core.errors import ExitCode, UsageError
from evict.sources.watch.shelves import WatchMemory
from evict.sources.watch.state import Seen
from evict.sources.watch.watcher import Watcher

_FOLLOW_S: Final = 0.2


class Watches:
    """At most one: there is one directory."""

    def __init__(self, parts: Parts, revoking: Revoking, gate: Held, look_now: LookNow) -> None:
        self._parts = parts
        self._refused = RefusedForms(parts.ledger)
        directory = parts.systems.directory
        section = parts.config.watch
        self._watch = directory.watch(section) if section.enabled else None
        self._watcher: Watcher | None = None
        if self._watch is not None:
            self._watcher = Watcher(
                directory.name,
                self._watch,
                Watching(parts, revoking, gate, self._refused, look_now),
                WatchMemory(parts.ledger, directory.name),
                lambda: parts.config.watch,
            )

    @property
    def silent_s(self) -> float | None:
        """Since the directory answered the watch last; None where nothing is watched."""
        return None if self._watcher is None else self._watcher.state.silent_s(datetime.now(UTC))

    async def run(self) -> None:
        """Until cancelled; at once over where nothing is to be watched."""
        if self._watcher is None or self._watch is None:
            return
        try:
            await self._refused.load()
            await self._watcher.run()
        finally:
            await self._watch.close()

    async def answer(self, call: api.Watch, _: Asker) -> AsyncIterator[api.Line]:
        """How the watch stands; then, where it is followed, what it sees as it sees it."""
        watcher = self._watcher
        if watcher is None:
            raise UsageError("the directory is not watched: set enabled = true in [watch]")
        yield api.Answer(data=self._told(watcher))
        number = watcher.state.number
        while call.follow:
            for seen in watcher.state.since(number):
                yield _line(seen)
            number = watcher.state.number
            await asyncio.sleep(_FOLLOW_S)
        yield api.End(exit_code=ExitCode.OK)

    def _told(self, watcher: Watcher) -> dict[str, Any]:
        state = watcher.state
        return {
            "directory": state.directory,
            "recognises": list(self._parts.config.watch.recognise),
            "answered_at": state.answered_at,
            "compared_at": state.compared_at,
            "accounts": state.accounts,
            "trouble": state.trouble,
            "recent": [_line(seen) for seen in state.recent],
        }


def _line(seen: Seen) -> api.Watched:
    return api.Watched(
        at=seen.at, account=seen.account, label=seen.label, what=seen.what, signs=seen.signs
    )
