# SPDX-License-Identifier: Apache-2.0
"""Ends the leavers' live requests at the front: look, end, and look again until none is left.

The gate comes first: whoever calls `cut` has the hook refuse already. A request that was past the
hook by then shows in a later look.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from evict.core.errors import SystemFault
from evict.systems import cutting
from evict.systems.cutting import Owners, Report, Target, rest
from evict.systems.forward_auth.names import spelled
from evict.systems.forward_auth.runtime import Live, Runtime


class Pace(cutting.Pace, frozen=True, kw_only=True):
    """Looks begin at once."""

    first_look: float = 0.01


class _Target(Target):
    """Attributes: `struck`: a first kick was reported."""

    __slots__ = ("struck",)

    def __init__(self, account: str, seq: int, forms: tuple[str, ...]) -> None:
        super().__init__(account, seq, forms)
        self.struck = False


class Cutter:
    """One loop for all leavers.

    Args:
        spell: a live request's login name -> every canonical form it stands for.
    """

    def __init__(
        self,
        runtime: Runtime,
        *,
        spell: Callable[[str], Iterable[str]],
        report: Report,
        pace: Pace | None = None,
    ) -> None:
        self._runtime = runtime
        self._spell = spell
        self._report = report
        self._pace = pace or Pace()
        self._targets: dict[str, _Target] = {}
        self._owners: Owners[_Target] | None = None
        self._news = asyncio.Event()

    def cut(self, account: str, seq: int, forms: tuple[str, ...]) -> None:
        """Begin, or begin again; a newer entry of the account takes the place of an older one."""
        self._targets[account] = _Target(account, seq, forms)
        self._owners = None
        self._news.set()

    def spare(self, account: str) -> None:
        """Stop: the account was reinstated."""
        self._targets.pop(account, None)
        self._owners = None

    async def run(self) -> None:
        """Work until cancelled. A front that is down or hangs is tried again for ever."""
        pause = self._pace.first_look
        failing = ""
        while True:
            if not self._targets:
                await self._news.wait()
            if self._news.is_set():
                self._news.clear()
                pause = self._pace.first_look
            slowest = self._pace.longest_look
            try:
                await self._look()
                failing = ""
            except SystemFault as fault:
                if str(fault) != failing:
                    failing = str(fault)
                    self._fail(failing)
                slowest = self._pace.longest_retry
            await rest(self._news, pause)
            pause = min(pause * 2, slowest)

    async def _look(self) -> None:
        started = asyncio.get_running_loop().time()
        targets = list(self._targets.values())
        found = self._find(await self._runtime.sessions())
        for target in self._still(targets):
            live = found.get(target, [])
            if live:
                target.clear_since = None
                await self._strike(target, live)
                continue
            if not target.struck:
                target.struck = True
                self._report(target.seq, "kick", count=0)
            if target.unseen(started, self._pace.quiet):
                self._report(target.seq, "quiet")
                self.spare(target.account)

    async def _strike(self, target: _Target, live: Sequence[Live]) -> None:
        if target.struck:
            self._report(target.seq, "look", count=len(live), left={"http": len(live)})
        ended = await self._runtime.shutdown([request.id for request in live])
        target.struck = True
        self._report(target.seq, "kick", count=ended)

    def _still(self, targets: Iterable[_Target]) -> list[_Target]:
        return [t for t in targets if self._targets.get(t.account) is t]

    def _find(self, requests: Iterable[Live]) -> dict[_Target, list[Live]]:
        if self._owners is None:
            self._owners = Owners(self._targets.values())
        return self._owners.find(requests, self._forms)

    def _forms(self, request: Live) -> set[str]:
        names = spelled(request.login.encode(errors="replace"))
        return {form for name in names for form in self._spell(name.decode(errors="replace"))}

    def _fail(self, detail: str) -> None:
        for target in self._targets.values():
            self._report(target.seq, "failed", detail=detail)
