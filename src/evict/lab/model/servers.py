# SPDX-License-Identifier: Apache-2.0
"""One client access server: its token caches, what it read of mailboxes, its log."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from msgspec import Struct

from evict.lab.model.cookies import ServerSession
from evict.lab.model.mailbox import Mailbox
from evict.lab.model.tokens import TokenCache
from evict.lab.model.words import Pool, Protocol

KEPT_LINES = 50_000
Reader = Pool | Protocol
"""Who read the settings: a worker of IIS, or the service of a mail protocol."""


class LogLine(Struct, frozen=True, kw_only=True):
    """One request, as the HttpProxy log keeps it."""

    at: float
    server: str
    protocol: str
    sam: str
    status: int
    url: str = ""


class Read(Struct, frozen=True):
    """What a server read of a mailbox's settings, and when."""

    features: Mapping[str, bool | None]
    blocked: tuple[str, ...]
    at: float


@dataclass(eq=False)
class ClientAccess:
    """One server.

    Attributes:
        token_ttl_s: UserTokenTTL as written; a cache takes it over when its pool starts again.
        down: it answers nobody.
        stops_late: `iisreset /noforce` fails while some request does not end.
    """

    name: str
    token_ttl_s: float
    caches: dict[Pool, TokenCache] = field(default_factory=dict)
    read: dict[Reader, dict[str, Read]] = field(default_factory=dict)
    sessions: dict[str, ServerSession] = field(default_factory=dict)
    log: deque[LogLine] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))
    down: bool = False
    stops_late: bool = False
    recycled: dict[Pool, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for pool in Pool:
            self.caches[pool] = TokenCache(self.token_ttl_s)

    def restart(self, pool: Pool) -> None:
        """The worker begins anew: no token, nothing read, the setting as it is now.

        That sessions kept by the server (before 2013) go with OWA's worker is assumed.
        """
        self.caches[pool] = TokenCache(self.token_ttl_s)
        self.forget(pool)
        if pool is Pool.OWA:
            self.sessions.clear()
        self.recycled[pool] = self.recycled.get(pool, 0) + 1

    def forget(self, reader: Reader) -> None:
        """What was read of mailboxes; it is read again when needed."""
        self.read.pop(reader, None)

    def settings_of(self, reader: Reader, mailbox: Mailbox, now: float, late_s: float) -> Read:
        """What this server believes; it reads again once what it has is older than `late_s`."""
        known = self.read.setdefault(reader, {})
        read = known.get(mailbox.sam)
        if read is None or now >= read.at + late_s:
            read = Read(mailbox.features.flags(), tuple(mailbox.blocked_devices), now)
            known[mailbox.sam] = read
        return read
