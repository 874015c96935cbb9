# SPDX-License-Identifier: Apache-2.0
"""A small organisation with its web sites on the loopback, and browsers."""

from __future__ import annotations

import re
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import cache
from html import unescape

import httpx2

from evict.lab.http.server import HttpServer
from evict.lab.model.organisation import Organisation
from evict.lab.model.profile import Version
from evict.lab.web.ews.site import EwsSite
from evict.lab.web.mapi.site import MapiSite
from evict.lab.web.owa.cookie import CookieKey
from evict.lab.web.owa.site import OwaSite
from tests.unit.lab.web.loopback import NAME, PASSWORD, Loopback, Trust, start

FORM = {"destination": "/owa/", "flags": "4", "username": NAME, "password": PASSWORD}
MINUTE, HOUR = 60.0, 3600.0


@cache
def cookie_key() -> CookieKey:
    return CookieKey()


@dataclass
class Place(Loopback):
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)

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
        await super().stop()


def canary_of(page: str) -> str:
    found = re.search(r'name="canary" value="([^"]+)"', page)
    assert found is not None
    return unescape(found[1])


MakePlace = Callable[[Version], Awaitable[Place]]


def _route(server: HttpServer, organisation: Organisation, name: str) -> None:
    server.route("/owa", OwaSite(organisation, name, cookie_key()))
    server.route("/ews", EwsSite(organisation, name))
    server.route("/mapi", MapiSite(organisation, name))


async def make_place(trust: Trust, version: Version) -> Place:
    return await start(Place, trust, version, _route, alice="Alice <Archer>")
