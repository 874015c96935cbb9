# SPDX-License-Identifier: Apache-2.0
"""How long each door at a Dovecot stays open after a plain disable, by its own settings.

A plain disable is what people do without Evict, so a hook shortens nothing here.
"""

from __future__ import annotations

from typing import Final

from evict.core.door import Door
from evict.core.exposure import Exposure, Source
from evict.systems.dovecot.doors import Doors
from evict.systems.dovecot.settings import Settings

_TICKET_LIFE_MINUTES: Final = 600
"""Maximum lifetime for service ticket, Active Directory's default."""
_NO_LIMIT: Final = "(none)"


def exposures(
    doors: Doors, read: Settings, *, ticket_life_minutes: int | None
) -> tuple[Exposure, ...]:
    """One line a door that can be closed at all."""
    return (
        *(_password(door, read) for door in doors.passwords),
        *(_session(door) for door in doors.sessions),
        *(_ticket(door, ticket_life_minutes) for door in doors.tickets),
        _script(doors.script),
    )


def _password(door: Door, read: Settings) -> Exposure:
    if read.size("auth_cache_size") == 0:
        return Exposure(
            door=door,
            closes_after_s=0.0,
            source=Source.READ,
            setting="auth_cache_size",
            value=read.get("auth_cache_size"),
            reason="the authentication cache is off, so each new login is asked of the directory;"
            " after a password reset the old password lasts as the directory's line says",
            remedy="nothing to do here",
        )
    return Exposure(
        door=door,
        closes_after_s=read.seconds("auth_cache_ttl"),
        source=Source.READ,
        setting="auth_cache_ttl",
        value=read.get("auth_cache_ttl"),
        reason="the authentication cache goes on letting in a password it saw succeed, counted from"
        " the first login; while the directory does not answer it uses expired entries too; an old"
        " password that the directory still takes after a reset is cached anew, so both add up",
        remedy="configure the auth-policy hook (`evict agent snippet dovecot`), which is asked in"
        " front of the cache; or set auth_cache_size = 0",
    )


def _session(door: Door) -> Exposure:
    return Exposure(
        door=door,
        closes_after_s=None,
        source=Source.ASSUMED,
        setting=_NO_LIMIT,
        value="no limit while the client speaks",
        reason="a live session is never asked again after its login",
        remedy="`evict revoke` flushes, kicks and looks until nothing is left",
    )


def _ticket(door: Door, declared_minutes: int | None) -> Exposure:
    minutes = _TICKET_LIFE_MINUTES if declared_minutes is None else declared_minutes
    return Exposure(
        door=door,
        closes_after_s=minutes * 60.0,
        source=Source.ASSUMED if declared_minutes is None else Source.DECLARED,
        setting="ticket_life_minutes",
        value=f"{minutes} min",
        reason="a service ticket taken before is valid to its end: the directory is not asked",
        remedy="configure the auth-policy hook, which is asked for Kerberos logins too",
    )


def _script(door: Door) -> Exposure:
    return Exposure(
        door=door,
        closes_after_s=None,
        source=Source.ASSUMED,
        setting=_NO_LIMIT,
        value="no limit",
        reason="delivery runs the active Sieve script whatever the directory says: a redirect"
        " forwards for ever",
        remedy="`evict revoke` deactivates the script and keeps it",
    )
