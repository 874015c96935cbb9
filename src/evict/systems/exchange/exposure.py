# SPDX-License-Identifier: Apache-2.0
"""How long each door at Exchange stays open after a plain disable in the directory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from evict.core.door import Door
from evict.core.exposure import Exposure, Source
from evict.systems.exchange.doors import Doors
from evict.systems.exchange.naming import NOT_NAMED
from evict.systems.exchange.settings import DEFAULT_TTL_S, TOKEN_TTL

_NO_LIMIT: Final = "(none)"
_DAY_S: Final = 86_400.0
"""KB 3035228: a client that comes back before its token's end keeps it; 8 to 24 hours are seen."""
_RECHECK_S: Final = 7_200.0
"""Up to 2 hours: a live connection to the store is cached so long (TechNet wiki 3406, of 2007 and
2010; assumed of later versions)."""
_SUBMISSION_S: Final = 600.0
"""Assumed: a receive connector's ConnectionTimeout."""

_REVOKE: Final = "`evict revoke` shuts it, and looks; a hook at the front refuses within a second"
_UNNAMED: Final = f"{_REVOKE}; {NOT_NAMED}"


def exposures(doors: Doors, version: str, lives: Mapping[str, int | None]) -> tuple[Exposure, ...]:
    """One line a door that can be closed at all.

    Args:
        lives: server -> UserTokenTTL in seconds; None: not set; a server not read: left out.
    """
    return (
        *(_token(door, lives) for door in doors.web_passwords),
        *(_web_session(door, version, doors) for door in doors.web_sessions),
        *(_direct(door) for door in doors.direct_passwords),
        *(_live(door) for door in doors.direct_sessions),
        *(_standing(doors.grant(name), why) for name, why in _GRANTS.items()),
    )


def _token(door: Door, lives: Mapping[str, int | None]) -> Exposure:
    values = [DEFAULT_TTL_S if life is None else life for life in lives.values()]
    longest = max(values, default=DEFAULT_TTL_S)
    return Exposure(
        door=door,
        closes_after_s=max(float(longest), _DAY_S),
        source=Source.READ if any(v is not None for v in lives.values()) else Source.ASSUMED,
        setting=TOKEN_TTL,
        value=f"{longest} s after the last use",
        reason="IIS keeps the token of a name and password and goes on taking both, the old"
        " password too, until it is not used for that long; a client that comes back in time keeps"
        " it for 8 to 24 hours",
        remedy=_REVOKE,
    )


def _web_session(door: Door, version: str, doors: Doors) -> Exposure:
    after, setting, why = _WEB_SESSIONS[door.protocol]
    if door.protocol == "owa" and version == "2010":
        why = "the cookie holds the credentials and lives while it is used (assumed of 2010)"
    return Exposure(
        door=door,
        closes_after_s=after,
        source=Source.ASSUMED,
        setting=setting,
        value="its default",
        reason=why,
        remedy=_UNNAMED if doors.is_unnamed(door) else _REVOKE,
    )


_WEB_SESSIONS: Final = {
    "owa": (
        _DAY_S,
        "PrivateTimeout",
        "the cookie signs in at each request, so it lives as long as the token does",
    ),
    "activesync": (
        _DAY_S,
        "MaxHeartbeatInterval",
        "a phone's long poll is asked nothing until it ends, and then the token lets it go on",
    ),
    "ews": (_DAY_S, _NO_LIMIT, "a token, or an integrated connection, is asked nothing more"),
    "mapi": (_RECHECK_S, _NO_LIMIT, "a live connection to the store is looked at again late"),
}


def _direct(door: Door) -> Exposure:
    return Exposure(
        door=door,
        closes_after_s=0.0,
        source=Source.ASSUMED,
        setting=_NO_LIMIT,
        value="no cache",
        reason="each sign-in is asked of the directory; after a password reset the old password"
        " lasts as the directory's line says",
        remedy="nothing to do here",
    )


def _live(door: Door) -> Exposure:
    bounded = door.protocol == "submission"
    return Exposure(
        door=door,
        closes_after_s=_SUBMISSION_S if bounded else None,
        source=Source.ASSUMED,
        setting="ConnectionTimeout" if bounded else _NO_LIMIT,
        value="10 min" if bounded else "no limit while the client speaks",
        reason="a live connection is never asked again after its sign-in (assumed)",
        remedy="nothing ends one connection; a restart of the service ends everybody's",
    )


_GRANTS: Final = {
    "elsewhere": "a right in somebody else's mailbox stays until it is taken",
    "forward": "mail is forwarded whatever the directory says",
    "rule": "an inbox rule sends mail on whatever the directory says",
    "device": "a partnership stays, and is made again by the phone where it is only removed",
    "calendar": "a published calendar asks nobody for a name",
}


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
