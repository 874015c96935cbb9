# SPDX-License-Identifier: Apache-2.0
"""LDAPS over the model's directory: one domain controller. Every wait and size is bounded."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from evict.lab.ldap import codec, conversation
from evict.lab.ldap.codec import Malformed
from evict.lab.ldap.conversation import Conversation
from evict.lab.ldap.tree import Tree
from evict.lab.model.organisation import Organisation

_log = logging.getLogger(__name__)
_SEQUENCE: Final = 0x30
_BATCH: Final = 64 * 1024


class LdapLimits(Struct, frozen=True, kw_only=True):
    """Real seconds, and counts.

    Attributes:
        idle_s: between two requests (MaxConnIdleTime, MS-ADTS 3.1.1.3.4.6).
        first_s: for the first request (InitRecvTimeout, same place).
        message_s: from the first octet of a request to its last.
        write_s: for a client that does not read.
        connections: at one time (MaxConnections, same place, is 5000).
    """

    idle_s: float = 900.0
    first_s: float = 120.0
    message_s: float = 20.0
    write_s: float = 60.0
    connections: int = 1000


class LdapServer:
    """Serves while its loop runs; the model is only touched on it.

    Args:
        server_name: host name of the domain controller.
        delegates: accounts that may disable people and reset their passwords.
        nested: group -> groups that it is a member of, by name.
    """

    def __init__(
        self,
        organisation: Organisation,
        server_name: str,
        *,
        delegates: Iterable[str] = ("svc-evict",),
        nested: Mapping[str, Sequence[str]] | None = None,
        limits: LdapLimits | None = None,
    ) -> None:
        self.tree = Tree(
            organisation.directory, organisation.now, delegates=delegates, nested=nested
        )
        self._name = server_name
        self._limits = limits or LdapLimits()
        self._server: asyncio.Server | None = None
        self._open: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None) -> int:
        """Listen; the port. Without `tls` no password can be set, as in Active Directory."""
        secure = tls is not None
        self._server = await asyncio.start_server(
            lambda reader, writer: self._serve(reader, writer, secure=secure),
            host,
            port,
            ssl=tls,
            ssl_handshake_timeout=self._limits.message_s if secure else None,
        )
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stop listening and end every connection."""
        if self._server is None:
            return
        self._server.close()
        tasks = [task for task in self._open.values() if task is not None]
        for writer in tuple(self._open):
            writer.transport.abort()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, secure: bool
    ) -> None:
        if len(self._open) >= self._limits.connections:
            writer.transport.abort()
            return
        self._open[writer] = asyncio.current_task()
        try:
            with contextlib.suppress(OSError, EOFError, TimeoutError):
                await self._converse(
                    reader, writer, Conversation(self.tree, self._name, secure=secure)
                )
        finally:
            del self._open[writer]
            writer.transport.abort()

    async def _converse(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        talk: Conversation,
    ) -> None:
        wait_s = self._limits.first_s
        while not talk.ended:
            async with asyncio.timeout(wait_s):
                first = await reader.readexactly(1)
            try:
                async with asyncio.timeout(self._limits.message_s):
                    frame = first + await _rest(first, reader)
                await self._send(writer, talk, frame)
            except Malformed as error:
                _log.info("a client sent %s", error)
                writer.write(conversation.disconnection())
                async with asyncio.timeout(self._limits.write_s):
                    await writer.drain()
                writer.close()
                await writer.wait_closed()
                return
            wait_s = self._limits.idle_s

    async def _send(self, writer: asyncio.StreamWriter, talk: Conversation, frame: bytes) -> None:
        waiting = bytearray()
        for answer in talk.answer(codec.decode(frame)):
            waiting += answer
            if len(waiting) >= _BATCH:
                await self._flush(writer, waiting)
        await self._flush(writer, waiting)

    async def _flush(self, writer: asyncio.StreamWriter, waiting: bytearray) -> None:
        writer.write(bytes(waiting))
        waiting.clear()
        async with asyncio.timeout(self._limits.write_s):
            await writer.drain()


async def _rest(first: bytes, reader: asyncio.StreamReader) -> bytes:
    """What follows the first octet of a message. Raises `Malformed` before it reads too much."""
    if first[0] != _SEQUENCE:
        raise Malformed("what is no LDAP message")
    head = await reader.readexactly(1)
    size = head[0]
    if size & 0x80:
        width = size & 0x7F
        if not 1 <= width <= 4:
            raise Malformed("a length that is none")
        extra = await reader.readexactly(width)
        head += extra
        size = int.from_bytes(extra, "big")
    if size > codec.MAX_MESSAGE:
        raise Malformed("a message that is too long")
    return head + await reader.readexactly(size)
