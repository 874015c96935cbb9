# SPDX-License-Identifier: Apache-2.0
"""Bystanders of the web: sessions held on every door, sign-ins, and their connections."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from ipaddress import IPv4Address
from itertools import cycle, product
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from msgspec import Struct

from estate.clients.holder import Drop, Holder
from estate.clients.lines import Ended, Refused
from estate.clients.live import Live, Opens, Protocols
from estate.clients.web_doors import through
from estate.layout import HAPROXY, Layout
from estate.people import Person

SIGN_IN_EVERY_S: Final = 0.5
_SIGN_INS: Final = ("sogo-web", "roundcube-web", "caldav", "carddav")
_ESTABLISHED: Final = "01"


class Undisturbed(Struct, frozen=True, kw_only=True):
    """What became of them.

    Attributes:
        requests: uses of a session that worked; each is one request or two.
        drops: sessions that failed once; none is signed in anew.
        sign_ins: new ones that worked.
        refused: what those that did not were told.
        connections: at HAProxy, when all sessions were open.
        connections_lost: how many of these ended.
    """

    held: int
    requests: int
    drops: tuple[Drop, ...]
    sign_ins: int
    refused: tuple[str, ...]
    connections: int
    connections_lost: int

    @property
    def failed(self) -> int:
        return len(self.drops) + len(self.refused)


class _Counted(Live):
    def __init__(self, inner: Live, count: list[int]) -> None:
        self.person = inner.person
        self._inner = inner
        self._count = count

    def beat(self) -> None:
        self._inner.beat()
        self._count[0] += 1

    def close(self) -> None:
        self._inner.close()


class WebBystanders:
    """Each of these people on every door, used again and again; and one who signs in anew."""

    def __init__(self, layout: Layout, people: Sequence[Person]) -> None:
        self._layout = layout
        self._people = people
        self._count = [0]  # one thread beats
        table = through(HAPROXY)
        counted: Protocols = {name: self._counted(opens) for name, opens in table.items()}
        self._holder = Holder(layout, people, len(table) * len(people), counted)
        self._connections = connections(layout)
        self._sign_ins = 0
        self._refused: list[str] = []
        self._stop = threading.Event()
        self._signing = threading.Thread(target=self._sign_in_on, args=(table,), daemon=True)
        self._signing.start()

    def _counted(self, opens: Opens) -> Opens:
        def log_in(layout: Layout, person: Person, source: str) -> Live:
            return _Counted(opens(layout, person, source), self._count)

        return log_in

    def _sign_in_on(self, table: Protocols) -> None:
        source = str(self._layout.network(250, 24)[1])
        for person, name in cycle(product(self._people, _SIGN_INS)):
            if self._stop.wait(SIGN_IN_EVERY_S):
                return
            try:
                table[name](self._layout, person, source).close()
                self._sign_ins += 1
            except (Ended, Refused) as error:
                self._refused.append(f"{name} {person.name}: {error}")

    def check(self) -> Undisturbed:
        """Use every session once more, now."""
        held = self._holder.check()
        return Undisturbed(
            held=held.held,
            requests=self._count[0],
            drops=held.drops,
            sign_ins=self._sign_ins,
            refused=tuple(self._refused),
            connections=len(self._connections),
            connections_lost=len(self._connections - connections(self._layout)),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._signing.join()
        self._holder.close()


def connections(layout: Layout) -> set[tuple[str, int]]:
    """Bystanders' ends of connections to HAProxy that stand now (proc(5), /proc/net/tcp)."""
    found = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, state, *_ = line.split()
        host, _, port = local.partition(":")
        address = IPv4Address(int.from_bytes(bytes.fromhex(host), "little"))
        goes_to = int(remote.partition(":")[2], 16)
        if state == _ESTABLISHED and goes_to == HAPROXY and address in layout.bystander_network:
            found.add((str(address), int(port, 16)))
    return found
