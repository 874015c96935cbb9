# SPDX-License-Identifier: Apache-2.0
"""One person's mailbox in an embedded organisation whose clock a test moves."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

from evict.core.endpoint import Endpoint, Tls
from evict.core.secret import Secret
from evict.lab.http.messages import Request, Response
from evict.lab.model.organisation import Organisation
from evict.lab.model.profile import Profile, Version
from evict.lab.web.activesync.site import ActiveSyncSite
from evict.probes.base import Login
from tests.unit.probes.fakes import NAME

PASSWORD = "Alice-pw-1"
Handler = Callable[[Request], Awaitable[Response]]
Serve = Callable[[Handler], Awaitable[Endpoint]]


def address() -> str:
    return ".".join(["127", *(str(random.randint(1, 254)) for _ in range(3))])


def login(password: str = PASSWORD) -> Login:
    return Login(
        name="alice@corp.example",
        password=Secret(password),
        source=None,
        timeout_s=5,
        address="alice@corp.example",
    )


def endpoint(host: str, port: int, ca_file: Path) -> Endpoint:
    return Endpoint(
        system="exchange",
        protocol="activesync",
        host=host,
        port=port,
        tls=Tls.IMPLICIT,
        server_name=NAME,
        ca_file=ca_file,
    )


class Estate:
    def __init__(self, version: Version = Version.SE) -> None:
        self.now = 1_800_000_000.0
        self.organisation = Organisation(Profile(version), lambda: self.now)
        self.organisation.add_person("alice", "Alice Archer", PASSWORD, "DB01")
        self.site = ActiveSyncSite(self.organisation, "ex01")

    @property
    def devices(self) -> list[str]:
        return list(self.organisation.mailboxes["alice"].devices)

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.organisation.tick()

    async def held(self, number: int) -> None:
        async with asyncio.timeout(10):
            while len(self.organisation.sessions.of("alice")) != number:
                await asyncio.sleep(0.01)
