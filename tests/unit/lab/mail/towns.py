# SPDX-License-Identifier: Apache-2.0
"""What the tests of the mail servers share."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from evict.lab.model.organisation import Organisation
from tests.unit.lab.ldap.places import Clock

ALICE, BOB = "Alice-Pass-1", "Bob-Pass-1"
_T = TypeVar("_T")


@dataclass
class Town:
    """An organisation with Alice and Bob, and its mail servers on an address of their own."""

    organisation: Organisation
    clock: Clock
    host: str
    ca_file: Path
    client_tls: ssl.SSLContext
    imap: int = 0
    pop3: int = 0
    smtp: int = 0
    imap_plain: int = 0
    pop3_plain: int = 0
    smtp_plain: int = 0
    closers: list[Callable[[], object]] = field(default_factory=list)

    def mail(self, subject: str, body: str = "Hello.", *, to: str = "alice@corp.example") -> None:
        self.organisation.deliver("carol@elsewhere.example", to, subject, body)

    async def gone(self, count: int = 0) -> None:
        """Wait until so many sessions are left."""
        async with asyncio.timeout(5):
            while len(self.organisation.sessions.live) != count:
                await asyncio.sleep(0.005)


async def outside(act: Callable[[], _T]) -> _T:
    """Run a client that blocks."""
    return await asyncio.to_thread(act)
