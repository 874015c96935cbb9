# SPDX-License-Identifier: Apache-2.0
"""What each version of Exchange has. Sources: the applicability lists of the cmdlet reference."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import Struct

from evict.lab.model.words import POOLS, Pool, Protocol


class Version(StrEnum):
    V2003 = "2003"
    V2007 = "2007"
    V2010 = "2010"
    V2013 = "2013"
    V2016 = "2016"
    V2019 = "2019"
    SE = "SE"

    @property
    def order(self) -> int:
        """Its place among them, the oldest first."""
        return _ORDER[self]


_ORDER: Final = {version: number for number, version in enumerate(Version)}

_SINCE: Final = {
    "ews": Version.V2007,
    "imap": Version.V2003,
    "remote-shell": Version.V2010,
    "moves": Version.V2010,
    "self-contained-cookie": Version.V2013,
    "mapi-http": Version.V2013,
    "quarantine": Version.V2013,
    "hidden-rules": Version.V2013,
    "system-entries": Version.V2013,
    "mobile-device": Version.V2013,
    "ews-flag": Version.V2010,
    "archive": Version.V2010,
    "migration-batches": Version.V2013,
    "owa-for-devices": Version.V2013,
    "account-only-wipe": Version.V2016,
}
_UNTIL: Final = {
    "unified-messaging": Version.V2016,
    "activesync-device": Version.V2010,
    "logon-statistics": Version.V2010,
    "active-logon-cache": Version.V2010,
}
"""The last version that has it."""
_NUMBERS: Final = {
    Version.V2003: (6, 5, 7638, 1),
    Version.V2007: (8, 3, 83, 6),
    Version.V2010: (14, 3, 123, 4),
    Version.V2013: (15, 0, 1497, 2),
    Version.V2016: (15, 1, 2507, 6),
    Version.V2019: (15, 2, 1544, 4),
    Version.SE: (15, 2, 2562, 17),
}
_SYNC: Final = {
    Version.V2003: ("2.0", "2.1", "2.5"),
    Version.V2007: ("2.5", "12.0", "12.1"),
    Version.V2010: ("2.5", "12.0", "12.1", "14.0", "14.1"),
    Version.V2013: ("2.0", "2.1", "2.5", "12.0", "12.1", "14.0", "14.1"),
}
_SYNC_NOW: Final = ("2.0", "2.1", "2.5", "12.0", "12.1", "14.0", "14.1", "16.0", "16.1")


class Profile(Struct, frozen=True):
    """One version."""

    version: Version

    def has(self, feature: str) -> bool:
        """Whether this version has it. Raises `KeyError` for a word nobody knows."""
        if feature in _SINCE:
            return self.version.order >= _SINCE[feature].order
        if feature == "unified-messaging":
            return Version.V2007.order <= self.version.order <= _UNTIL[feature].order
        return self.version.order <= _UNTIL[feature].order

    def worker(self, pool: Pool) -> Pool:
        """The pool whose worker really serves it: 2003 has one for OWA and ActiveSync (KB 2612821).

        What else of 2003 and 2007 shares a worker is not modelled.
        """
        if self.version is Version.V2003 and pool is Pool.SYNC:
            return Pool.OWA
        return pool

    def pool_of(self, protocol: Protocol) -> Pool | None:
        """None: no worker of IIS serves it. Outlook's own protocol came to IIS with MAPI/HTTP."""
        if protocol is Protocol.MAPI and not self.has("mapi-http"):
            return None
        pool = POOLS.get(protocol)
        return None if pool is None else self.worker(pool)

    @property
    def build(self) -> tuple[int, int, int, int]:
        """Major, minor, build, revision of one update of it."""
        return _NUMBERS[self.version]

    @property
    def activesync_versions(self) -> tuple[str, ...]:
        return _SYNC.get(self.version, _SYNC_NOW)
