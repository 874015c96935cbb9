# SPDX-License-Identifier: Apache-2.0
"""The hook of one HAProxy: its maps are kept, and leavers' requests ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from evict.config.haproxy import HaproxyHook
from evict.systems.cutting import Report, RequestPace
from evict.systems.haproxy.cutter import Cutter
from evict.systems.haproxy.keeper import Keeper, Ledger, Tell
from evict.systems.haproxy.places import places


class Hook:
    """Between `stop` and `start` HAProxy lets nobody in.

    Args:
        tell: how far HAProxy refuses; the feed's acknowledgement follows it.
        spell: a login name -> every canonical form it stands for.
        report: takes the steps of the cutter.
    """

    def __init__(  # noqa: PLR0913 - what it is made of
        self,
        name: str,
        settings: HaproxyHook,
        *,
        ledger: Ledger,
        tell: Tell,
        spell: Callable[[str], Iterable[str]],
        report: Report,
        pace: RequestPace | None = None,
    ) -> None:
        at = places(name, settings)
        self.name = name
        self.keeper = Keeper(name, settings, at, ledger=ledger, tell=tell)
        self._cutter = Cutter(
            name,
            lambda: self.keeper.processes,
            at.backends,
            spell=spell,
            report=report,
            pace=pace,
        )
        self._keeping: asyncio.Task[None] | None = None
        self._failed: asyncio.Future[None] | None = None

    async def start(self) -> None:
        """Begin to keep the maps; returns before they are filled."""
        if self._keeping is None:
            self._keeping = asyncio.create_task(self.keeper.run(), name=f"haproxy {self.name}")
            self._keeping.add_done_callback(self._ended)

    async def stop(self) -> None:
        keeping, self._keeping = self._keeping, None
        if keeping is not None:
            keeping.cancel()
            await asyncio.wait([keeping])

    def _ended(self, keeping: asyncio.Task[None]) -> None:
        """What the keeper did not expect ends `run`, which else nobody would see."""
        if not keeping.cancelled() and (error := keeping.exception()) is not None:
            self._failed = self._failed or keeping.get_loop().create_future()
            if not self._failed.done():
                self._failed.set_exception(error)

    def cut(self, account: str, seq: int, forms: tuple[str, ...]) -> None:
        """Refuse this account, and end its requests."""
        self.keeper.close(forms)
        self._cutter.cut(account, seq, forms)

    def spare(self, account: str) -> None:
        """It was reinstated."""
        self.keeper.changed()
        self._cutter.spare(account)

    def fed(self) -> None:
        """The ledger's copy reaches further; called after `cut` and `spare` of what changed."""
        self.keeper.changed()

    async def run(self) -> None:
        """End requests until cancelled."""
        self._failed = self._failed or asyncio.get_running_loop().create_future()
        cutting = asyncio.create_task(self._cutter.run())
        try:
            await asyncio.wait([cutting, self._failed], return_when=asyncio.FIRST_COMPLETED)
            for ended in (cutting, self._failed):
                if ended.done():
                    ended.result()
        finally:
            cutting.cancel()
