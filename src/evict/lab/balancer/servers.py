# SPDX-License-Identifier: Apache-2.0
"""Which server a client goes to, and which ones are there."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from evict.lab.balancer.channel import Broken, Channel
from evict.lab.balancer.words import Upstream

MOST_CLIENTS: Final = 50_000
CHECK_S: Final = 1.0
CONNECT_S: Final = 2.0


class Servers:
    """In turn, but a client stays where it is for as long as that server is there."""

    def __init__(self, upstreams: Sequence[Upstream]) -> None:
        self._all = tuple(upstreams)
        self._down: set[str] = set()
        self._places: OrderedDict[str, Upstream] = OrderedDict()
        self._turn = 0

    def choose(self, client: str) -> list[Upstream]:
        """In the order in which to try them; those that are down come last."""
        place = self._places.get(client)
        if place is None or place.name in self._down:
            place = self._next()
        self._places[client] = place
        self._places.move_to_end(client)
        if len(self._places) > MOST_CLIENTS:
            self._places.popitem(last=False)
        others = [upstream for upstream in self._all if upstream is not place]
        return [place, *sorted(others, key=lambda upstream: upstream.name in self._down)]

    def _next(self) -> Upstream:
        there = [u for u in self._all if u.name not in self._down] or list(self._all)
        self._turn += 1
        return there[self._turn % len(there)]

    def settle(self, client: str, upstream: Upstream) -> None:
        """It answered there."""
        self._places[client] = upstream
        self._down.discard(upstream.name)

    def note_down(self, upstream: Upstream) -> None:
        self._down.add(upstream.name)

    @property
    def down(self) -> frozenset[str]:
        return frozenset(self._down)

    async def check_for_ever(self) -> None:
        """Connect to each now and then."""
        while True:
            for upstream in self._all:
                await self._check(upstream)
            await asyncio.sleep(CHECK_S)

    async def _check(self, upstream: Upstream) -> None:
        """Without TLS: whether it listens is all that is asked."""
        try:
            channel = await Channel.open(
                upstream.host, upstream.port, tls=None, server_name="", timeout_s=CONNECT_S
            )
        except Broken:
            self._down.add(upstream.name)
        else:
            channel.close()
            self._down.discard(upstream.name)
