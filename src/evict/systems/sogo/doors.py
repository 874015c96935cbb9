# SPDX-License-Identifier: Apache-2.0
"""The doors of one mailbox at a SOGo, and what is promised of each.

SOGo 5.8.0, measured: once the cached password is deleted and the directory refuses, the next
request of a cookie, a phone or a DAV client is refused 28 ms later; without, after
SOGoCacheCleanupInterval from the last sign-in that the directory took.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from evict.config.fronts import ends_requests
from evict.config.sogo import SogoSection
from evict.core.door import Credential, Door, Nature
from evict.core.endpoint import Endpoint, Tls
from evict.core.verdict import Expectation

WEB: Final = "sogo-web"
PASSWORDS: Final = (WEB, "activesync", "caldav", "carddav")
SESSIONS: Final = (WEB, "activesync")
GRANTS: Final = ("forward", "delegate", "calendar", "external", "device")

REFUSED_WITHIN_S: Final = 0.05
"""From the commit to the front's refusal: a push to the agent takes milliseconds."""
WRITTEN_WITHIN_S: Final = 5.0
"""From the commit to a write here, which comes after the directory's."""
CACHED_S: Final = 300.0
"""SOGoCacheCleanupInterval unless it was changed (SOGoDefaults.plist)."""
POLLS_S: Final = 15.0
"""From the commit to the end of a held Ping by the row in its place: the write, and
SOGoInternalSyncInterval, 10 s unless it was changed (SOGoSystemDefaults.m)."""

_NO_FRONT: Final = "no front refuses: it rests on the directory, once the cached password is gone"
_NO_MEMCACHED: Final = (
    "memcached is not configured: SOGo goes on taking the cached password until it ends"
    " (SOGoCacheCleanupInterval, assumed to be the default)"
)
_SESSION: Final = (
    "SOGo's list of web sessions names nobody, so only a session opened before shows its end"
)
_PING: Final = (
    "no front ends a Ping in flight at once: SOGo ends it within SOGoInternalSyncInterval of the"
    " phone's being set aside; mail of that moment may be announced, not fetched"
)
_PING_STAYS: Final = (
    "nothing here ends a Ping in flight: it may say once more that mail has come, up to"
    " SOGoMaximumPingInterval; the Sync after it is refused"
)
_NO_DATABASE: Final = "database_file is not configured: nobody can look"
_OTHERS: Final = (
    "what others were given here stays unless take_shares is set: a manager may need it"
)


def endpoints(section: SogoSection) -> tuple[Endpoint, ...]:
    """Where each protocol is tried: all at one address."""
    url = urlsplit(section.url)
    secure = url.scheme == "https"
    host = url.hostname or ""
    return tuple(
        Endpoint(
            system=section.name,
            protocol=protocol,
            host=host,
            port=url.port or (443 if secure else 80),
            tls=Tls.IMPLICIT if secure else Tls.NONE,
            server_name=section.server_name or host,
            ca_file=section.ca_file,
        )
        for protocol in (*PASSWORDS, "calendar")
    )


_GOES_ON: Final = (
    "nothing at this front ends a request in flight: a held Ping goes on until it is answered; the"
    " Sync after it is refused"
)


class Doors:
    """Names the doors of one configured SOGo."""

    def __init__(self, section: SogoSection) -> None:
        self._section = section
        self._fronted = section.hook is not None or section.haproxy is not None
        self.passwords = tuple(self._door(p, Credential.PASSWORD) for p in PASSWORDS)
        self.sessions = tuple(self._door(p, Credential.SESSION) for p in SESSIONS)
        self.web = self._door(WEB, Credential.SESSION)
        self.phone = self._door("activesync", Credential.SESSION)
        self.cache = self._door("cache", Credential.GRANT)
        self.copy = self._door("device", Credential.COPY)
        self.others = self._door("shares", Credential.GRANT)

    def grant(self, name: str) -> Door:
        """`forward`, `delegate`, `calendar`, `external`, `device`."""
        return self._door(name, Credential.GRANT)

    def _door(self, protocol: str, credential: Credential) -> Door:
        return Door(system=self._section.name, protocol=protocol, credential=credential)

    def expectations(self, commit_at: datetime | None = None) -> tuple[Expectation, ...]:
        """Every door. `commit_at`: of the revocation; None before anything was ordered."""
        cached = bool(self._section.memcached)
        until = commit_at + timedelta(seconds=CACHED_S) if commit_at is not None else None
        cache = Expectation(door=self.cache, predicted_s=WRITTEN_WITHIN_S)
        if not cached:
            cache = Expectation(
                door=self.cache, predicted_s=CACHED_S, until=until, note=_NO_MEMCACHED
            )
        looked = self._section.database_file is not None
        grants = (*map(self.grant, GRANTS), *((self.others,) if self._section.take_shares else ()))
        note = "" if looked else _NO_DATABASE
        written = WRITTEN_WITHIN_S if looked else None
        told = [Expectation(door=d, predicted_s=written, note=note) for d in grants]
        if not self._section.take_shares:
            told.append(Expectation(door=self.others, nature=Nature.OUTSIDE, note=_OTHERS))
        return (
            *(self._password(door) for door in self.passwords),
            *(self._session(door) for door in self.sessions),
            cache,
            *told,
            Expectation(door=self.copy, nature=Nature.UNPROVABLE, note="mail already on a device"),
        )

    def _password(self, door: Door) -> Expectation:
        if self._fronted:
            return Expectation(door=door, predicted_s=REFUSED_WITHIN_S)
        if door.protocol == WEB or self._section.memcached:
            return Expectation(door=door, predicted_s=WRITTEN_WITHIN_S, note=_NO_FRONT)
        return Expectation(door=door, predicted_s=CACHED_S, note=_NO_MEMCACHED)

    def _session(self, door: Door) -> Expectation:
        if self._fronted:
            ends = ends_requests(self._section.hook, self._section.haproxy)
            note = "" if ends or door != self.phone else _GOES_ON
            return Expectation(door=door, predicted_s=REFUSED_WITHIN_S, note=note)
        if door == self.phone:
            if self._section.database_file is not None:
                return Expectation(door=door, predicted_s=POLLS_S, note=_PING)
            return Expectation(door=door, note=_PING_STAYS)
        if self._section.memcached:
            return Expectation(door=door, predicted_s=WRITTEN_WITHIN_S, note=_SESSION)
        return Expectation(door=door, predicted_s=CACHED_S, note=_NO_MEMCACHED)
