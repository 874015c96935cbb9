# SPDX-License-Identifier: Apache-2.0
"""What changed since a position: by DirSync, or by update numbers where that is refused."""

from __future__ import annotations

import asyncio
from typing import Final

from msgspec import Struct, structs

from evict.core.errors import RemoteProtocolError
from evict.systems.active_directory import controls
from evict.systems.active_directory.watch import dirsync
from evict.systems.active_directory.watch.dirsync import Synced
from evict.systems.active_directory.watch.position import Position
from evict.systems.active_directory.watch.records import ANYBODY, ATTRIBUTES, WATCHED
from evict.systems.active_directory.watch.server import Server
from evict.systems.active_directory.watch.talk import Found, Question, question
from evict.systems.base import PositionLost
from evict.systems.ldap import filters, messages
from evict.systems.ldap.filters import ANYTHING, Filter
from evict.systems.ldap.messages import BASE, SUBTREE, Entry, Malformed

PROTOCOL_ERROR: Final = 2
UNAVAILABLE_CRITICAL_EXTENSION: Final = 12
_NO_DIRSYNC: Final = frozenset(
    {
        PROTOCOL_ERROR,
        UNAVAILABLE_CRITICAL_EXTENSION,
        messages.INSUFFICIENT_ACCESS_RIGHTS,
        messages.UNWILLING_TO_PERFORM,
    }
)
"""Answers to a DirSync that is not taken: the cookie, or the control, or who asks."""
_NOBODY: Final = filters.all_of(ANYBODY, filters.equals("objectGUID", bytes(16)))
_LONGEST: Final = 10_000
_ASKED_EVERY_S: Final = 5.0
"""However still the update numbers stand."""
_REST: Final = 1.0
_SLOW_S: Final = 0.1


class Changes(Struct, frozen=True, kw_only=True):
    """One answer.

    Attributes:
        changed: objectGUID -> what was shown of it, the order kept; only what changed, with
            DirSync, and the whole record otherwise.
        whole: whether these are whole records.
        more: there is more at once.
    """

    changed: dict[bytes, Entry]
    position: Position
    whole: bool
    more: bool = False


class DirSync:
    """Asks one server, and only where its update numbers moved.

    Quirk: Samba 4.17 has no index over update numbers: a DirSync looks at every account and every
    tombstone, 7 us each. So a server that is slow with it is given as long to rest.
    """

    def __init__(self, server: Server, naming_context: str) -> None:
        self._server = server
        self._base = naming_context
        self._asked: tuple[bytes, Question] | None = None
        self._quiet: tuple[bytes, int] | None = None
        self._asked_at = 0.0
        self._rest_until = 0.0

    async def since(self, held: Position) -> Changes:
        """Raises `PositionLost` where the cookie is not taken, or the server was restored."""
        usn = await usn_of(self._server)
        require_not_fallen(self._server, usn, held)
        began = asyncio.get_running_loop().time()
        if self._is_quiet(held.cookie, usn, began):
            return Changes(changed={}, position=held, whole=False)
        changes = await self._since(held)
        ended = asyncio.get_running_loop().time()
        self._quiet = None
        if not changes.changed and not changes.more:
            self._quiet = (changes.position.cookie, usn)
            took = ended - began
            self._asked_at = ended
            self._rest_until = ended + _REST * took if took > _SLOW_S else 0.0
        return changes

    def _is_quiet(self, cookie: bytes, usn: int, now: float) -> bool:
        if self._quiet is None or self._quiet[0] != cookie:
            return False
        same = usn == self._quiet[1] and now - self._asked_at < _ASKED_EVERY_S
        return same or now < self._rest_until

    async def _since(self, held: Position) -> Changes:
        if self._asked is None or self._asked[0] != held.cookie:
            self._asked = (held.cookie, self._question(ANYBODY, held.cookie))
        found = await self._server.ask(self._asked[1])
        result = found.done.result
        if result.code in _NO_DIRSYNC:
            why = f"the directory does not take up at the position ({result.code}, {result.text})"
            raise PositionLost(why, system=self._server.system)
        synced = self._synced(found)
        changed = {entry.raw("objectGUID"): entry for entry in found.entries}
        if b"" in changed:
            raise RemoteProtocolError(
                "an object changed whose objectGUID is not shown", system=self._server.system
            )
        position = held
        if synced.cookie != held.cookie:
            position = structs.replace(held, cookie=synced.cookie)
        return Changes(changed=changed, position=position, whole=False, more=synced.more)

    async def now(self, held: Position) -> Position | None:
        """A cookie of now, without the objects; None where DirSync is refused."""
        cookie = b""
        for _ in range(_LONGEST):
            found = await self._server.ask(self._question(_NOBODY, cookie))
            if found.done.result.code in _NO_DIRSYNC:
                return None
            synced = self._synced(found)
            cookie = synced.cookie
            if not synced.more:
                return structs.replace(held, kind="dirsync", cookie=cookie)
        raise RemoteProtocolError("DirSync without end", system=self._server.system)

    def _question(self, what: Filter, cookie: bytes) -> Question:
        controls = [dirsync.control(cookie)]
        return question(self._base, SUBTREE, what, ["objectGUID", *WATCHED], controls)

    def _synced(self, found: Found) -> Synced:
        self._server.require_whole(
            structs.replace(found, referred=False), "read what changed (DirSync)"
        )
        try:
            return dirsync.answer(found.done.controls.get(dirsync.OID, b""))
        except Malformed as error:
            text = f"{self._server.port.name} sent {error}"
            raise RemoteProtocolError(text, system=self._server.system) from error


async def usn_of(server: Server) -> int:
    """The highest update number that was given out (MS-ADTS 3.1.1.3.2.19)."""
    tops = await server.search("", BASE, ANYTHING, ["highestCommittedUSN"])
    return server.number(tops[0] if tops else Entry(dn="", attributes={}), "highestCommittedUSN")


def require_not_fallen(server: Server, usn: int, held: Position) -> None:
    """Raises `PositionLost`."""
    if usn < held.usn:
        why = f"the update numbers of {held.host} fell: it was restored"
        raise PositionLost(why, system=server.system)


async def since_usn(server: Server, naming_context: str, held: Position) -> Changes:
    """By uSNChanged. The next position is what stood before the search: nothing is skipped."""
    now = await usn_of(server)
    require_not_fallen(server, now, held)
    changed: dict[bytes, Entry] = {}
    if now > held.usn:
        newer = filters.at_least("uSNChanged", str(held.usn + 1))
        what = filters.all_of(newer, ANYBODY)
        async for page in server.pages(naming_context, what, ATTRIBUTES, [controls.SHOW_DELETED]):
            changed |= {entry.raw("objectGUID"): entry for entry in page}
    changed.pop(b"", None)
    position = held if now == held.usn else structs.replace(held, usn=now)
    return Changes(changed=changed, position=position, whole=True)
