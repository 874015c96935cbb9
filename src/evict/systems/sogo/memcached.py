# SPDX-License-Identifier: Apache-2.0
"""The few words of memcached's text protocol that are needed, sent as they are.

SOGo writes over the binary protocol, whose keys may hold blanks; such a key is named in base64.
Spec: memcached 1.6.18, doc/protocol.txt (get, delete, version, "Meta Commands" with flag b,
"LRU_Crawler": `metadump` lists each key in URL encoding).
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final
from urllib.parse import unquote_to_bytes

from evict.core.errors import RemoteProtocolError, Unreachable, Unsupported

MAX_VALUE: Final = 16 * 1024 * 1024
MAX_KEYS: Final = 5_000_000
_LONGEST_KEY: Final = 250
_PLAIN: Final = re.compile(rb"[\x21-\x7e\x80-\xff]+")
_BUSY_TRIES: Final = 20
_BUSY_PAUSE_S: Final = 0.05


class Memcached:
    """One server. `address`: host:port, or the path of a socket."""

    def __init__(self, address: str, *, system: str, timeout_s: float = 3.0) -> None:
        self.address = address
        self._system = system
        self._timeout_s = timeout_s

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Line]:
        """One conversation; all of it within the time.

        Raises:
            Unreachable: nobody answers, or not in time, or the server hung up.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                reader, writer = await self._connect()
                try:
                    yield Line(reader, writer, self._system)
                finally:
                    writer.close()
                    with suppress(OSError):
                        await writer.wait_closed()
        except TimeoutError:
            text = f"memcached at {self.address} did not answer within {self._timeout_s:g} s"
            raise Unreachable(text, system=self._system) from None
        except asyncio.LimitOverrunError:
            text = f"memcached at {self.address} sent a line without an end"
            raise RemoteProtocolError(text, system=self._system) from None
        except (OSError, asyncio.IncompleteReadError) as error:
            text = f"memcached at {self.address}: {error or 'hung up'}"
            raise Unreachable(text, system=self._system) from error

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self.address.startswith("/"):
            return await asyncio.open_unix_connection(self.address, limit=MAX_VALUE)
        host, _, port = self.address.rpartition(":")
        return await asyncio.open_connection(host.strip("[]"), int(port), limit=MAX_VALUE)


class Line:
    """Asks one thing after the other."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, system: str
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._system = system

    async def _ask(self, question: bytes) -> bytes:
        self._writer.write(question + b"\r\n")
        await self._writer.drain()
        return await self._line()

    async def _line(self) -> bytes:
        line = await self._reader.readuntil(b"\n")
        return line.rstrip(b"\r\n")

    def _strange(self, answer: bytes) -> RemoteProtocolError:
        word = answer.split(b" ", 1)[0][:40].decode("ascii", "replace")
        return RemoteProtocolError(f"memcached answered {word!r}", system=self._system)

    async def version(self) -> str:
        answer = await self._ask(b"version")
        if not answer.startswith(b"VERSION "):
            raise self._strange(answer)
        return answer.removeprefix(b"VERSION ").decode("ascii", "replace")

    async def get(self, key: bytes) -> bytes | None:
        """Its value; None where there is none."""
        name, flags = _name(key)
        answer = await self._ask(b"mg " + name + b" v" + flags)
        if answer == b"EN" or answer.startswith(b"EN "):
            return None
        word, _, rest = answer.partition(b" ")
        size = rest.split(b" ", 1)[0]
        if word != b"VA" or not size.isdigit() or int(size) > MAX_VALUE:
            raise self._strange(answer)
        value = await self._reader.readexactly(int(size) + 2)
        return value[:-2]

    async def delete(self, key: bytes) -> bool:
        """Whether it was there."""
        name, flags = _name(key)
        answer = await self._ask(b"md " + name + flags)
        if answer[:2] not in (b"HD", b"NF"):
            raise self._strange(answer)
        return answer[:2] == b"HD"

    async def keys(self) -> list[bytes]:
        """Every key. Raises `Unsupported` where the server lists none."""
        for _ in range(_BUSY_TRIES):
            answer = await self._ask(b"lru_crawler metadump all")
            if not answer.startswith(b"BUSY"):
                return await self._listed(answer)
            await asyncio.sleep(_BUSY_PAUSE_S)
        raise Unsupported("memcached is listing for somebody else", system=self._system)

    async def _listed(self, line: bytes) -> list[bytes]:
        keys: list[bytes] = []
        while line != b"END":
            if not line.startswith(b"key="):
                raise Unsupported(
                    "memcached lists no keys: lru_crawler is off or it is older than 1.4.31",
                    system=self._system,
                )
            keys.append(unquote_to_bytes(line[4:].split(b" ", 1)[0]))
            if len(keys) > MAX_KEYS:
                raise RemoteProtocolError("memcached's list has no end", system=self._system)
            line = await self._line()
        return keys


def _name(key: bytes) -> tuple[bytes, bytes]:
    """A key as it is sent, and the flag that says how."""
    if not 0 < len(key) <= _LONGEST_KEY:
        raise ValueError("a key has 1 to 250 bytes")
    if _PLAIN.fullmatch(key):
        return key, b""
    return base64.b64encode(key), b" b"
