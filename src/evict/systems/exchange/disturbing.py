# SPDX-License-Identifier: Apache-2.0
"""The measures that others may notice: recycling a pool, moving the mailbox, restarting IIS."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Final

from evict.core.account import Account
from evict.core.errors import RemoteProtocolError, Unsupported
from evict.core.measure import EffectKind, Measure
from evict.systems.exchange.access import POOLS, Log, Logs
from evict.systems.exchange.inventory import Reader
from evict.systems.exchange.marks import Marks
from evict.systems.exchange.port import Shell
from evict.systems.exchange.results import Command, Result, done
from evict.systems.exchange.writes import Writes

_MOVE_LOOKED_AT_S: Final = 15.0
"""How long one look waits for a move; the next look goes on waiting."""
_PAUSE_S: Final = 0.25


class Disturbing:
    """Acts on servers, by each server's own shell.

    Args:
        target: database to move to; None: whichever the organisation picks.
    """

    def __init__(
        self,
        reader: Reader,
        writes: Writes,
        servers: Mapping[str, Logs],
        marks: Marks,
        target: str | None,
    ) -> None:
        self._reader = reader
        self._writes = writes
        self._servers = servers
        self._marks = marks
        self._target = target

    async def recycle(self, account: Account, measure: Measure) -> tuple[EffectKind, str]:
        """No look: that the pool still serves is what the measure was planned by."""
        server, _, pool = measure.target.partition(":")
        shell = self._logs(server).shell
        done(await shell.run("Restart-WebAppPool", Name=pool), shell.system)
        await self._mark(account, server, [p for p in POOLS if POOLS[p] == pool])
        return EffectKind.DONE, f"{pool} on {server} is recycled: it holds no token any more"

    async def _mark(self, account: Account, server: str, protocols: list[str]) -> None:
        log = Log(server=server, lines=await self._logs(server).of(account.sam))
        for protocol in protocols:
            self._marks.recycled(account.id, log, protocol)

    async def move(self, account: Account, measure: Measure) -> tuple[EffectKind, str]:  # noqa: ARG002 - same for all
        """Start it where none runs, and follow it for a while."""
        now = await self._reader.move(account.id)
        if now is None or not now.running:
            await self._writes.start_move(account.id, self._target, finished=now is not None)
        limit = time.monotonic() + _MOVE_LOOKED_AT_S
        while time.monotonic() < limit:
            now = await self._reader.move(account.id)
            if now is not None and not now.running:
                break
            await asyncio.sleep(_PAUSE_S)
        if now is None or now.running:
            seen = "no request is seen yet" if now is None else f"{now.status}, {now.percent} %"
            return EffectKind.UNCERTAIN, f"the move is under way: {seen}"
        if now.status.startswith("Completed"):
            return EffectKind.DONE, f"moved to {now.target}: {now.status}, {now.percent} %"
        return EffectKind.FAILED, f"the move ended as {now.status} at {now.percent} %"

    async def iisreset(self, account: Account, measure: Measure) -> tuple[EffectKind, str]:
        """Softly first; iisreset forces unless it is told not to (its own help)."""
        shell = self._logs(measure.target).shell
        how = "without force"
        if not _came_back(await self._reset(shell, "/noforce")):
            how = "by force, since it did not stop otherwise"
            if not _came_back(await self._reset(shell, "/restart")):
                text = f"iisreset on {measure.target} did not succeed"
                raise RemoteProtocolError(text, system=shell.system)
        await self._mark(account, measure.target, list(POOLS))
        return EffectKind.DONE, f"IIS on {measure.target} was restarted {how}"

    async def _reset(self, shell: Shell, how: str) -> Result:
        return await shell.pipe([Command(name="iisreset", arguments=(how,))])

    def _logs(self, server: str) -> Logs:
        logs = self._servers.get(server)
        if logs is None:
            text = f"no shell_url is configured for {server}"
            raise Unsupported(text, system=self._writes.system)
        return logs


def _came_back(result: Result) -> bool:
    said = " ".join(str(v) for o in result.objects for v in o.values()).lower()
    return not result.errors and "fail" not in said and "not be stopped" not in said
