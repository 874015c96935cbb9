# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from evict.lab.certificates import Authority
from evict.lab.mail.imap import ImapServer
from evict.lab.mail.pop3 import PopServer
from evict.lab.mail.submission import SmtpServer
from evict.lab.mail.wire import MailLimits
from evict.lab.model.organisation import Organisation
from evict.lab.model.profile import Profile, Version
from tests.unit.lab.ldap.places import Clock, loopback
from tests.unit.lab.mail.towns import ALICE, BOB, Town, outside


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
