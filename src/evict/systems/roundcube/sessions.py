# SPDX-License-Identifier: Apache-2.0
"""The leaver's sessions: found, ended, and looked for again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from evict.config.roundcube import RoundcubeSection
from evict.core.errors import SystemFault
from evict.core.names import try_canonical, without_sub_address
from evict.systems.roundcube.database import Database, Sessions
from evict.systems.roundcube.page import LoginPage, visit

_ROUNDS: Final = 20
"""Delete and look at most so often."""
_SETTLE_S: Final = 0.7
"""Quirk: Roundcube 1.6.5 makes a deleted row anew at the end of a request that took more than 0.5 s
(rcube_session.php, get_cache). So a look follows as much later; what comes back after that one
shows in the control plane's later looks."""
_BELIEVED_S: Final = 600.0


class Ended(Struct, frozen=True, kw_only=True):
    """Attributes: `clean`: the last look saw none."""

    count: int
    clean: bool


class Storage(Struct, frozen=True, kw_only=True):
    """Whether sessions are in this database at all.

    Attributes:
        is_here: None where nobody can tell.
        page: as it was seen; None where it was not.
    """

    is_here: bool | None
    words: str
    page: LoginPage | None = None


class LeaversSessions:
    """Of one Roundcube."""

    def __init__(
        self,
        section: RoundcubeSection,
        database: Database,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._section = section
        self._database = database
        self._clock = clock
        self._storage: Storage | None = None
        self._storage_at = 0.0

    async def of(self, forms: frozenset[str]) -> tuple[list[str], Sessions]:
        """Ids of the sessions of whoever has these forms, and all that there are."""
        found = await self._database.sessions()
        return [i for i, name in found.names.items() if _belongs(name, forms)], found

    async def end(self, forms: frozenset[str]) -> Ended:
        """Delete and look until a look that began late enough sees none."""
        count = 0
        for _ in range(_ROUNDS):
            ids, _all = await self.of(forms)
            if ids:
                count += await self._database.end(ids)
            elif count == 0:
                return Ended(count=0, clean=True)
            await asyncio.sleep(_SETTLE_S)
            if not (await self.of(forms))[0]:
                return Ended(count=count, clean=True)
        return Ended(count=count, clean=False)

    async def storage(self) -> Storage:
        """Begin a session as anybody does, and see whether its row is here.

        An empty list says nothing where sessions are kept elsewhere (session_storage php, memcache
        or redis). What was seen is believed for a while.
        """
        now = self._clock()
        if self._storage is None or now - self._storage_at >= _BELIEVED_S:
            seen = await self._look()
            if seen.is_here is None:
                return seen
            self._storage, self._storage_at = seen, now
        return self._storage

    async def _look(self) -> Storage:
        try:
            page = await visit(self._section)
        except SystemFault as fault:
            words = f"whether sessions are kept in the database is not known: {fault.text}"
            return Storage(is_here=None, words=words)
        if not page.sess_id:
            words = f"the login page sets no cookie {self._section.session_cookie}"
            return Storage(is_here=None, words=f"{words}: check session_cookie", page=page)
        if await self._database.holds(page.sess_id):
            await self._database.end([page.sess_id])
            return Storage(is_here=True, words="sessions are kept in the database", page=page)
        words = "sessions are not kept in this database (session_storage): they cannot be listed"
        return Storage(is_here=False, words=words, page=page)


def _belongs(username: str, forms: frozenset[str]) -> bool:
    form = try_canonical(username)
    return form is not None and (form in forms or without_sub_address(form) in forms)
