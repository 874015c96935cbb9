# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from evict.lab.certificates import Authority
from evict.lab.http.server import HttpServer
from evict.lab.model.organisation import Organisation
from evict.lab.model.profile import Profile, Version
from evict.lab.web.activesync.site import ActiveSyncSite
from evict.wire.activesync import PATH
from tests.unit.lab.web.activesync.place import Place


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Authority, Path]:
    made = Authority()
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    made.write_ca(path)
    return made, path


@pytest.fixture
async def place(authority: tuple[Authority, Path]) -> AsyncIterator[Place]:
    made = await make_place(authority, Version.SE)
    yield made
    await made.stop()


@pytest.fixture
async def places(authority: tuple[Authority, Path]) -> AsyncIterator[Callable[..., object]]:
    """Makes one of any version."""
    started: list[Place] = []

    async def make(version: Version) -> Place:
        started.append(await make_place(authority, version))
        return started[-1]

    yield make
    for one in started:
        await one.stop()


async def make_place(authority: tuple[Authority, Path], version: Version) -> Place:
    now = [1_800_000_000.0]
    organisation = Organisation(Profile(version), lambda: now[0])
    organisation.add_person("alice", "Alice Archer", "Alice-pw-1", "DB01")
    organisation.add_person("bob", "Bob Baker", "Bob-pw-1", "DB02")
    host = ".".join(["127", *(str(random.randint(1, 254)) for _ in range(3))])
    made, ca_file = authority
    tls = made.server_context(host, "mail.corp.example")
    servers: dict[str, HttpServer] = {}
    ports: dict[str, int] = {}
    for name in organisation.servers:
        servers[name] = HttpServer()
        servers[name].route(PATH, ActiveSyncSite(organisation, name))
        ports[name] = await servers[name].start(host, 0, tls)
    return Place(organisation, now, host, ports, servers, ca_file)
