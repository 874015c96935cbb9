# SPDX-License-Identifier: Apache-2.0
"""The watch by the overlay accesslog, for where syncprov is missing.

Each write is a record, named by the time at which the operation began (slapo-accesslog(5)). A
record is stored when its operation has ended, so a longer one may appear behind a shorter one that
began later: the last seconds are read again each time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Final

from evict.config.watch import WatchSection
from evict.core.dn import dn_key
from evict.core.errors import RemoteProtocolError, Unsupported
from evict.core.presence import Presence
from evict.systems.base import Glimpse, PositionLost
from evict.systems.ldap.filters import ANYTHING, Filter, all_of, any_of, at_least, at_most, equals
from evict.systems.ldap.messages import BASE, SUBTREE, Entry
from evict.systems.ldap.servers import Servers
from evict.systems.openldap.find import is_below
from evict.systems.openldap.port import Port
from evict.systems.openldap.reading import ENTRY_UUID, Shape, generalized_time
from evict.systems.openldap.watching import Place, Reader, place_of

WAY: Final = "accesslog"
START: Final = "reqStart"
_RECORD: Final = (START, "reqType", "reqDN", "reqEntryUUID")
_WRITES: Final = ("add", "delete", "modify", "modrdn")
_OVERLAP: Final = timedelta(seconds=10)
_CLOCKS_APART: Final = timedelta(minutes=15)
"""By how much the server's clock may be behind ours, for the first position of all."""
_REMEMBERED: Final = 20_000


class AccesslogWatch:
    """See `systems.base.DirectoryWatch`. Nothing tells it at once: it is asked."""

    def __init__(self, servers: Servers[Port], shape: Shape, rules: WatchSection) -> None:
        self._servers = servers
        self._shape = shape
        self._reader = Reader(servers, shape, rules)
        self._base = shape.settings.accesslog_base
        self._dealt: deque[str] = deque(maxlen=_REMEMBERED)
        self._looked_at = b""
        """The position whose place in the log was looked for."""

    async def everybody(self) -> AsyncIterator[Glimpse]:
        begun = datetime.now(UTC) - _CLOCKS_APART
        root = (await self._servers.on_first(self._open)).text(ENTRY_UUID)
        members = await self._reader.members()
        port = await self._servers.on_first(_itself)
        seen = 0
        async with aclosing(
            port.pages(self._shape.base, self._shape.people, self._shape.attributes)
        ) as pages:
            async for page in pages:
                seen += len(page)
                entries = [self._reader.checked(entry) for entry in page]
                yield Glimpse(presences=self._reader.presences(entries, members))
        if not seen:
            text = f"{port.name} shows nobody below {self._shape.base}"
            raise RemoteProtocolError(text, system=self._shape.name)
        place = Place(root=root, way=WAY, at=_time_text(begun), seen=False)
        yield Glimpse(presences=(), position=place.octets)

    async def since(self, position: bytes) -> Glimpse:
        place = place_of(position, way=WAY, system=self._shape.name)
        if position != self._looked_at:
            await self._servers.on_first(lambda port: self._look_up(port, place))
        records = await self._records(place)
        new = [record for record in records if record.text(START) not in self._dealt]
        glimpse_of = await self._presences(new)
        newest = max((record.text(START) for record in records), default="")
        if newest > place.at:
            place = Place(root=place.root, way=WAY, at=newest)
        self._dealt.extend(record.text(START) for record in new)
        self._looked_at = place.octets
        return Glimpse(presences=glimpse_of, position=place.octets)

    async def hint(self, timeout_s: float) -> None:
        """Nothing can be told of: the time passes."""
        await asyncio.sleep(timeout_s)

    async def close(self) -> None:
        await self._servers.close()

    async def _open(self, port: Port) -> Entry:
        """The base entry; raises `Unsupported` where the log cannot be read."""
        top = await self._reader.root(port)
        if not await port.search(self._base, BASE, ANYTHING, ["1.1"]):
            text = f"{port.name} shows no {self._base}: set up the overlay accesslog"
            raise Unsupported(text, system=self._shape.name)
        return top

    async def _look_up(self, port: Port, place: Place) -> None:
        """Whether the log still reaches back to there, and is of the same directory."""
        top = await self._open(port)
        if top.text(ENTRY_UUID) != place.root:
            text = f"the position is of another directory than {port.name} holds"
            raise PositionLost(text, system=self._shape.name)
        if place.seen and not await port.search(
            self._base, SUBTREE, at_most(START, place.at), ["1.1"], limit=1
        ):
            text = f"{self._base} no longer reaches back to the position (olcAccessLogPurge)"
            raise PositionLost(text, system=self._shape.name)

    async def _records(self, place: Place) -> list[Entry]:
        at = generalized_time(place.at)
        if at is None:
            raise PositionLost("the position holds no time", system=self._shape.name)
        kinds: list[Filter] = [equals("reqType", kind) for kind in _WRITES]
        what = all_of(
            at_least(START, _time_text(at - _OVERLAP)), equals("reqResult", "0"), any_of(*kinds)
        )
        found = await self._servers.on_first(
            lambda port: port.search(self._base, SUBTREE, what, _RECORD)
        )
        return sorted(found, key=lambda record: record.text(START))

    async def _presences(self, records: Iterable[Entry]) -> tuple[Presence, ...]:
        deleted: dict[str, str] = {}
        changed: dict[str, None] = {}
        unnumbered: dict[str, None] = {}
        groups = False
        for record in records:
            dn, entry = record.text("reqDN"), record.text("reqEntryUUID")
            groups = groups or dn_key(dn) in self._reader.holding
            if not is_below(dn, self._shape.base):
                continue
            if record.text("reqType") == "delete":
                if entry:
                    deleted[entry] = dn
            elif entry:
                changed[entry] = None
            else:
                unnumbered[dn] = None
        there = [*await self._reader.read(changed), *await self._reader.by_dn(unnumbered)]
        found = {e.text(ENTRY_UUID): e for e in there}
        if groups:
            members = await self._reader.members()
            for e in await self._reader.by_dn(members):
                found.setdefault(e.text(ENTRY_UUID), e)
        gone = await self._reader.gone({i: dn for i, dn in deleted.items() if i not in found})
        return (*await self._reader.whole(found.values()), *gone)


async def _itself(port: Port) -> Port:
    """A server that answers."""
    await port.search("", BASE, ANYTHING, ["1.1"])
    return port


def _time_text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y%m%d%H%M%S.%fZ")
