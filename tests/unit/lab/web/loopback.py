# SPDX-License-Identifier: Apache-2.0
"""A small organisation whose sites listen on loopback, and whose clock a test moves by hand."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from evict.lab.certificates import Authority
from evict.lab.http.server import HttpServer
from evict.lab.model.mailbox import Mailbox
from evict.lab.model.organisation import Organisation
from evict.lab.model.profile import Profile, Version

PASSWORD = "Alice-pw-1"
NAME = "alice@corp.example"

Trust = tuple[Authority, Path]
"""An authority, and the file that a client is to trust."""


@dataclass
class Loopback:
    organisation: Organisation
    now: list[float]
    host: str
    ports: dict[str, int]
    servers: dict[str, HttpServer]
    ca_file: Path

    @property
    def alice(self) -> Mailbox:
        return self.organisation.mailboxes["alice"]

    @property
    def bob(self) -> Mailbox:
        return self.organisation.mailboxes["bob"]

    def wait(self, seconds: float) -> None:
        """The organisation's clock jumps."""
        self.now[0] += seconds
        self.organisation.tick()

    async def stop(self) -> None:
        for server in self.servers.values():
            await server.stop(grace_s=0.2)


SomePlace = TypeVar("SomePlace", bound=Loopback)


async def start(
    kind: type[SomePlace],
    trust: Trust,
    version: Version,
    route: Callable[[HttpServer, Organisation, str], None],
    *,
    alice: str = "Alice Archer",
) -> SomePlace:
    """Every server of it, listening. Args: route: gives a server its sites."""
    now = [1_800_000_000.0]
    organisation = Organisation(Profile(version), lambda: now[0])
    organisation.add_person("alice", alice, PASSWORD, "DB01")
    organisation.add_person("bob", "Bob Baker", "Bob-pw-1", "DB02")
    host = ".".join(["127", *(str(random.randint(1, 254)) for _ in range(3))])
    authority, ca_file = trust
    tls = authority.server_context(host, "mail.corp.example")
    made = kind(organisation, now, host, {}, {}, ca_file)
    for name in organisation.servers:
        server = made.servers[name] = HttpServer()
        route(server, organisation, name)
        made.ports[name] = await server.start(host, 0, tls)
    return made


Make = Callable[[Trust, Version], Awaitable[SomePlace]]


def fixtures(make: Make[SomePlace]) -> tuple[Callable[..., object], Callable[..., object]]:
    """`place`, of the newest version, and `places`, which makes one of any."""

    @pytest.fixture
    async def place(authority: Trust) -> AsyncIterator[SomePlace]:
        made = await make(authority, Version.SE)
        yield made
        await made.stop()

    @pytest.fixture
    async def places(
        authority: Trust,
    ) -> AsyncIterator[Callable[[Version], Awaitable[SomePlace]]]:
        started: list[SomePlace] = []

        async def one_of(version: Version) -> SomePlace:
            started.append(await make(authority, version))
            return started[-1]

        yield one_of
        for one in started:
            await one.stop()

    return place, places
