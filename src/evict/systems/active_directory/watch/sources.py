# SPDX-License-Identifier: Apache-2.0
"""The controllers of a watch, and which of them is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final

import structlog

from evict.core.errors import RemoteProtocolError, Unreachable
from evict.systems.active_directory.port import Port
from evict.systems.active_directory.watch.changes import DirSync
from evict.systems.active_directory.watch.groups import GroupTree, LeaversGroups
from evict.systems.active_directory.watch.position import Position
from evict.systems.active_directory.watch.scope import Scope
from evict.systems.active_directory.watch.server import Identity, Server
from evict.systems.base import PositionLost

log = structlog.get_logger()

_GIVEN_UP_S: Final = 15.0
"""A controller that cannot be reached for so long is left for another, with a full comparison."""


class Source:
    """One controller, and what was learned of it over its present connection."""

    def __init__(self, port: Port, scope: Scope) -> None:
        self.server = Server(port)
        self.groups = GroupTree(self.server)
        self.leavers = LeaversGroups(self.server, scope.groups)
        self._scope = scope
        self._known: Identity | None = None
        self._dirsync: DirSync | None = None

    async def identity(self) -> Identity:
        identity = await self.server.identity()
        if identity is not self._known:
            if not self._scope.fits(identity.domain.naming_context):
                raise RemoteProtocolError(
                    f"{self.server.port.name} is a controller of"
                    f" {identity.domain.naming_context}, where base_dn, leavers_units and"
                    " leavers_groups do not all lie",
                    system=self.server.system,
                )
            self._known = identity
            self._dirsync = DirSync(self.server, identity.domain.naming_context)
            self.groups.forget()
            if not identity.sees_deleted:
                log.warning("watch.deletions_not_shown", server=self.server.port.name)
        return identity

    @property
    def dirsync(self) -> DirSync:
        if self._dirsync is None:
            raise TypeError("who answers is asked first")
        return self._dirsync


class Sources:
    """One domain's. A position is of one of them; only that one can take it up."""

    def __init__(self, ports: Sequence[Port], scope: Scope) -> None:
        self._sources = tuple(Source(port, scope) for port in ports)
        self._system = ports[0].system
        self._preferred = 0
        self._domain: bytes | None = None
        self._unseen_since: float | None = None

    async def first(self) -> tuple[Source, Identity]:
        """The first controller that answers. Raises `Unreachable` with the reason of each."""
        reasons: list[str] = []
        for index in self._order():
            source = self._sources[index]
            try:
                identity = await source.identity()
            except Unreachable as error:
                reasons.append(error.text)
                continue
            self._require_domain(source, identity, self._domain)
            self._preferred = index
            return source, identity
        raise Unreachable("; ".join(reasons), system=self._system)

    async def bound(self, held: Position) -> tuple[Source, Identity]:
        """The controller that gave the position.

        Raises:
            PositionLost: it is none of them, or was out of reach for too long.
        """
        reasons: list[str] = []
        others = False
        for index in self._order():
            source = self._sources[index]
            try:
                identity = await source.identity()
            except Unreachable as error:
                reasons.append(error.text)
                continue
            self._require_domain(source, identity, bytes.fromhex(held.domain))
            if identity.invocation != held.invocation:
                others = True
                continue
            self._preferred, self._unseen_since = index, None
            return source, identity
        if not others:
            raise Unreachable("; ".join(reasons), system=self._system)
        if reasons and not self._gone():
            raise Unreachable(
                f"{held.host}, where the watch goes on: {'; '.join(reasons)}", system=self._system
            )
        self._unseen_since = None
        raise PositionLost(f"the position is of {held.host}", system=self._system)

    def _gone(self) -> bool:
        now = asyncio.get_running_loop().time()
        if self._unseen_since is None:
            self._unseen_since = now
        return now - self._unseen_since >= _GIVEN_UP_S

    def _order(self) -> Iterable[int]:
        count = len(self._sources)
        return ((self._preferred + step) % count for step in range(count))

    def _require_domain(self, source: Source, identity: Identity, sid: bytes | None) -> None:
        """Another domain is no lost position: what it shows may not be compared with anything."""
        if sid is not None and sid != identity.domain.sid:
            raise RemoteProtocolError(
                f"{source.server.port.name} is of another domain than before", system=self._system
            )
        self._domain = identity.domain.sid

    async def close(self) -> None:
        for source in self._sources:
            await source.server.close()
