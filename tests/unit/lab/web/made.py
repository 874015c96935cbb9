# SPDX-License-Identifier: Apache-2.0
"""One server's web sites over TLS on a loopback address of their own, with a clock to move."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from evict.core.endpoint import Endpoint, Tls
from evict.core.secret import Secret
from evict.lab.certificates import Authority
from evict.lab.http.server import HttpServer
from evict.lab.web.ews.site import EwsSite
from evict.lab.web.mapi.site import MapiSite
from evict.lab.web.owa.cookie import CookieKey
from evict.lab.web.owa.site import OwaSite
from evict.probes.base import Login
from tests.unit.lab.model.made import NAME, OLD, Estate

SERVER_NAME = "mail.corp.example"


class Site:
    def __init__(self, estate: Estate, host: str, port: int, ca_file: Path) -> None:
        self.estate = estate
        self.org = estate.org
        self.host = host
        self.port = port
        self.ca_file = ca_file

    def endpoint(self, protocol: str) -> Endpoint:
        return Endpoint(
            system="exchange",
            protocol=protocol,
            host=self.host,
            port=self.port,
            tls=Tls.IMPLICIT,
            server_name=SERVER_NAME,
            ca_file=self.ca_file,
        )


def login(password: str = OLD) -> Login:
    return Login(name=NAME, password=Secret(password), source=None, timeout_s=10, address=NAME)


@asynccontextmanager
async def site(folder: Path, estate: Estate | None = None) -> AsyncIterator[Site]:
    estate = estate or Estate()
    authority = Authority()
    ca_file = folder / "ca.pem"
    authority.write_ca(ca_file)
    key = CookieKey()
    server = HttpServer()
    server.route("/owa", OwaSite(estate.org, "ex01", key))
    server.route("/ews", EwsSite(estate.org, "ex01"))
    server.route("/mapi", MapiSite(estate.org, "ex01"))
    host = f"127.{random.randrange(100, 200)}.{random.randrange(256)}.{random.randrange(1, 255)}"
    port = await server.start(host, 0, authority.server_context(SERVER_NAME, host))
    try:
        yield Site(estate, host, port, ca_file)
    finally:
        await server.stop(grace_s=0.1)
