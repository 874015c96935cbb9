# SPDX-License-Identifier: Apache-2.0
"""How long each door at SOGo stays open after a plain disable in the directory.

A plain disable is what people do without Evict, so a front shortens nothing here.
"""

from __future__ import annotations

from typing import Final

from evict.core.door import Door
from evict.core.exposure import Exposure, Source
from evict.systems.sogo.doors import WEB, Doors
from evict.systems.sogo.settings import Settings

_CACHE: Final = "SOGoCacheCleanupInterval"
_PING: Final = "SOGoMaximumPingInterval"
_REVOKE: Final = "`evict revoke` deletes the cached password; a hook at the front refuses at once"
_NO_LIMIT: Final = "(none)"


def exposures(doors: Doors, read: Settings) -> tuple[Exposure, ...]:
    """One line a door that can be closed at all."""
    return (
        *(_password(door, read) for door in doors.passwords),
        _cached(doors.web, read, "a cookie holds the password, and SOGo asks its cache first"),
        _ping(doors.phone, read),
        _cached(doors.cache, read, "a hash of the last password that the directory took"),
        *(_standing(doors.grant(name), why) for name, why in _GRANTS.items()),
    )


def _source(read: Settings, name: str) -> Source:
    return Source.READ if read.is_set(name) else Source.ASSUMED


def _password(door: Door, read: Settings) -> Exposure:
    if door.protocol != WEB:
        return _cached(door, read, "SOGo asks its cache first, and nobody while that says yes")
    return Exposure(
        door=door,
        closes_after_s=0.0,
        source=Source.ASSUMED,
        setting=_NO_LIMIT,
        value="no cache",
        reason="the login page asks the directory, past SOGo's cache (useCache: NO); after a"
        " password reset the old password lasts as the directory's line says",
        remedy="nothing to do here",
    )


def _cached(door: Door, read: Settings, why: str) -> Exposure:
    return Exposure(
        door=door,
        closes_after_s=read.seconds(_CACHE),
        source=_source(read, _CACHE),
        setting=_CACHE,
        value=read.get(_CACHE),
        reason=f"{why}; it ends so long after the last sign-in that the directory took",
        remedy=_REVOKE,
    )


def _ping(door: Door, read: Settings) -> Exposure:
    """A Ping is never asked again; each later request is asked of the cache."""
    held = read.seconds(_PING)
    cached = read.seconds(_CACHE)
    longer = held is not None and cached is not None and held > cached
    name = _PING if longer else _CACHE
    return Exposure(
        door=door,
        closes_after_s=held if longer else cached,
        source=_source(read, name),
        setting=name,
        value=read.get(name),
        reason="a phone's Ping in flight goes on for its whole time and tells of new mail; what the"
        " phone asks after it is taken while the password is cached",
        remedy=_REVOKE,
    )


def _standing(door: Door, why: str) -> Exposure:
    return Exposure(
        door=door,
        closes_after_s=None,
        source=Source.ASSUMED,
        setting=_NO_LIMIT,
        value="no limit",
        reason=why,
        remedy="`evict revoke` takes it away and keeps what it was",
    )


_GRANTS: Final = {
    "forward": "SOGo makes the mail server's script again from its switch",
    "delegate": "a right in somebody else's folder stays until it is taken",
    "calendar": "a published folder asks nobody for a name",
    "external": "passwords of accounts elsewhere stay in SOGo's database",
    "device": "what is kept for a phone stays, so a phone goes on where it stopped",
}
