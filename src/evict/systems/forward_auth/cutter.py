# SPDX-License-Identifier: Apache-2.0
"""Ends the leavers' live requests at a front that asks: look, end, and look again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from evict.systems.cutting import Report, RequestCutter, RequestPace
from evict.systems.forward_auth.names import spelled
from evict.systems.forward_auth.runtime import Live, Runtime

Pace = RequestPace


class Cutter(RequestCutter[Live]):
    """By the front's runtime socket."""

    def __init__(
        self,
        runtime: Runtime,
        *,
        spell: Callable[[str], Iterable[str]],
        report: Report,
        pace: RequestPace | None = None,
    ) -> None:
        super().__init__(spell=spell, report=report, pace=pace)
        self._runtime = runtime

    async def _look(self) -> bool:
        started = asyncio.get_running_loop().time()
        targets = list(self._targets.values())
        found = self._find(await self._runtime.sessions())
        for target in self._still(targets):
            live = found.get(target, [])
            if not live:
                self._saw_none(target, started)
                continue
            self._saw(target, len(live))
            self._kicked(target, await self._runtime.shutdown([each.id for each in live]))
        return False

    def _names(self, request: Live) -> Iterable[str]:
        names = spelled(request.login.encode(errors="replace"))
        return (name.decode(errors="replace") for name in names)
