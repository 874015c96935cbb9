# SPDX-License-Identifier: Apache-2.0
"""A small organisation with its web sites on the loopback, and browsers."""

from __future__ import annotations

import random
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import cache
from html import unescape
from pathlib import Path

import httpx2
import pytest

from evict.lab.certificates import Authority
from evict.lab.http.server import HttpServer
from evict.lab.model.mailbox import Mailbox
from evict.lab.model.organisation import Organisation
from evict.lab.model.profile import Profile, Version
from evict.lab.web.ews.site import EwsSite
from evict.lab.web.mapi.site import MapiSite
from evict.lab.web.owa.cookie import CookieKey
from evict.lab.web.owa.site import OwaSite

PASSWORD = "Alice-pw-1"
NAME = "alice@corp.example"
FORM = {"destination": "/owa/", "flags": "4", "username": NAME, "password": PASSWORD}
MINUTE, HOUR = 60.0, 3600.0


@cache
def cookie_key() -> CookieKey:
    return CookieKey()


@dataclass
class Place:
    organisation: Organisation
    now: list[float]
    host: str
    ports: dict[str, int]
    servers: dict[str, HttpServer]
    ca_file: Path
    stack: AsyncExitStack

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

    def url(self, path: str = "", server: str = "ex01") -> str:
        return f"https://{self.host}:{self.ports[server]}{path}"

    async def client(
        self, server: str = "ex01", cookies: Mapping[str, str] | None = None
    ) -> httpx2.AsyncClient:
        """One that keeps cookies and follows nothing by itself."""
        verify = ssl.create_default_context(cafile=self.ca_file)
        made = httpx2.AsyncClient(
            verify=verify, trust_env=False, timeout=30, base_url=self.url(server=server)
        )
        made.cookies.update(dict(cookies or {}))
        return await self.stack.enter_async_context(made)

    async def browser(self, server: str = "ex01", **form: str) -> httpx2.AsyncClient:
        """Somebody who logged in."""
        made = await self.client(server)
        answer = await made.post("/owa/auth.owa", data=FORM | form)
        assert (answer.status_code, answer.headers["location"]) == (302, "/owa/")
        return made

    async def stop(self) -> None:
        await self.stack.aclose()
        for server in self.servers.values():
            await server.stop(grace_s=0.2)


def canary_of(page: str) -> str:
    found = re.search(r'name="canary" value="([^"]+)"', page)
    assert found is not None
    return unescape(found[1])


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


MakePlace = Callable[[Version], Awaitable[Place]]


@pytest.fixture
async def places(authority: tuple[Authority, Path]) -> AsyncIterator[MakePlace]:
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
    organisation.add_person("alice", "Alice <Archer>", PASSWORD, "DB01")
    organisation.add_person("bob", "Bob Baker", "Bob-pw-1", "DB02")
    host = ".".join(["127", *(str(random.randint(1, 254)) for _ in range(3))])
    made, ca_file = authority
    tls = made.server_context(host, "mail.corp.example")
    servers: dict[str, HttpServer] = {}
    ports: dict[str, int] = {}
    for name in organisation.servers:
        servers[name] = HttpServer()
        servers[name].route("/owa", OwaSite(organisation, name, cookie_key()))
        servers[name].route("/ews", EwsSite(organisation, name))
        servers[name].route("/mapi", MapiSite(organisation, name))
        ports[name] = await servers[name].start(host, 0, tls)
    return Place(organisation, now, host, ports, servers, ca_file, AsyncExitStack())
