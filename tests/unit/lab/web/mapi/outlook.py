# SPDX-License-Identifier: Apache-2.0
"""A client of MAPI over HTTP that says one thing after the other."""

from __future__ import annotations

import base64
import struct

import httpx2

from evict.wire import mapihttp as wire
from tests.unit.lab.web.loopback import NAME, PASSWORD


class Outlook:
    def __init__(self, client: httpx2.AsyncClient) -> None:
        self.client = client
        self.name = NAME
        self.password = PASSWORD
        self._count = 0

    def basic(self) -> str:
        return "Basic " + base64.b64encode(f"{self.name}:{self.password}".encode()).decode()

    async def ask(
        self, kind: str, body: bytes, path: str = wire.PATH, authorization: str = ""
    ) -> httpx2.Response:
        self._count += 1
        headers = wire.headers(kind, "11111111-2222-3333-4444-555555555555", self._count)
        headers["Authorization"] = authorization or self.basic()
        return await self.client.post(path, content=body, headers=headers)

    async def connect(self, name: str = NAME, path: str = wire.PATH) -> httpx2.Response:
        return await self.ask("Connect", wire.connect_body(name), path)

    async def ping(self) -> httpx2.Response:
        return await self.ask("PING", b"")

    @staticmethod
    def code(answer: httpx2.Response) -> int:
        assert answer.status_code == 200
        return int(answer.headers["x-responsecode"])

    @staticmethod
    def error(answer: httpx2.Response) -> int:
        """ErrorCode of Connect."""
        assert answer.headers["x-responsecode"] == "0"
        status, error = struct.unpack_from("<2I", wire.payload(answer.content))
        assert status == 0
        return int(error)
