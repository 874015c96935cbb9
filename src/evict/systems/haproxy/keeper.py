# SPDX-License-Identifier: Apache-2.0
"""Keeps HAProxy's maps, and the map file, what the ledger says, whatever becomes of HAProxy.

One loop: load, follow one process, fill it, push, look. What is closed is pushed at once. Each
second it is looked whether the process is still the one that was filled; one that is not has an
empty gate and so lets nobody in until it is filled.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Final, Protocol

import structlog

from evict.config.haproxy import HaproxyHook
from evict.core.errors import SystemFault
from evict.systems.cutting import rest
from evict.systems.haproxy.closed import Closed, Complaints
from evict.systems.haproxy.cookies import Cookies
from evict.systems.haproxy.places import Places
from evict.systems.haproxy.process import Process, key_of, set_gate
from evict.systems.haproxy.runtime import Runtime, pid_of

LOOK_S: Final = 0.5
GLANCE_S: Final = 0.02
"""A connection that ended is seen within so long."""
FIRST_RETRY_S: Final = 0.02
LONGEST_RETRY_S: Final = 0.5
_FEW: Final = 500
"""Cookies that are taken away in one look, so that what is closed meanwhile waits 20 ms at most."""

log = structlog.get_logger()


class Ledger(Protocol):
    """The agent's copy, as far as the keeper needs it."""

    @property
    def ready(self) -> bool:
        """Whether it was ever told that it has everything."""

    @property
    def seq(self) -> int: ...

    @property
    def closed(self) -> Collection[bytes]:
        """Every canonical form that is refused."""


class Tell(Protocol):
    """Takes how far HAProxy refuses."""

    def enforces(self, seq: int) -> None:
        """HAProxy refuses by everything up to here."""

    def lapsed(self, why: str) -> None:
        """Nothing is known of what HAProxy refuses."""


class Keeper:
    """One HAProxy.

    Args:
        tell: told of each change between enforcing and not.
    """

    def __init__(
        self, name: str, hook: HaproxyHook, at: Places, *, ledger: Ledger, tell: Tell
    ) -> None:
        self._name = name
        self._hook = hook
        self._at = at
        self._ledger = ledger
        self._tell = tell
        self._news = asyncio.Event()
        self._urgent: list[str] = []
        self._settle = True
        self._cookies = Cookies(hook.state_file, life_s=hook.life_hours * 3600)
        self._taken = -1
        self._complaints = Complaints(name)
        self._closed = Closed(at, self._complaints)
        self.current: Process | None = None
        self.elders: list[Process] = []

    @property
    def processes(self) -> tuple[Process, ...]:
        """Those that may have requests, the newest first."""
        return (*([self.current] if self.current else []), *self.elders)

    @property
    def faults(self) -> dict[str, str]:
        """What is wrong now, by what it is about; "" where it was."""
        return self._complaints.faults

    @property
    def cookies(self) -> int:
        """How many are known."""
        return len(self._cookies)

    def close(self, forms: Iterable[str]) -> None:
        """These stand revoked now: nothing goes before it."""
        self._urgent += map(key_of, forms)
        self._news.set()

    def changed(self) -> None:
        """The ledger changed, if only in how far it reaches."""
        self._news.set()

    async def run(self) -> None:
        """Work until cancelled."""
        await self._load()
        writing = asyncio.create_task(self._closed.write_on())
        retry_s = FIRST_RETRY_S
        try:
            while True:
                try:
                    await self._follow()
                    retry_s = FIRST_RETRY_S
                except SystemFault as fault:
                    if self.current is not None:
                        retry_s = FIRST_RETRY_S
                    self._lose(fault.text)
                if self._ledger.ready and self._is_behind():
                    self._take_all()
                await asyncio.sleep(retry_s)
                retry_s = min(retry_s * 2, LONGEST_RETRY_S)
        finally:
            writing.cancel()
            await asyncio.wait([writing])
            await self._leave()

    async def _load(self) -> None:
        try:
            odd = await asyncio.to_thread(self._cookies.load)
        except OSError as error:
            self._complaints.complain("state_file", f"{self._hook.state_file}: {error.strerror}")
        else:
            if odd:
                log.warning("haproxy.state-odd", system=self._name, lines=odd)

    async def _leave(self) -> None:
        """Nobody answers from here on: HAProxy lets nobody in."""
        with contextlib.suppress(SystemFault):
            async with Runtime(self._hook.runtime, system=self._name) as runtime:
                await set_gate(runtime, self._at, 0)
        for process in self.processes:
            process.drop()
        self.current, self.elders = None, []
        self._settle = True
        with contextlib.suppress(OSError):
            self._save_now()
        self._tell.lapsed("the agent stops")

    def _lose(self, why: str) -> None:
        process, self.current = self.current, None
        if process is not None:
            process.drop()
        if self._complaints.complain("runtime", why) or process is not None:
            self._tell.lapsed(why)

    async def _follow(self) -> None:
        """One process, from its filling to its end or its successor's beginning."""
        while not self._ledger.ready:
            self._news.clear()
            await self._news.wait()
        process = Process(self._hook.runtime, self._at, system=self._name)
        await process.connect()
        try:
            await self._fill(process)
        except BaseException:
            process.drop()
            raise
        self.current = process
        self._complaints.complain("runtime", "")
        while not await self._is_replaced(process):
            await self._look(process)
            await self._push_until(process, asyncio.get_running_loop().time() + LOOK_S)
        await process.learn(self._cookies)
        self.elders.append(process)
        self.current = None
        self._tell.lapsed("HAProxy was reloaded")

    async def _fill(self, process: Process) -> None:
        seq = self._take_all() if self._is_behind() else self._taken
        await process.fill(self._closed.keys, self._closed.mark, self._cookies)
        await process.learn(self._cookies)
        await process.settle(self._closed.keys)
        await process.let_in(self._hook.lease_s)
        log.info(
            "haproxy.filled", system=self._name, closed=len(self._closed.keys), cookies=self.cookies
        )
        self._tell.enforces(seq)

    async def _push_until(self, process: Process, deadline: float) -> None:
        """Push whatever comes; end early where the connection did."""
        loop = asyncio.get_running_loop()
        while (left := deadline - loop.time()) > 0 and not process.maps.is_over:
            if self._news.is_set() or await rest(self._news, min(left, GLANCE_S)):
                self._news.clear()
                await self._push()

    async def _push(self) -> None:
        urgent, self._urgent = self._urgent, []
        settle, self._settle = self._settle, False
        seq = self._ledger.seq
        try:
            await self._everywhere(lambda process: process.close(urgent))
            self._closed.add(urgent)
            if settle or len(self._closed.keys) != len(self._ledger.closed):
                self._take_all()
                await self._everywhere(lambda process: process.settle(self._closed.keys))
            else:
                self._taken = seq
        except SystemFault:
            self._settle = True
            raise
        self._tell.enforces(seq)

    async def _everywhere(self, do: Callable[[Process], Awaitable[object]]) -> None:
        """The newest process must do it; an old one that cannot is over."""
        for process in self.processes:
            try:
                await do(process)
            except SystemFault:
                if process is self.current:
                    raise
                self._leave_elder(process)

    def _leave_elder(self, elder: Process) -> None:
        elder.drop()
        self.elders.remove(elder)

    def _is_behind(self) -> bool:
        known = (self._taken, len(self._closed.keys))
        return self._settle or known != (self._ledger.seq, len(self._ledger.closed))

    def _take_all(self) -> int:
        """What the ledger says now."""
        self._settle, self._taken = False, self._ledger.seq
        self._closed.take(self._ledger.closed)
        return self._taken

    async def _look(self, process: Process) -> None:
        if not await process.is_as_left():
            log.warning("haproxy.map-changed", system=self._name)
            self._tell.lapsed("somebody else changed the map of closed names")
            await self._fill(process)
        await process.let_in(self._hook.lease_s)
        await process.learn(self._cookies)
        await process.forget(self._cookies.expired(_FEW))
        for elder in tuple(self.elders):
            await self._look_at_elder(elder)
        await self._save()

    async def _look_at_elder(self, elder: Process) -> None:
        """It is left when our own connections are the last: they would keep it alive."""
        try:
            news = await elder.learn(self._cookies)
            if self.current is not None:
                await self.current.know(news, self._cookies)
            await elder.let_in(self._hook.lease_s)
            if await elder.is_busy():
                return
        except SystemFault:
            pass
        self._leave_elder(elder)

    async def _is_replaced(self, process: Process) -> bool:
        async with Runtime(self._hook.runtime, system=self._name) as fresh:
            return await pid_of(fresh) != process.pid

    async def _save(self) -> None:
        write = self._cookies.save()
        if write is not None:
            try:
                await asyncio.to_thread(write)
            except OSError as error:
                self._complaints.complain(
                    "state_file", f"{self._hook.state_file}: {error.strerror}"
                )
            else:
                self._complaints.complain("state_file", "")

    def _save_now(self) -> None:
        write = self._cookies.save()
        if write is not None:
            write()
