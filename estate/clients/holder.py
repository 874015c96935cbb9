# SPDX-License-Identifier: Apache-2.0
"""Bystanders: many sessions of many people over all protocols, counted from their own ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice, product
from types import TracebackType
from typing import Final, Self

from msgspec import Struct

from estate.clients.lines import Ended, Refused
from estate.clients.live import Protocols
from estate.clients.sessions import PROTOCOLS
from estate.commands import EstateError
from estate.layout import Layout
from estate.people import Person

BEAT_EVERY_S: Final = 5.0
"""Pause between two rounds of beats; the servers' shortest idle limit is minutes."""


class Drop(Struct, frozen=True, kw_only=True):
    """A session that a bystander lost. `seen_ns`: UTC, of time.time_ns."""

    name: str
    protocol: str
    seen_ns: int
    text: str


class Held(Struct, frozen=True, kw_only=True):
    """How many sessions were opened, and those that were lost since."""

    held: int
    drops: tuple[Drop, ...]

    @property
    def dropped(self) -> int:
        return len(self.drops)


class Holder:
    """Opens `count` sessions, people and protocols in turn, and keeps using them.

    Each session has a source address of its own. A lost session is not opened again, so that none
    is missed between two looks.
    """

    def __init__(
        self,
        layout: Layout,
        people: Sequence[Person],
        count: int,
        protocols: Protocols = PROTOCOLS,
    ) -> None:
        pairs = cycle(product(protocols, people))
        addresses = map(str, layout.bystander_network.hosts())
        with ThreadPoolExecutor(8) as pool:
            opening = [
                (protocol, pool.submit(protocols[protocol], layout, person, address))
                for (protocol, person), address in zip(
                    islice(pairs, count), addresses, strict=False
                )
            ]
        failed = [each for _, each in opening if each.exception() is not None]
        self._live = [(name, each.result()) for name, each in opening if each not in failed]
        self._held = len(self._live)
        self._drops: list[Drop] = []
        self._looking = threading.Lock()
        self._stop = threading.Event()
        self._beater = threading.Thread(target=self._beat_on, name="bystanders", daemon=True)
        if failed:
            self._close_all()
            raise EstateError(f"{len(failed)} of {count} sessions: {failed[0].exception()}")
        self._beater.start()

    def check(self) -> Held:
        """Use every session once, now; what was lost at any time before is in it."""
        with self._looking:
            self._beat_all()
            return Held(held=self._held, drops=tuple(self._drops))

    def close(self) -> None:
        """End all sessions."""
        self._stop.set()
        self._beater.join()
        self._close_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _beat_on(self) -> None:
        while not self._stop.wait(BEAT_EVERY_S):
            with self._looking:
                self._beat_all()

    def _beat_all(self) -> None:
        live = []
        for protocol, session in self._live:
            try:
                session.beat()
            except (Ended, Refused) as error:
                self._drops.append(
                    Drop(
                        name=session.person.name,
                        protocol=protocol,
                        seen_ns=time.time_ns(),
                        text=str(error),
                    )
                )
                session.close()
            else:
                live.append((protocol, session))
        self._live = live

    def _close_all(self) -> None:
        for _, session in self._live:
            session.close()
        self._live = []
