# SPDX-License-Identifier: Apache-2.0
"""API tokens: what they are made of, what is kept of them, and who holds one.

A token is `evict_` and 56 characters of base32: 32 random bytes and the first 3 of the SHA-256 of
the prefix and them, so that a typo is told from a token that is not ours. Of the random bytes only
the SHA-256 is kept; they have 256 bits, so that no slow hash is needed.

Spec: RFC 4648 section 6 (base32; written here in lower case, without padding as none is due).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import pwd
import re
import secrets
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import structlog
from msgspec import Struct, structs

from evict.control import api
from evict.core.access import Asker, Role, Scope
from evict.core.errors import EvictError, NotAllowed, UsageError
from evict.core.secret import Secret
from evict.ledger.shelf import Shelf

log = structlog.get_logger()

PREFIX: Final = "evict_"
LONGEST_HOURS: Final = 366 * 24
_BYTES: Final = 32
_CHECK: Final = 3
_UNKNOWN: Final = "this token is unknown here, or was revoked"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class Token(Struct, frozen=True, kw_only=True):
    """What is kept of a token.

    Attributes:
        digest: hex SHA-256 of its random bytes.
        owner_uid: who its owner was when it was made: a name may be given to somebody else later.
        made_by: name of the asker who made it.
    """

    name: str
    digest: str
    owner: str
    owner_uid: int
    scopes: tuple[Scope, ...]
    made_by: str
    made: datetime
    expires: datetime
    last_used: date | None = None


def make() -> tuple[Secret, str]:
    """A fresh token, and the digest that is kept of it."""
    raw = secrets.token_bytes(_BYTES)
    text = base64.b32encode(raw + _checksum(raw)).decode("ascii").lower()
    return Secret(PREFIX + text), hashlib.sha256(raw).hexdigest()


def digest_of(text: str) -> str:
    """The digest of a token's text. Raises `NotAllowed` where it cannot be one of ours."""
    body = text.strip().removeprefix(PREFIX)
    try:
        raw = base64.b32decode(body.upper().encode("ascii"))
    except (binascii.Error, UnicodeEncodeError):
        raw = b""
    if not text.strip().startswith(PREFIX) or len(raw) != _BYTES + _CHECK:
        raise NotAllowed("this is no token of Evict's: it begins with evict_ and has 62 characters")
    if not hmac.compare_digest(raw[_BYTES:], _checksum(raw[:_BYTES])):
        raise NotAllowed("the token has a typo in it: its checksum does not fit")
    return hashlib.sha256(raw[:_BYTES]).hexdigest()


def _checksum(raw: bytes) -> bytes:
    return hashlib.sha256(PREFIX.encode() + raw).digest()[:_CHECK]


def utc_now() -> datetime:
    """The wall clock, aware."""
    return datetime.now(UTC)


class Tokens:
    """Makes, lists, ends and recognises them.

    Args:
        shelf: where they are kept, by name.
        uid_of: uid of a user of this host, or None.
    """

    def __init__(
        self,
        shelf: Shelf[Token],
        *,
        own_uid: int,
        now: Callable[[], datetime] = utc_now,
        uid_of: Callable[[str], int | None] | None = None,
    ) -> None:
        self._shelf = shelf
        self._outside = {"uid:0", f"uid:{own_uid}"}
        self._now = now
        self._uid_of = uid_of or uid_of_user
        self._changing = asyncio.Lock()

    async def create(self, request: api.TokenCreate, asker: Asker) -> tuple[Token, Secret]:
        """Make one and keep it. Raises `UsageError`, `NotAllowed`, `LedgerFull`."""
        if not _NAME.fullmatch(request.name):
            raise UsageError("a token's name is of lower-case letters, digits, . _ - (64 at most)")
        if not request.scopes:
            raise UsageError("a token without a scope may do nothing: give --scope")
        if not 1 <= request.hours <= LONGEST_HOURS:
            raise UsageError(f"a token lives 1 to {LONGEST_HOURS} hours")
        uid = self._uid_of(request.owner)
        if uid is None:
            raise UsageError(f"the owner {request.owner!r} is no user of this host")
        if Scope.REOPEN in request.scopes and asker.person not in {f"uid:{uid}", *self._outside}:
            raise NotAllowed(
                "an approval with this token would count as its owner's: a token with the scope"
                " reopen is made by its owner, or by root"
            )
        text, digest = make()
        now = self._now()
        token = Token(
            name=request.name,
            digest=digest,
            owner=request.owner,
            owner_uid=uid,
            scopes=tuple(sorted(set(request.scopes))),
            made_by=asker.name,
            made=now,
            expires=now + timedelta(hours=request.hours),
        )
        async with self._changing:
            if await self._shelf.get(request.name) is not None:
                raise UsageError(f"there is a token {request.name!r} already: revoke it first")
            await self._shelf.change(put={token.name: token})
        return token, text

    async def revoke(self, name: str) -> Token:
        """End one. Raises `UsageError` where there is none of this name."""
        async with self._changing:
            token = await self._shelf.get(name)
            if token is None:
                raise UsageError(f"there is no token {name!r}")
            await self._shelf.change(remove=[name])
        return token

    async def listed(self) -> list[dict[str, Any]]:
        """All of them, expired ones included; nothing that would help to guess one."""
        now = self._now()
        return [
            {
                "name": token.name,
                "scopes": list(token.scopes),
                "owner": token.owner,
                "made_by": token.made_by,
                "made": token.made,
                "expires": token.expires,
                "expired": token.expires <= now,
                "last_used": token.last_used,
            }
            for token in (await self._shelf.all()).values()
        ]

    async def asker(self, text: Secret, *, where: str) -> Asker:
        """Whoever holds this token: its roles alone, its owner as the person.

        Raises:
            NotAllowed: no token, unknown, revoked or expired.
        """
        wanted = digest_of(text.reveal())
        found = None
        for token in (await self._shelf.all()).values():  # all, so that the time tells nothing
            if hmac.compare_digest(token.digest, wanted):
                found = token
        if found is None:
            raise NotAllowed(_UNKNOWN)
        if found.expires <= self._now():
            raise NotAllowed(f"the token {found.name!r} expired at {found.expires:%F %T} UTC")
        await self._used(found)
        is_owner = self._uid_of(found.owner) == found.owner_uid
        roles = {scope.role for scope in found.scopes}
        if not is_owner:  # it still closes; but there is nobody whose approval this could be
            roles.discard(Role.APPROVER)
        return Asker(
            name=f"token:{found.name}",
            person=f"uid:{found.owner_uid}" if is_owner else "",
            roles=frozenset(roles),
            where=where,
        )

    async def _used(self, token: Token) -> None:
        """Raises `NotAllowed` where it was revoked meanwhile: it must not be put back."""
        today = self._now().date()
        if token.last_used == today:
            return
        async with self._changing:
            kept = await self._shelf.get(token.name)
            if kept is None or kept.digest != token.digest:
                raise NotAllowed(_UNKNOWN)
            try:
                await self._shelf.change(put={kept.name: structs.replace(kept, last_used=today)})
            except EvictError as error:
                log.warning("token.use_not_kept", token=token.name, code=error.code)


def uid_of_user(name: str) -> int | None:
    try:
        return pwd.getpwnam(name).pw_uid
    except (KeyError, ValueError):
        return None
