# SPDX-License-Identifier: Apache-2.0
"""An HTTP client that sends what it is told, byte by byte."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from evict.control.http.messages import Limits
from evict.control.http.server import Handler, HttpServer

HOST = "127.168.10.1"


@dataclass
class Answered:
    status: int
    fields: dict[str, str]
    body: bytes


@dataclass
class Client:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def head(self) -> Answered:
        text = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in text[1:] if line)
        return Answered(int(text[0].split(" ")[1]), fields, b"")

    async def chunk(self) -> bytes:
        """b"" for the last one."""
        size = int(await self.reader.readline(), 16)
        data = await self.reader.readexactly(size)
        assert await self.reader.readline() == b"\r\n"
        return data

    async def answer(self) -> Answered:
        answered = await self.head()
        if answered.fields.get("transfer-encoding") == "chunked":
            while data := await self.chunk():
                answered.body += data
        else:
            length = int(answered.fields["content-length"])
            answered.body = await self.reader.readexactly(length)
        return answered

    async def is_closed(self) -> bool:
        """Waits for the end of what comes; whether nothing came before it."""
        async with asyncio.timeout(5):
            return await self.reader.read() == b""


class Site:
    """A server with one handler, and clients of it."""

    def __init__(self, server: HttpServer, port: int) -> None:
        self.server = server
        self._port = port
        self._clients: list[Client] = []

    async def client(self) -> Client:
        self._clients.append(Client(*await asyncio.open_connection(HOST, self._port)))
        return self._clients[-1]

    async def one(self, data: bytes) -> Answered:
        """The first answer to these bytes, on a connection of their own."""
        client = await self.client()
        client.send(data)
        return await client.answer()

    def close(self) -> None:
        for client in self._clients:
            client.writer.transport.abort()


@asynccontextmanager
async def site(handler: Handler, **limits: float) -> AsyncIterator[Site]:
    server = HttpServer(handler, limits=Limits(**limits))  # type: ignore[arg-type] # numbers all
    made = Site(server, await server.start(HOST, 0))
    try:
        yield made
    finally:
        made.close()
        await server.stop()


def get(path: str = "/", *fields: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: x", *fields, "", ""]).encode()


def post(body: bytes, *fields: str, path: str = "/v1/requests") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *fields, "", ""]
    return "\r\n".join(lines).encode() + body
