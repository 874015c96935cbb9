# SPDX-License-Identifier: Apache-2.0
"""A memcached as far as SOGo's connector speaks to it: the words that 1.6.18 says."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import quote_from_bytes


class FakeMemcached:
    """Attributes.

    values: what it holds.
    lists: whether it lists its keys.
    busy: how often it says first that it lists for somebody else.
    open: conversations that go on.
    after_delete: called with each key that was deleted.
    strange: what it says to everything, where not None; b"" says nothing.
    """

    def __init__(self, values: dict[bytes, bytes] | None = None) -> None:
        self.values = values or {}
        self.lists = True
        self.busy = 0
        self.after_delete: Callable[[bytes], None] = lambda _: None
        self.strange: bytes | None = None
        self.asked: list[bytes] = []
        self.open = 0

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            while line := await reader.readline():
                self.asked.append(line.strip())
                writer.write(self.answer(line.split()))
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()
            self.open -= 1

    def answer(self, words: list[bytes]) -> bytes:
        if self.strange is not None:
            return self.strange
        match words:
            case [b"version"]:
                return b"VERSION 1.6.18\r\n"
            case [b"mg", name, b"v", *flags]:
                value = self.values.get(_key(name, flags))
                return b"EN\r\n" if value is None else b"VA %d\r\n%s\r\n" % (len(value), value)
            case [b"md", name, *flags]:
                there = self.values.pop(_key(name, flags), None) is not None
                self.after_delete(_key(name, flags))
                return b"HD\r\n" if there else b"NF\r\n"
            case [b"lru_crawler", b"metadump", b"all"]:
                return self.listed()
        return b"ERROR\r\n"

    def listed(self) -> bytes:
        if not self.lists:
            return b"CLIENT_ERROR lru crawler disabled\r\n"
        if self.busy:
            self.busy -= 1
            return b"BUSY currently processing crawler request\r\n"
        keys = (quote_from_bytes(key, safe="").encode() for key in self.values)
        lines = [b"key=%s exp=-1 la=1 cas=1 fetch=no cls=1 size=9\n" % key for key in keys]
        return b"".join(lines) + b"END\r\n"


def _key(name: bytes, flags: list[bytes]) -> bytes:
    return base64.b64decode(name) if b"b" in flags else name


@asynccontextmanager
async def served(fake: FakeMemcached, host: str) -> AsyncIterator[str]:
    """Its address. `host`: of this test alone."""
    server = await asyncio.start_server(fake.converse, host, 0)
    async with server:
        yield f"{host}:{server.sockets[0].getsockname()[1]}"
        while fake.open:  # each ends when its client has gone
            await asyncio.sleep(0.001)
