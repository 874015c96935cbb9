# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest

from evict.lab.certificates import Authority
from evict.lab.mail.imap import ImapServer
from evict.lab.mail.pop3 import PopServer
from evict.lab.mail.submission import SmtpServer
from evict.lab.mail.wire import MailLimits
from evict.lab.model.organisation import Organisation
from evict.lab.model.profile import Profile, Version
from tests.unit.lab.ldap.places import Clock, loopback

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


@pytest.fixture
def limits() -> MailLimits:
    return MailLimits()


@pytest.fixture
async def town(tmp_path: Path, limits: MailLimits) -> AsyncIterator[Town]:
    clock, authority, host = Clock(), Authority(), loopback()
    organisation = Organisation(Profile(Version.V2019), clock)
    organisation.add_person("alice", "Alice Archer", ALICE, "DB01")
    organisation.add_person("bob", "Bob Baker", BOB, "DB02")
    authority.write_ca(tmp_path / "ca.pem")
    tls = authority.server_context(host)
    town = Town(organisation, clock, host, tmp_path / "ca.pem", authority.client_context())
    imap, imap_plain = (ImapServer(organisation, "ex01", limits=limits) for _ in range(2))
    pop3, pop3_plain = (PopServer(organisation, "ex01", limits=limits) for _ in range(2))
    smtp, smtp_plain = (SmtpServer(organisation, "ex01", limits=limits) for _ in range(2))
    town.imap = await imap.start(host, 0, tls)
    town.pop3 = await pop3.start(host, 0, tls)
    town.smtp = await smtp.start(host, 0, tls)
    town.imap_plain = await imap_plain.start(host, 0, tls, starttls=True)
    town.pop3_plain = await pop3_plain.start(host, 0, tls, starttls=True)
    town.smtp_plain = await smtp_plain.start(host, 0, tls, starttls=True)
    yield town
    for closer in town.closers:
        with contextlib.suppress(OSError, AttributeError):
            await outside(closer)
    for server in (imap, imap_plain, pop3, pop3_plain, smtp, smtp_plain):
        await server.stop()
    assert not organisation.sessions.live, "a server that stopped leaves no session"
