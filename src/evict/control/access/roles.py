# SPDX-License-Identifier: Apache-2.0
"""Who asks, and which request needs which role."""

from __future__ import annotations

import asyncio
import grp
import os
import pwd
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import structlog
from msgspec import Struct

from evict.config.access import AccessSection
from evict.control import api
from evict.control.access.tokens import Tokens
from evict.control.audit.record import Note, Record, Result
from evict.core.access import Asker, Role
from evict.core.errors import AuditNotWritten, NotAllowed
from evict.core.secret import Secret

log = structlog.get_logger()

_CACHED_S: Final = 10.0
"""How long a user's groups are taken for known: somebody put out of one is out after it."""
_PATIENCE_S: Final = 5.0
"""Without an answer of the system's database nobody has a role but root and the service."""
_MOST_CACHED: Final = 1024
_QUIET_S: Final = 60.0
"""A refused token is noted once in it for each place it came from: a log is easily filled."""

_ANY: Final = frozenset(Role)
"""Who has a role at all may look. A dry run is a look."""
_NEEDS: Final[dict[str, frozenset[Role]]] = {
    "Revoke": frozenset({Role.OPERATOR}),
    "Reinstate": frozenset({Role.APPROVER}),
    "Look": _ANY,
    "Watch": _ANY,
    "HeldCall": _ANY,
    "Approve": frozenset({Role.APPROVER}),
    "Dismiss": frozenset({Role.APPROVER}),
    "Batch": frozenset({Role.OPERATOR}),
    "ScheduleList": _ANY,
    "ScheduleCancel": frozenset({Role.OPERATOR}),
    "ScheduleMove": frozenset({Role.OPERATOR}),
    "Reload": frozenset({Role.ADMINISTRATOR}),
    "NotifyTest": frozenset({Role.ADMINISTRATOR}),
    "LedgerCall:verify": frozenset({Role.AUDITOR}),
    "LedgerCall:show": frozenset({Role.AUDITOR}),
    "TokenCreate": frozenset({Role.ADMINISTRATOR}),
    "TokenList": frozenset({Role.ADMINISTRATOR}),
    "TokenRevoke": frozenset({Role.ADMINISTRATOR}),
    "AuditCall": frozenset({Role.AUDITOR}),
}
_ADMINISTRATOR: Final = frozenset({Role.ADMINISTRATOR})


def needed(request: api.Request) -> frozenset[Role]:
    """The roles of which one is needed; what stands in no table is an administrator's."""
    if getattr(request, "dry_run", False):
        return _ANY
    kind = type(request).__name__
    exact = _NEEDS.get(f"{kind}:{getattr(request, 'what', '')}")
    return exact or _NEEDS.get(kind, _ADMINISTRATOR)


def refuse(request: api.Request, asker: Asker) -> None:
    """Raise `NotAllowed` where the asker's roles do not suffice."""
    roles = needed(request)
    if asker.has(*roles):
        return
    wanted = "any role" if roles == _ANY else f"the role {_words(roles)}"
    has = f"has only {_words(asker.roles)}" if asker.roles else "has no role"
    hint = "" if asker.name.startswith("token:") else " (see [access] in evict.toml)"
    raise NotAllowed(f"{asker.name} may not do this: it needs {wanted}, and {has}{hint}")


def _words(roles: frozenset[Role]) -> str:
    return " or ".join(str(role) for role in Role if role in roles)


class _Known(Struct, frozen=True, kw_only=True):
    asker: Asker
    until: float


class Access:
    """Tells who is at the other end of a socket, and whose a token is.

    Args:
        section: gives the lists that are in force.
    """

    def __init__(
        self,
        section: Callable[[], AccessSection],
        tokens: Tokens,
        note: Note,
        *,
        own_uid: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._section = section
        self._read = section()
        self._tokens = tokens
        self._note = note
        self._own_uid = os.geteuid() if own_uid is None else own_uid
        self._clock = clock
        # Their own: a directory of users that hangs must not take everybody's threads.
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="users")
        self._known: dict[tuple[int, int], _Known] = {}
        self._noted: dict[str, float] = {}

    async def asker_of(self, uid: int, gid: int, *, where: str = "unix socket") -> Asker:
        """The user at the other end of a unix socket.

        Its groups are those of the system's database, and the one that the process runs with: a
        systemd unit may have a group that its user has not.
        """
        section = self._section()
        if section is not self._read:
            self._known.clear()
            self._read = section
        known = self._known.get((uid, gid))
        now = self._clock()
        if known is None or known.until <= now:
            try:
                asker = await self._looked_up(section, uid, gid, where)
            except TimeoutError:
                log.warning("access.users_not_told", uid=uid)
                return self._asker(f"uid:{uid}", uid, where, frozenset())
            if len(self._known) >= _MOST_CACHED:
                self._known.clear()
            self._known[uid, gid] = known = _Known(asker=asker, until=now + _CACHED_S)
        return known.asker

    async def _looked_up(self, section: AccessSection, uid: int, gid: int, where: str) -> Asker:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(_PATIENCE_S):
            return await loop.run_in_executor(
                self._threads, self._look_up, section, uid, gid, where
            )

    def _look_up(self, section: AccessSection, uid: int, gid: int, where: str) -> Asker:
        try:
            user = pwd.getpwuid(uid)
        except KeyError:
            name, groups = f"uid:{uid}", {gid}
        else:
            name = f"uid:{uid}({user.pw_name})"
            groups = {gid, *os.getgrouplist(user.pw_name, user.pw_gid)}
        listed = _lists(section).items()
        roles = frozenset(r for r, who in listed if any(_is(w, uid, groups) for w in who))
        return self._asker(name, uid, where, roles)

    def _asker(self, name: str, uid: int, where: str, roles: frozenset[Role]) -> Asker:
        if uid in (0, self._own_uid):
            roles = _ADMINISTRATOR
        return Asker(name=name, person=f"uid:{uid}", roles=roles, where=where)

    async def by_token(self, text: str | Secret, *, where: str) -> Asker:
        """Whoever holds this token. Raises `NotAllowed`, and notes that."""
        secret = text if isinstance(text, Secret) else Secret(text)
        try:
            return await self._tokens.asker(secret, where=where)
        except NotAllowed as error:
            await self._note_refused(error, where)
            raise

    async def _note_refused(self, error: NotAllowed, where: str) -> None:
        now = self._clock()
        self._noted = {w: at for w, at in self._noted.items() if now - at < _QUIET_S}
        if where in self._noted or len(self._noted) >= _MOST_CACHED:
            return
        self._noted[where] = now
        record = Record(
            who="token:?", what="token.use", result=Result.REFUSED, where=where, detail=error.text
        )
        try:
            await self._note(record)
        except AuditNotWritten:
            return  # refused it is all the same, and the log says that it cannot be written


def _lists(section: AccessSection) -> dict[Role, tuple[str, ...]]:
    return {
        Role.ADMINISTRATOR: section.administrators,
        Role.OPERATOR: section.operators,
        Role.APPROVER: section.approvers,
        Role.AUDITOR: section.auditors,
        Role.VIEWER: section.viewers,
    }


def _is(who: str, uid: int, groups: set[int]) -> bool:
    """Whether a name of the configuration means this user; one that does not exist is nobody."""
    try:
        if who.startswith("@"):
            return grp.getgrnam(who[1:]).gr_gid in groups
        return pwd.getpwnam(who).pw_uid == uid
    except (KeyError, ValueError):
        return False
