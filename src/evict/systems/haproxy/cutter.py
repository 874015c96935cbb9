# SPDX-License-Identifier: Apache-2.0
"""Ends the leavers' requests at HAProxy: look, end, and look again until none is left.

The maps come first: whoever calls `cut` has HAProxy refuse already.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from evict.core.errors import SystemFault, Unreachable
from evict.systems import cutting
from evict.systems.cutting import Owners, Report, Target, rest
from evict.systems.haproxy import protocol
from evict.systems.haproxy.process import Process
from evict.systems.haproxy.protocol import Live, Malformed, Stream

Seen = tuple[str, str]
"""A process of HAProxy's, and the number of a stream there."""


class Pace(cutting.Pace, frozen=True, kw_only=True):
    """Looks begin at once, and come so often while a request is seen."""

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
        processes: of HAProxy, as they are now; none: it cannot be looked.
        backends: whose tables say who has a request.
        spell: a request's login name -> every canonical form it stands for.
    """

    def __init__(  # noqa: PLR0913 - what it is made of
        self,
        system: str,
        processes: Callable[[], Sequence[Process]],
        backends: Sequence[str],
        *,
        spell: Callable[[str], Iterable[str]],
        report: Report,
        pace: Pace | None = None,
    ) -> None:
        self._system = system
        self._processes = processes
        self._backends = backends
        self._spell = spell
        self._report = report
        self._pace = pace or Pace()
        self._targets: dict[str, _Target] = {}
        self._owners: Owners[_Target] | None = None
        self._seen: set[Seen] = set()
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
        """Work until cancelled. A HAProxy that is down or hangs is tried again for ever."""
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
                if await self._look():
                    pause = self._pace.first_look
                failing = ""
            except SystemFault as fault:
                if str(fault) != failing:
                    failing = str(fault)
                    self._fail(failing)
                slowest = self._pace.longest_retry
            await rest(self._news, pause)
            pause = min(pause * 2, slowest)

    async def _look(self) -> bool:
        """Whether the next look should come at once."""
        started = asyncio.get_running_loop().time()
        targets = list(self._targets.values())
        left: Counter[_Target] = Counter()
        ended: Counter[_Target] = Counter()
        processes = self._processes()
        if not processes:
            raise Unreachable("no connection to the runtime socket", system=self._system)
        seen: set[Seen] = set()
        for process in processes:
            found = self._find(await self._live(process))
            for target, requests in found.items():
                left[target] += len(requests)
                streams, count = await self._end(process, requests)
                seen |= streams
                ended[target] += count
        self._seen = seen
        for target in (t for t in targets if self._targets.get(t.account) is t):
            self._say(target, left[target], ended[target], started)
        return bool(left)

    def _say(self, target: _Target, left: int, ended: int, started: float) -> None:
        if left:
            target.clear_since = None
            if target.struck:
                self._report(target.seq, "look", count=left, left={"http": left})
        if ended or not (left or target.struck):
            target.struck = True
            self._report(target.seq, "kick", count=ended)
        if not left and target.unseen(started, self._pace.quiet):
            self._report(target.seq, "quiet")
            self.spare(target.account)

    async def _live(self, process: Process) -> list[Live]:
        """Everybody's requests."""
        live = []
        for backend in self._backends:
            said = await process.requests.ask(
                f"show table {protocol.word(backend)} data.conn_cur gt 0"
            )
            try:
                live += protocol.live(said)
            except Malformed as error:
                raise process.requests.broken(error) from error
        return live

    async def _end(self, process: Process, requests: Sequence[Live]) -> tuple[set[Seen], int]:
        """End those of these that were there at the look before, too, or began a second ago.

        HAProxy ends a stream by its address in memory, which the next one may have after it. So one
        that is about to end by itself is left alone, and the number is read just before. On HTTP/1
        a connection has one request at a time: whose it is at two looks, its is what stayed.

        Returns:
            Which were seen, and how many were ended.
        """
        streams: dict[str, list[Stream]] = {}
        for stream in protocol.streams(await process.requests.ask("show sess")):
            streams.setdefault(stream.source, []).append(stream)
        seen: set[Seen] = set()
        ended = 0
        for request in requests:
            for stream in streams.get(request.source, ()):
                number = await self._number(process, stream.id)
                if not number or request.number not in (number, protocol.ALONE):
                    continue
                seen.add((process.pid, number))
                if stream.is_old or (process.pid, number) in self._seen:
                    ended += await process.requests.each([f"shutdown session {stream.id}"])
        return seen, ended

    async def _number(self, process: Process, address: str) -> str:
        return protocol.number(await process.requests.ask(f"show sess {address}"))

    def _find(self, requests: Iterable[Live]) -> dict[_Target, list[Live]]:
        if self._owners is None:
            self._owners = Owners(self._targets.values())
        return self._owners.find(requests, self._forms)

    def _forms(self, request: Live) -> set[str]:
        names = spelled(request.login)
        return {form for name in names for form in self._spell(name)}

    def _fail(self, detail: str) -> None:
        for target in self._targets.values():
            self._report(target.seq, "failed", detail=detail)


def spelled(login: str) -> tuple[str, ...]:
    r"""Names to look for, as the rules do: `DOMAIN/user` is `DOMAIN\user`, `.\user` is `user`."""
    turned = login.replace("/", "\\")
    domain, _, user = turned.rpartition("\\")
    return (login, turned, user) if domain in ("", ".") else (login, turned)
