# SPDX-License-Identifier: Apache-2.0
"""The watch by Content Synchronization (overlay syncprov): asked for changes, told that there are.

A refresh tells what changed since a cookie; a search that persists beside it tells at once that
something did, and who is deleted. What a refresh says of deletions is taken only where the access
log has them too.

Spec: RFC 4533. Quirk: slapd's cookie is `rid=...,csn=...;...`, one CSN for each server that takes
writes; a CSN newer than its own is refused, and one of a server it does not know is passed over.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from functools import partial
from typing import Final

import structlog
from anyldap.protocols import pureldap
from msgspec import Struct

from evict.config.watch import WatchSection
from evict.core.dn import dn_key
from evict.core.errors import RemoteProtocolError, Unreachable, Unsupported
from evict.core.presence import Presence
from evict.systems.base import Glimpse, PositionLost
from evict.systems.ldap import messages
from evict.systems.ldap.connection import Connection, final
from evict.systems.ldap.filters import Filter, any_of, equals
from evict.systems.ldap.messages import SUBTREE, Entry, Malformed, search_request
from evict.systems.ldap.servers import Servers
from evict.systems.openldap import sync
from evict.systems.openldap.persisting import Deletions, Listener
from evict.systems.openldap.port import Port, fault
from evict.systems.openldap.reading import ENTRY_UUID, Shape
from evict.systems.openldap.refreshing import Gone, Item, Refresh, csns
from evict.systems.openldap.watching import CSN, Place, Reader, place_of

log = structlog.get_logger()

WAY: Final = "syncrepl"
_PAGE: Final = 500
_PATIENCE_S: Final = 600.0
"""How long a server may be behind the position before that is given up (one set back, say)."""


class Asking(Struct, frozen=True, kw_only=True):
    """A connection to one server.

    Attributes:
        root: entryUUID of the base entry that it holds.
        writers: ids of the servers whose changes it has.
    """

    port: Port
    connection: Connection
    root: str
    writers: frozenset[str]


class SyncreplWatch:
    """See `systems.base.DirectoryWatch`."""

    def __init__(self, servers: Servers[Port], shape: Shape, rules: WatchSection) -> None:
        self._servers = servers
        self._shape = shape
        self._reader = Reader(servers, shape, rules)
        member = (shape.settings.group_member,) if rules.leavers_groups else ()
        self._attributes = (*shape.attributes, "objectClass", *member)
        self._asking: Asking | None = None
        self._behind_since: float | None = None
        self._deletions = Deletions()
        self._listener = Listener(servers, shape.base, self._what(), self._deletions)

    def _what(self) -> Filter:
        """People, and the groups whose members have left: these change, so it does too."""
        groups = [equals("entryDN", dn) for dn in sorted(self._reader.holding)]
        return any_of(self._shape.people, *groups) if groups else self._shape.people

    async def everybody(self) -> AsyncIterator[Glimpse]:
        """A refresh without a cookie, over a connection of its own; slapd gives no pages of it."""
        members = await self._reader.members()
        asking = await self._servers.on_first(self._open)
        port, connection = asking.port, asking.connection
        page: list[Entry] = []
        seen = 0
        done = sync.Done()
        try:
            async with aclosing(self._refresh(port, connection, b"")) as items:
                async for item in items:
                    if isinstance(item, sync.Done):
                        done = item
                    elif isinstance(item, Entry) and self._is_person(item):
                        page.append(item)
                    if len(page) >= _PAGE:
                        seen += len(page)
                        yield Glimpse(presences=self._reader.presences(page, members))
                        page = []
        finally:
            connection.abort()
        seen += len(page)
        if not seen:
            text = f"{port.name} shows nobody below {self._shape.base}"
            raise RemoteProtocolError(text, system=self._shape.name)
        place = Place(root=asking.root, way=WAY, at=self._checked_cookie(port, done.cookie))
        # Who joined while it was read: the position is of after it, and tells of it no more.
        late = (await self._reader.members()).keys() - members.keys()
        joined = await self._reader.whole(await self._reader.by_dn(late))
        last = (*self._reader.presences(page, members), *joined)
        yield Glimpse(presences=last, position=place.octets)

    async def since(self, position: bytes) -> Glimpse:
        place = place_of(position, way=WAY, system=self._shape.name)
        if self._asking is None:
            self._asking = await self._open_at(place)
        asking = self._asking
        port, connection = asking.port, asking.connection
        self._listener.start(place.at.encode())
        told = Refresh()
        try:
            self._look_whether_taken(asking, place)
            async with aclosing(self._refresh(port, connection, place.at.encode())) as items:
                async for item in items:
                    told.add(item)
        except BaseException:
            self._asking = None
            connection.abort()
            raise
        if told.guessing:
            log.warning("watch.deletions_untold", server=port.name, remedy="olcSpSessionlog")
        at = self._checked_cookie(port, told.cookie) if told.cookie else place.at
        self._listener.cookie = at.encode()
        gone = await self._gone(told, self._deletions.open(position))
        deletions = place.deletions + bool(gone)
        moved = Place(root=asking.root, way=WAY, at=at, deletions=deletions).octets
        self._deletions.offer(frozenset(p.account.id for p in gone), moved)
        return Glimpse(presences=(*await self._living(told), *gone), position=moved)

    async def _living(self, told: Refresh) -> list[Presence]:
        people = {e.text(ENTRY_UUID): e for e in told.entries if self._is_person(e)}
        for entry_id in people:
            self._deletions.lives(entry_id)
        if any(dn_key(entry.dn) in self._reader.holding for entry in told.entries):
            members = await self._reader.members()
            for entry in await self._reader.by_dn(members):
                people.setdefault(entry.text(ENTRY_UUID), entry)
        return await self._reader.whole(people.values())

    async def _gone(self, told: Refresh, persistent: dict[str, str]) -> list[Presence]:
        """Whose deletion was told by the search that persists, or stands in the access log."""
        unproven = [
            entry
            for entry in told.deleted
            if entry not in persistent and not self._deletions.is_done(entry)
        ]
        said = await self._reader.logged(unproven) | persistent
        gone = await self._reader.gone(said)
        self._deletions.drop(frozenset(said) - {p.account.id for p in gone})
        return gone

    async def hint(self, timeout_s: float) -> None:
        await self._listener.changed(timeout_s)

    async def close(self) -> None:
        await self._listener.close()
        if self._asking is not None:
            await self._asking.connection.close()
            self._asking = None
        await self._servers.close()

    async def _open_at(self, place: Place) -> Asking:
        """At a server that is as far as the position: one that is behind would show what was."""
        try:
            asking = await self._servers.on_first(partial(self._open, place=place))
        except Unreachable:
            now = asyncio.get_running_loop().time()
            if self._behind_since is not None and now - self._behind_since > _PATIENCE_S:
                text = "every server that answers is behind the position"
                raise PositionLost(text, system=self._shape.name) from None
            raise
        self._behind_since = None
        return asking

    async def _open(self, port: Port, place: Place | None = None) -> Asking:
        """Bound, at a server that holds the right base and offers the control."""
        top = await self._reader.root(port)
        if not top.texts(CSN):
            text = (
                f"{port.name} shows no {CSN} at {self._shape.base}: set up the overlay syncprov,"
                " or set directory.openldap.watch_by to accesslog"
            )
            raise Unsupported(text, system=self._shape.name)
        root, has = top.text(ENTRY_UUID), csns(" ".join(top.texts(CSN)))
        if place is not None and place.root == root:
            behind = [sid for sid, csn in csns(place.at).items() if has.get(sid, csn) < csn]
            if behind:
                if self._behind_since is None:
                    self._behind_since = asyncio.get_running_loop().time()
                text = f"{port.name} is behind what was seen before"
                raise Unreachable(text, system=self._shape.name)
        return Asking(port=port, connection=await port.bound(), root=root, writers=frozenset(has))

    def _look_whether_taken(self, asking: Asking, place: Place) -> None:
        """Slapd passes over a CSN of a server that it does not know: we do not."""
        if place.root != asking.root:
            text = f"the position is of another directory than {asking.port.name} holds"
            raise PositionLost(text, system=self._shape.name)
        if csns(place.at).keys() - asking.writers:
            text = f"{asking.port.name} knows nothing of the server that the position is of"
            raise PositionLost(text, system=self._shape.name)

    async def _refresh(
        self, port: Port, connection: Connection, cookie: bytes
    ) -> AsyncGenerator[Item, None]:
        """Everything a refresh says, its end last: nothing counts before the end came."""
        request = search_request(self._shape.base, SUBTREE, self._what(), self._attributes)
        control = sync.request(sync.REFRESH_ONLY, cookie)
        wait_s = port.target.timeouts.answer_s
        async with aclosing(connection.stream(request, [control], wait_s=wait_s)) as answers:
            async for answer in answers:
                if isinstance(answer.value, pureldap.LDAPResult):
                    yield self._ended(port, answer)
                    return
                for item in self._item(port, answer):
                    yield item

    def _item(self, port: Port, answer: pureldap.LDAPMessage) -> list[Entry | Gone | sync.Info]:
        """Raises `RemoteProtocolError` for a referral, and for what is not understood."""
        value = answer.value
        try:
            if isinstance(value, pureldap.LDAPIntermediateResponse):
                ours = value.responseName == sync.SYNC_INFO
                return [sync.read_info(value.responseValue or b"")] if ours else []
            if isinstance(value, pureldap.LDAPSearchResultEntry):
                state = sync.read_state(messages.control_of(answer, sync.SYNC_STATE) or b"")
                return self._entry(messages.entry_of(value), state)
        except Malformed as error:
            text = f"{port.name} sent {error}"
            raise RemoteProtocolError(text, system=self._shape.name) from error
        text = f"{port.name} refers elsewhere for a part of the answer"
        raise RemoteProtocolError(text, system=self._shape.name)

    def _entry(self, entry: Entry, state: sync.State) -> list[Entry | Gone | sync.Info]:
        self._reader.checked(entry)
        if state.state == sync.DELETED:
            return [Gone(entry=state.entry, dn=entry.dn)]
        if self._is_person(entry) and entry.text(ENTRY_UUID) != state.entry:
            raise Malformed("an entry of another id than its sync state")
        return [entry] if state.state != sync.PRESENT else []

    def _ended(self, port: Port, answer: pureldap.LDAPMessage) -> sync.Done:
        result = final([answer])
        lost = (messages.REFRESH_REQUIRED, messages.UNWILLING_TO_PERFORM)
        if result.code in lost:
            # "consumer state is newer than provider", or a cookie that slapd does not take up.
            text = f"{port.name} does not take up there ({result.said})"
            raise PositionLost(text, system=self._shape.name)
        if result.code != messages.SUCCESS:
            raise fault(result, system=self._shape.name, doing=f"watch {self._shape.base}")
        value = messages.control_of(answer, sync.SYNC_DONE)
        try:
            return sync.read_done(value) if value else sync.Done()
        except Malformed as error:
            text = f"{port.name} sent {error}"
            raise RemoteProtocolError(text, system=self._shape.name) from error

    def _checked_cookie(self, port: Port, cookie: bytes) -> str:
        text = cookie.decode("ascii", "replace")
        if not csns(text):
            reason = f"{port.name} ended a refresh without a cookie that has a CSN"
            raise RemoteProtocolError(reason, system=self._shape.name)
        return text

    def _is_person(self, entry: Entry) -> bool:
        classes = {value.lower() for value in entry.texts("objectClass")}
        settings = self._shape.settings
        return settings.people_class.lower() in classes and bool(entry.text(settings.uid))
