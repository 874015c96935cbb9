# SPDX-License-Identifier: Apache-2.0
"""Ends the leavers' requests at HAProxy: look, end, and look again until none is left.

The maps come first: whoever calls `cut` has HAProxy refuse already.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from evict.core.errors import Unreachable
from evict.systems.cutting import Kicked, Report, RequestCutter, RequestPace
from evict.systems.haproxy import protocol
from evict.systems.haproxy.process import Process
from evict.systems.haproxy.protocol import Live, Malformed, Stream

ANSWERED_S: Final = 0.25
"""So long a request is left to its answer, which the rules refuse; not one that waits."""

Seen = tuple[str, str]
"""A process of HAProxy's, and the number of a stream there."""


class Cutter(RequestCutter[Live]):
    """By the runtime socket, at every process that may have requests.

    Args:
        processes: of HAProxy, as they are now; none: it cannot be looked.
        backends: whose tables say who has a request.
    """

    def __init__(  # noqa: PLR0913 - what it is made of
        self,
        system: str,
        processes: Callable[[], Sequence[Process]],
        backends: Sequence[str],
        *,
        spell: Callable[[str], Iterable[str]],
        report: Report,
        pace: RequestPace | None = None,
    ) -> None:
        super().__init__(spell=spell, report=report, pace=pace)
        self._system = system
        self._processes = processes
        self._backends = backends
        self._seen: dict[Seen, float] = {}

    async def _look(self) -> bool:
        started = asyncio.get_running_loop().time()
        targets = list(self._targets.values())
        left: Counter[Kicked] = Counter()
        ended: Counter[Kicked] = Counter()
        processes = self._processes()
        if not processes:
            raise Unreachable("no connection to the runtime socket", system=self._system)
        seen: dict[Seen, float] = {}
        waits = False
        for process in processes:
            found = self._find(await self._live(process))
            for target, requests in found.items():
                left[target] += len(requests)
                waits = waits or any(request.waits for request in requests)
                streams, count = await self._end(process, requests, started)
                seen |= streams
                ended[target] += count
        self._seen = seen
        for target in self._still(targets):
            if not left[target]:
                self._saw_none(target, started)
                continue
            self._saw(target, left[target])
            if ended[target]:
                self._kicked(target, ended[target])
        return waits

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

    async def _end(
        self, process: Process, requests: Sequence[Live], now: float
    ) -> tuple[dict[Seen, float], int]:
        """End those of these that stay: what comes of one that is answered is refused anyway.

        HAProxy ends a stream by its address in memory, which the next one may have after it, and
        nothing asks it to look whose it is and to end it in one step. So one that is about to end
        by itself is left alone, and the number is read just before. On HTTP/1 a connection has one
        request at a time: whose it is at two looks, its is what stayed.

        Returns:
            Which were seen and since when, and how many were ended.
        """
        streams: dict[str, list[Stream]] = {}
        for stream in protocol.streams(await process.requests.ask("show sess")):
            streams.setdefault(stream.source, []).append(stream)
        seen: dict[Seen, float] = {}
        ended = 0
        for request in requests:
            for stream in streams.get(request.source, ()):
                number = await self._number(process, stream.id)
                if not number or request.number not in (number, protocol.ALONE):
                    continue
                key = process.pid, number
                seen[key] = self._seen.get(key, now)
                stays = key in self._seen if request.waits else now - seen[key] >= ANSWERED_S
                if stream.is_old or stays:
                    ended += await process.requests.each([f"shutdown session {stream.id}"])
        return seen, ended

    async def _number(self, process: Process, address: str) -> str:
        return protocol.number(await process.requests.ask(f"show sess {address}"))

    def _names(self, request: Live) -> Iterable[str]:
        return spelled(request.login)


def spelled(login: str) -> tuple[str, ...]:
    r"""Names to look for, as the rules do: `DOMAIN/user` is `DOMAIN\user`, `.\user` is `user`."""
    turned = login.replace("/", "\\")
    domain, _, user = turned.rpartition("\\")
    return (login, turned, user) if domain in ("", ".") else (login, turned)
