# SPDX-License-Identifier: Apache-2.0
"""A search that persists: the hint that something changed, and who is deleted meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import aclosing
from typing import Final

import structlog
from anyldap.protocols import pureldap

from evict.core.errors import EvictError, SystemFault
from evict.systems.ldap import messages
from evict.systems.ldap.filters import Filter
from evict.systems.ldap.messages import SUBTREE, Malformed, search_request
from evict.systems.ldap.servers import Servers
from evict.systems.openldap import sync
from evict.systems.openldap.port import Port

log = structlog.get_logger()

_AGAIN_S: Final = 5.0


class Deletions:
    """Deletions that were told, until whoever asks has dealt with them.

    He has when he comes back with the position that was given with them, and not before: what
    could not be dealt with is offered again.
    """

    def __init__(self) -> None:
        self._told: dict[str, str] = {}
        self._offered: frozenset[str] = frozenset()
        self._offered_with = b""
        self._done: set[str] = set()

    def told(self, entry: str, dn: str) -> None:
        if entry not in self._done:
            self._told[entry] = dn

    def open(self, position: bytes) -> dict[str, str]:
        """What is to be dealt with: id -> DN, or ""."""
        if self._offered and position == self._offered_with:
            self._done |= self._offered
            self.drop(self._offered)
            self._offered = frozenset()
        return dict(self._told)

    def lives(self, entry: str) -> None:
        """It is there, again perhaps (restored under its old id)."""
        self._done.discard(entry)

    def is_done(self, entry: str) -> bool:
        return entry in self._done

    def offer(self, entries: frozenset[str], position: bytes) -> None:
        self._offered, self._offered_with = entries, position

    def drop(self, entries: frozenset[str]) -> None:
        for entry in entries:
            self._told.pop(entry, None)


class Listener:
    """Listens from the first `start` until `close`; whatever breaks is begun again."""

    def __init__(
        self, servers: Servers[Port], base: str, what: Filter, deletions: Deletions
    ) -> None:
        self._servers = servers
        self._base = base
        self._what = what
        self._deletions = deletions
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.cookie = b""
        """From where a new search goes on."""

    def start(self, cookie: bytes) -> None:
        if self._task is None or self._task.done():
            self.cookie = cookie
            self._task = asyncio.create_task(self._listen())

    async def changed(self, timeout_s: float) -> None:
        """Return at a change, or after the time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._changed.wait()
        self._changed.clear()

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _listen(self) -> None:
        while True:
            try:
                await self._servers.on_first(self._listen_at)
            except SystemFault as error:
                log.info("watch.no_hints", code=error.code)
            except EvictError:
                return
            await asyncio.sleep(_AGAIN_S)

    async def _listen_at(self, port: Port) -> None:
        """Until the server ends it."""
        connection = await port.bound()
        request = search_request(self._base, SUBTREE, self._what, ["1.1"])
        control = sync.request(sync.REFRESH_AND_PERSIST, self.cookie)
        try:
            async with aclosing(connection.stream(request, [control], wait_s=None)) as answers:
                async for answer in answers:
                    if isinstance(answer.value, pureldap.LDAPResult):
                        return
                    if isinstance(answer.value, pureldap.LDAPSearchResultEntry):
                        self._take(answer, messages.entry_of(answer.value).dn)
                    self._changed.set()
        finally:
            connection.abort()

    def _take(self, answer: pureldap.LDAPMessage, dn: str) -> None:
        with contextlib.suppress(Malformed):
            state = sync.read_state(messages.control_of(answer, sync.SYNC_STATE) or b"")
            if state.state == sync.DELETED:
                self._deletions.told(state.entry, dn)
