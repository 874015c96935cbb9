# SPDX-License-Identifier: Apache-2.0
"""How long each door at Roundcube stays open after a plain disable in the directory."""

from __future__ import annotations

from typing import Final

from evict.config.roundcube import RoundcubeSection
from evict.core.errors import SystemFault
from evict.core.exposure import Exposure, Source
from evict.systems.roundcube.doors import Doors
from evict.systems.roundcube.page import visit

_DOVECOT_CACHE_S: Final = 3600.0
"""Dovecot's auth_cache_ttl by default, where its cache is on."""
_LIFETIME_S: Final = 600
"""session_lifetime by default (defaults.inc.php of 1.6.5: 10 minutes)."""
_REMEDY: Final = (
    "a hook at the front refuses within a second; `evict revoke` deletes the session's row too"
)


async def exposures(section: RoundcubeSection, doors: Doors) -> tuple[Exposure, ...]:
    """One line a door. The login page tells how long an unused session lives."""
    try:
        lifetime_s = (await visit(section)).lifetime_s
    except SystemFault:
        lifetime_s = None
    return (
        Exposure(
            door=doors.password,
            closes_after_s=_DOVECOT_CACHE_S,
            source=Source.ASSUMED,
            setting="imap_host",
            value="Dovecot's auth_cache_ttl",
            reason="Roundcube asks its IMAP server for each login, so it lasts as long as Dovecot's"
            " cache: Dovecot's own line tells, its default (1 hour) is assumed here",
            remedy="configure Dovecot's auth-policy hook, which is asked for these logins too",
        ),
        Exposure(
            door=doors.session,
            closes_after_s=None,
            source=Source.ASSUMED if lifetime_s is None else Source.READ,
            setting="session_lifetime",
            value=f"{lifetime_s or _LIFETIME_S} s after the last use",
            reason="each request renews it: mail is shown as long as the IMAP server takes the"
            " password that the session keeps, address book and settings as long as it is used",
            remedy=_REMEDY,
        ),
    )
