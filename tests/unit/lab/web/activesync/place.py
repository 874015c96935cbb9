# SPDX-License-Identifier: Apache-2.0
"""A small organisation with its ActiveSync on the loopback, and a phone of our own codec."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass

import httpx2
from pyactivesync import Client  # type: ignore[import-untyped]

from evict.lab.http.server import HttpServer
from evict.lab.model.organisation import Organisation
from evict.lab.model.profile import Version
from evict.lab.web.activesync.site import ActiveSyncSite
from evict.wire import activesync_requests as requests
from evict.wire.activesync import CONTENT_TYPE, PATH, read_body, status_of, write_body
from evict.wire.wbxml import Element
from tests.unit.lab.web.loopback import PASSWORD, Loopback, Trust, start


@dataclass
class Place(Loopback):
    async def held(self, number: int = 1) -> None:
        """Until as many requests are held."""
        async with asyncio.timeout(10):
            while sum(s.holds_request for s in self.organisation.sessions.live.values()) != number:
                await asyncio.sleep(0.01)

    def client(self, password: str = PASSWORD, server: str = "ex01") -> Client:
        """pyactivesync, unmodified; it takes no CA file, so its session is told."""
        made = Client(
            server=f"{self.host}:{self.ports[server]}",
            username="corp\\alice",
            password=password,
            device_id="PHONE1",
            user="alice@corp.example",
        )
        made._transport.session.verify = str(self.ca_file)
        made._transport.session.trust_env = False
        return made

    def phone(self, version: str = "16.1", **more: str) -> Phone:
        return Phone(self, version, **more)


def _route(server: HttpServer, organisation: Organisation, name: str) -> None:
    server.route(PATH, ActiveSyncSite(organisation, name))


async def make_place(trust: Trust, version: Version) -> Place:
    return await start(Place, trust, version, _route)


class Phone:
    """Sends one document after the other."""

    def __init__(
        self, place: Place, version: str, *, device: str = "PHONE2", server: str = "ex01"
    ) -> None:
        self._verify = ssl.create_default_context(cafile=place.ca_file)
        self._url = f"https://{place.host}:{place.ports[server]}{PATH}"
        self.version = version
        self.device = device
        self.key = 0
        self.last = httpx2.Response(0)

    async def send(
        self,
        method: str,
        query: str = "",
        body: bytes = b"",
        password: str = PASSWORD,
        headers: dict[str, str] | None = None,
    ) -> httpx2.Response:
        async with httpx2.AsyncClient(verify=self._verify, trust_env=False, timeout=30) as client:
            self.last = await client.request(
                method,
                self._url + query,
                content=body,
                headers=headers or {},
                auth=("alice@corp.example", password) if password else None,
            )
            return self.last

    async def ask(self, command: str, root: Element | None) -> Element | None:
        """The answer's document; `last` has the rest."""
        headers = {
            "MS-ASProtocolVersion": self.version,
            "Content-Type": CONTENT_TYPE,
            "X-MS-PolicyKey": str(self.key),
        }
        query = f"?Cmd={command}&User=alice&DeviceId={self.device}&DeviceType=Test"
        body = write_body(root) if root is not None else b""
        answer = await self.send("POST", query, body, headers=headers)
        return read_body(answer.content) if answer.content else None

    async def status(self, command: str, root: Element | None) -> int | None:
        answer = await self.ask(command, root)
        return status_of(answer) if answer is not None else None

    async def provision(self) -> None:
        first = await self.ask("Provision", requests.provision(model="m", user_agent="u"))
        assert first is not None
        step = requests.acknowledge(requests.read_policy(first).key)
        second = await self.ask("Provision", step)
        assert second is not None
        self.key = requests.read_policy(second).key
        assert self.key

    async def folders(self) -> int | None:
        return await self.status("FolderSync", requests.folder_sync("0"))
