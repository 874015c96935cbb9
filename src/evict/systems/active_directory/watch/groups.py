# SPDX-License-Identifier: Apache-2.0
"""Memberships: of accounts, nested and kept between questions; and who the leavers' groups hold."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, TypeVar

import structlog
from msgspec import Struct

from evict.core.dn import dn_key
from evict.systems.active_directory import reading
from evict.systems.active_directory.controllers import sid_below
from evict.systems.active_directory.watch.records import GROUPS
from evict.systems.active_directory.watch.server import Server
from evict.systems.ldap import filters
from evict.systems.ldap.filters import Filter
from evict.systems.ldap.messages import SUBTREE, Entry

log = structlog.get_logger()

CHUNK: Final = 200
"""Names in one search; a domain controller answers up to a thousand entries at once."""
_COMBINATIONS: Final = 20_000
_T = TypeVar("_T")


def chunks(items: Iterable[_T], size: int = CHUNK) -> Iterator[list[_T]]:
    source = iter(items)
    while part := list(islice(source, size)):
        yield part


class GroupTree:
    """What each group is a member of, until a group changes."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._outer: dict[str, tuple[str, tuple[str, ...]]] = {}
        self._primary: dict[int, str] = {}
        self._above: dict[tuple[str, ...], tuple[str, ...]] = {}

    def forget(self) -> None:
        self._outer.clear()
        self._primary.clear()
        self._above.clear()

    async def of(self, entries: Sequence[Entry]) -> list[tuple[str, ...]]:
        """Of each account all groups, as `reading.groups_of` gives them; read in bulk."""
        await self._learn_primary({e.number("primaryGroupID") for e in entries} - {0})
        direct = [self._direct(entry) for entry in entries]
        await self._learn({dn for group in direct for dn in group})
        return [self._all(group) for group in direct]

    def _direct(self, entry: Entry) -> tuple[str, ...]:
        primary = self._primary.get(entry.number("primaryGroupID"), "")
        return tuple(sorted({*entry.texts("memberOf"), primary} - {""}))

    def _all(self, direct: tuple[str, ...]) -> tuple[str, ...]:
        known = self._above.get(direct)
        if known is None:
            found: dict[str, str] = {}
            waiting = list(direct)
            while waiting:
                dn = waiting.pop()
                if dn_key(dn) not in found:
                    name, outer = self._outer.get(dn_key(dn), (dn, ()))
                    found[dn_key(dn)] = name
                    waiting += outer
            known = tuple(sorted(found.values()))
            if len(self._above) < _COMBINATIONS:
                self._above[direct] = known
        return known

    async def _learn(self, wanted: set[str]) -> None:
        level = {dn for dn in wanted if dn_key(dn) not in self._outer}
        while level:
            for some in chunks(sorted(level)):
                what = filters.any_of(*(filters.equals("distinguishedName", dn) for dn in some))
                for group in await self._find(what, ["memberOf"]):
                    self._outer[dn_key(group.dn)] = (group.dn, group.texts("memberOf"))
            for dn in level:
                self._outer.setdefault(dn_key(dn), (dn, ()))
            outers = {dn for at in level for dn in self._outer[dn_key(at)][1]}
            level = {dn for dn in outers if dn_key(dn) not in self._outer}

    async def _learn_primary(self, rids: set[int]) -> None:
        for rid in rids - self._primary.keys():
            sid = sid_below((await self._server.identity()).domain.sid, rid)
            found = await self._find(filters.equals("objectSid", sid), ["memberOf"])
            self._primary[rid] = found[0].dn if found else ""

    async def _find(self, what: Filter, attributes: Sequence[str]) -> list[Entry]:
        base = (await self._server.identity()).domain.naming_context
        return await self._server.search(base, SUBTREE, what, attributes)


class _Held(Struct, frozen=True, kw_only=True):
    """The leavers' groups with those inside them, and their members, by objectGUID."""

    groups: frozenset[bytes]
    members: frozenset[bytes]


class LeaversGroups:
    """Whose membership in a leavers' group may have changed when a group changed.

    What was said counts as known only once it was dealt with (`settle`): until then it is said
    again to whoever asks again.
    """

    def __init__(self, server: Server, groups: Sequence[str]) -> None:
        self._server = server
        self._groups = groups
        self._known: _Held | None = None
        self._next: _Held | None = None
        self._missing: set[str] = set()

    def settle(self, *, taken: bool) -> None:
        """What was said last was dealt with, or was not."""
        if taken and self._next is not None:
            self._known = self._next
        self._next = None

    async def moved(self, changed: Collection[bytes]) -> list[bytes]:
        """Accounts (objectGUID) that came or went.

        Args:
            changed: objectGUIDs of groups that changed, deleted ones included.
        """
        if not self._groups or not changed:
            return []
        inside = await self._inside()
        known, groups = self._known, frozenset(inside.values())
        if known is not None and not (known.groups | groups).intersection(changed):
            return []
        held = self._next = _Held(groups=groups, members=await self._people(inside))
        return sorted(held.members if known is None else held.members ^ known.members)

    async def _inside(self) -> dict[str, bytes]:
        """The groups themselves and all that are in them, by DN -> objectGUID."""
        named = [filters.equals("distinguishedName", dn) for dn in self._groups]
        found = await self._read(filters.all_of(GROUPS, filters.any_of(*named)))
        self._say_missing({dn_key(dn) for dn in found})
        level = list(found)
        while level:
            inner: dict[str, bytes] = {}
            for some in chunks(level):
                held = filters.any_of(*(filters.equals("memberOf", dn) for dn in some))
                inner |= await self._read(filters.all_of(GROUPS, held))
            level = [dn for dn in inner if dn not in found]
            found |= inner
        return found

    async def _people(self, closure: Collection[str]) -> frozenset[bytes]:
        members: set[bytes] = set()
        for some in chunks(closure):
            held = filters.any_of(*(filters.equals("memberOf", dn) for dn in some))
            members |= set((await self._read(filters.all_of(reading.PEOPLE, held))).values())
        return frozenset(members)

    async def _read(self, what: Filter) -> dict[str, bytes]:
        base = (await self._server.identity()).domain.naming_context
        found: dict[str, bytes] = {}
        async for page in self._server.pages(base, what, ["objectGUID"]):
            found |= {entry.dn: entry.raw("objectGUID") for entry in page}
        return found

    def _say_missing(self, found: set[str]) -> None:
        missing = {dn for dn in self._groups if dn_key(dn) not in found}
        for dn in sorted(missing - self._missing):
            log.warning("watch.leavers_group_missing", group=dn)
        self._missing = missing
