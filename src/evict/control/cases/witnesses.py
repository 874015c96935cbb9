# SPDX-License-Identifier: Apache-2.0
"""Witness sessions: opened as the leaver with Dovecot's master user, before the commit.

Opening them is the one thing that may stand between an order and its commit, and for at most
`witness_open_ms`: what has not opened by then is left out and said so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime

from evict.control.cases.masteruser import MasterUser
from evict.control.parts import Parts
from evict.core.account import Account
from evict.core.endpoint import Endpoint
from evict.core.errors import EvictError
from evict.core.sighting import Sighting
from evict.probes.base import Witness
from evict.probes.registry import prober
from evict.probes.watch import WitnessWatch

WITNESSED = ("imap", "pop3", "managesieve", "submission")
"""Protocols whose server authenticates through Dovecot, so that its master user works."""
_SHARE_OF_OPENING = 0.8
"""Of `witness_open_ms`; the rest is for the first beat of each."""


class WitnessStand:
    """Opens what can be opened in time and hands it to a watch."""

    def __init__(self, parts: Parts) -> None:
        self._master = parts.systems.master
        self._others = {e.name for e in parts.systems.exchanges}
        self._sources = parts.sources
        self._open_s = parts.config.probes.witness_open_ms / 1000
        self._beat_ms = parts.config.probes.witness_beat_ms

    async def open(
        self, account: Account, endpoints: Iterable[Endpoint], say: Callable[[str], None]
    ) -> WitnessWatch | None:
        """Open one witness at each endpoint, side by side; None where there can be none."""
        if self._master is None:
            say("no witness sessions: the configuration names no Dovecot master user")
            return None
        tries = {
            asyncio.create_task(self._open_one(self._master, account, e)): e
            for e in endpoints
            if e.protocol in WITNESSED and e.system not in self._others
        }
        if not tries:
            return None
        clock = asyncio.get_running_loop().time
        until = clock() + self._open_s
        done, late = await asyncio.wait(tries, timeout=self._open_s * _SHARE_OF_OPENING)
        for task in late:
            task.cancel()
            say(
                f"no witness at {tries[task].protocol}: it did not open within {self._open_s:.1f} s"
            )
        await asyncio.gather(*late, return_exceptions=True)
        witnesses: list[Witness] = []
        for task in done:
            try:
                witnesses.append(task.result())
            except EvictError as error:
                say(f"no witness at {tries[task].protocol}: {error.text}")
        if not witnesses:
            return None
        watch = WitnessWatch(witnesses, beat_ms=self._beat_ms)
        await watch.start(max(until - clock(), 0.0))
        return watch

    async def _open_one(self, master: MasterUser, account: Account, endpoint: Endpoint) -> Witness:
        login = master.login(account, endpoint, self._sources.next(), self._open_s + 5.0)
        return await prober(endpoint.protocol).open_witness(endpoint, login)


async def watched_to_the_end(
    watch: WitnessWatch, commit_at: datetime, timeout_s: float, say: Callable[[str], None]
) -> tuple[Sighting, ...]:
    """Wait until every witness is dead or the time is up, then close what still lives."""
    await watch.wait_shut(commit_at, timeout_s)
    await watch.stop()
    for protocol in watch.silent(commit_at):
        say(f"no witness at {protocol}: the server ended its session before the commit")
    return watch.sightings(commit_at)
