# SPDX-License-Identifier: Apache-2.0
"""Active Directory and Samba as `systems.base.DirectoryWatch`."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Final

import structlog
from msgspec import structs

from evict.core.errors import AccessRefused, RemoteProtocolError
from evict.core.presence import Presence
from evict.systems.active_directory import reading
from evict.systems.active_directory.controls import SHOW_DELETED
from evict.systems.active_directory.port import Port
from evict.systems.active_directory.watch import position as positions
from evict.systems.active_directory.watch import ranges, records
from evict.systems.active_directory.watch.changes import Changes, since_usn, usn_of
from evict.systems.active_directory.watch.groups import chunks
from evict.systems.active_directory.watch.notification import Hints
from evict.systems.active_directory.watch.position import Position
from evict.systems.active_directory.watch.scope import Scope
from evict.systems.active_directory.watch.server import Identity
from evict.systems.active_directory.watch.sources import Source, Sources
from evict.systems.base import Glimpse, PositionLost
from evict.systems.ldap import filters
from evict.systems.ldap.messages import SUBTREE, Entry, Malformed

log = structlog.get_logger()

_STORED_EVERY_S: Final = 60.0


class ActiveDirectoryWatch:
    """See `systems.base.DirectoryWatch`. Asked by one task.

    Attributes:
        mode: `dirsync` or `usn`; "" before the first reading.
    """

    def __init__(self, ports: Sequence[Port], scope: Scope) -> None:
        self._scope = scope
        self._sources = Sources(ports, scope)
        self._system = ports[0].system
        self._unreadable: set[bytes] = set()
        self._hints = Hints()
        self._more = False
        self._ahead: tuple[bytes, Position] | None = None
        self._given_at = -math.inf
        self._said = b""
        self.mode = ""

    async def everybody(self) -> AsyncIterator[Glimpse]:
        """See `DirectoryWatch`. The position is of before the first page."""
        source, identity = await self._sources.first()
        position = await self._position(source, identity)
        base = identity.domain.naming_context
        readable = 0
        for unit in self._scope.bases:
            async for page in source.server.pages(unit, reading.PEOPLE, records.ATTRIBUTES):
                presences = await self._presences(source, identity, page)
                readable += len(presences)
                if presences:
                    yield Glimpse(presences=presences)
        if not readable:
            raise AccessRefused(
                f"not one account can be read below {', '.join(self._scope.bases)}: no right to"
                " read, or not the right base_dn",
                system=self._system,
            )
        pages = source.server.pages(base, records.TOMBSTONES, records.ATTRIBUTES, [SHOW_DELETED])
        async for page in pages:
            presences = await self._presences(source, identity, page)
            if presences:
                yield Glimpse(presences=presences)
        self.mode = position.kind
        yield Glimpse(presences=(), position=positions.encode(position))

    async def since(self, position: bytes) -> Glimpse:
        """See `DirectoryWatch`. Of many changes the first part; `hint` returns at once then."""
        held = self._held(position)
        said, self._said = self._said, b""
        source, identity = await self._sources.bound(held)
        self.mode = held.kind
        source.leavers.settle(taken=position == said)
        if held.kind == "usn":
            changes = await since_usn(source.server, identity.domain.naming_context, held)
        else:
            changes = await source.dirsync.since(held)
        self._more = changes.more
        self._hints.listen(source.server.port, identity.domain.naming_context)
        presences: tuple[Presence, ...] = ()
        if changes.changed:
            presences = await self._changed(source, identity, changes)
        self._said = await self._given(source, position, changes.position, new=bool(presences))
        return Glimpse(presences=presences, position=self._said)

    def _held(self, position: bytes) -> Position:
        """What it stands for, or what came of it meanwhile. Raises `PositionLost`."""
        if self._ahead is not None and self._ahead[0] == position:
            return self._ahead[1]
        held = positions.decode(position, self._system)
        if held.scope != self._scope.mark:
            raise PositionLost("something else is watched now", system=self._system)
        return held

    async def _given(self, source: Source, asked: bytes, reached: Position, *, new: bool) -> bytes:
        """The same position where nothing was seen, so that nothing has to be stored.

        Each sign-in moves a domain's update numbers: we go on from the newest, and give that out
        with the next change, or after a while.
        """
        now = asyncio.get_running_loop().time()
        if new or now - self._given_at >= _STORED_EVERY_S:
            self._given_at, self._ahead = now, None
            if reached.kind == "dirsync":
                reached = structs.replace(reached, usn=await usn_of(source.server))
            return positions.encode(reached)
        self._ahead = (asked, reached)
        return asked

    async def hint(self, timeout_s: float) -> None:
        """See `DirectoryWatch`."""
        if not self._more:
            await self._hints.wait(timeout_s)

    async def close(self) -> None:
        """See `DirectoryWatch`."""
        await self._hints.close()
        await self._sources.close()

    async def _position(self, source: Source, identity: Identity) -> Position:
        """Of now; by update numbers where DirSync is refused."""
        held = Position(
            kind="usn",
            invocation=identity.invocation,
            host=identity.host or source.server.port.name,
            domain=identity.domain.sid.hex(),
            scope=self._scope.mark,
            usn=await usn_of(source.server),
        )
        synced = await source.dirsync.now(held)
        if synced is None:
            log.warning("watch.dirsync_refused", server=source.server.port.name, instead="uSN")
        return synced or held

    # --- reading ---
    async def _changed(
        self, source: Source, identity: Identity, changes: Changes
    ) -> tuple[Presence, ...]:
        """Whole records of whatever changed, and of whoever came into a leavers' group or went."""
        found = changes.changed
        if not changes.whole:
            found = await self._read(source, identity, found) if found else {}
        changed_groups = [guid for guid, entry in found.items() if records.is_group(entry)]
        if changed_groups:
            source.groups.forget()
            moved = await source.leavers.moved(changed_groups)
            again = [guid for guid in moved if guid not in found]
            found = found | await self._read(source, identity, again)
        return await self._presences(source, identity, list(found.values()))

    async def _read(
        self, source: Source, identity: Identity, guids: Iterable[bytes]
    ) -> dict[bytes, Entry]:
        """Whole records, tombstones too, many with one search."""
        found: dict[bytes, Entry] = {}
        for some in chunks(guids):
            what = filters.any_of(*(filters.equals("objectGUID", guid) for guid in some))
            entries = await source.server.search(
                identity.domain.naming_context,
                SUBTREE,
                what,
                records.ATTRIBUTES,
                [SHOW_DELETED],
            )
            found |= {entry.raw("objectGUID"): entry for entry in entries}
        return found

    async def _presences(
        self, source: Source, identity: Identity, entries: Sequence[Entry]
    ) -> tuple[Presence, ...]:
        people = [
            await ranges.complete(source.server, entry)
            for entry in entries
            if records.is_person(entry) and self._watched(entry)
        ]
        whole = [entry for entry in people if records.is_whole(entry)]
        self._say_unreadable(people, whole)
        try:
            groups = await source.groups.of(whole)
            return tuple(
                records.presence_of(entry, identity.domain, directory=self._system, groups=held)
                for entry, held in zip(whole, groups, strict=True)
            )
        except (Malformed, ValueError) as error:
            raise RemoteProtocolError(
                f"{source.server.port.name} shows an account wrongly: {error}", system=self._system
            ) from error

    def _watched(self, entry: Entry) -> bool:
        """A tombstone that lost its place is shown: only its id counts."""
        dn = records.where(entry)
        return self._scope.holds(dn) if dn else True

    def _say_unreadable(self, people: Sequence[Entry], whole: Sequence[Entry]) -> None:
        """Somebody who cannot be read is not known to have left, nor to be there."""
        if len(people) == len(whole):
            return
        unreadable = {e.raw("objectGUID") for e in people if not records.is_whole(e)}
        for guid in sorted(unreadable - self._unreadable):
            name = reading.guid_text(guid) if guid else "without objectGUID"
            log.warning("watch.account_unreadable", account=name)
        self._unreadable |= unreadable
