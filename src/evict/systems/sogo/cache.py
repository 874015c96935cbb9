# SPDX-License-Identifier: Apache-2.0
"""The leaver's password in SOGo's memcached.

SOGo keeps a hash of each password that the directory took, and asks nobody while it has it: the
web cookie, phones and DAV clients go on. It keeps it under the name that was typed and under each
of the account's mail addresses, so all of them are deleted, not only the uid's.
Source: SOGo 5.8.0, SOGoUserManager.m (`checkLogin:`, `_retainUser:withLogin:`); measured.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec import Struct

from evict.core.errors import SystemFault, Unsupported
from evict.systems.sogo.memcached import Line, Memcached
from evict.systems.sogo.names import Names

ROUNDS: Final = 20
"""Delete and look at most so often; a request in flight may write an entry again."""
_BETWEEN_S: Final = 0.05


class _Attributes(Struct):
    password: msgspec.Raw | None = None


_decode: Final = msgspec.json.Decoder(_Attributes | None).decode


class Held(Struct, frozen=True, kw_only=True):
    """Attributes: `listed`: every server listed its keys, so that no spelling was missed."""

    keys: tuple[bytes, ...]
    listed: bool


class Cache:
    """Every memcached of one SOGo: which of them has a key is not to be known from outside."""

    def __init__(self, servers: Iterable[Memcached]) -> None:
        self._servers = tuple(servers)

    @property
    def configured(self) -> bool:
        return bool(self._servers)

    @property
    def where(self) -> str:
        return ",".join(server.address for server in self._servers)

    async def held(self, names: Names) -> Held:
        """The keys that hold the leaver's password. Raises a `SystemFault`."""
        keys: set[bytes] = set()
        listed = True
        for server in self._servers:
            async with server.open() as line:
                wanted, whole = await _candidates(line, names)
                listed = listed and whole
                keys |= {key for key in wanted if _has_password(await line.get(key))}
        return Held(keys=tuple(sorted(keys)), listed=listed)

    async def forget_password(self, names: Names) -> tuple[int, bool]:
        """Delete until none is left; how many were, and whether none is left."""
        gone = 0
        for _ in range(ROUNDS):
            held = await self.held(names)
            if not held.keys:
                return gone, True
            gone += await self.forget(held.keys)
            await asyncio.sleep(_BETWEEN_S)
        return gone, not (await self.held(names)).keys

    async def forget(self, keys: Iterable[bytes]) -> int:
        """Delete these on every server; how many there were."""
        wanted = tuple(keys)
        gone = 0
        for server in self._servers:
            async with server.open() as line:
                for key in wanted:
                    gone += await line.delete(key)
        return gone

    async def answers(self) -> dict[str, SystemFault | None]:
        """Of every server: what kept it from answering, or from listing its keys."""
        out: dict[str, SystemFault | None] = {}
        for server in self._servers:
            out[server.address] = None
            try:
                async with server.open() as line:
                    await line.keys()
            except SystemFault as fault:
                out[server.address] = fault
        return out


async def _candidates(line: Line, names: Names) -> tuple[frozenset[bytes], bool]:
    """Keys that are the leaver's by their name, and whether the server listed all it has.

    Those that are likely are asked for in any case: a list made while much is written has gaps.
    """
    guesses = names.guesses()
    try:
        keys = await line.keys()
    except Unsupported:
        return guesses, False
    return guesses.union(key for key in keys if names.is_key(key)), True


def _has_password(value: bytes | None) -> bool:
    """An entry without one is made by everybody who looks the person up: it lets nobody in."""
    if value is None:
        return False
    try:
        attributes = _decode(value)
    except msgspec.MsgspecError:
        return b'"password"' in value
    return attributes is not None and attributes.password is not None
