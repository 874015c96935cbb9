# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL that has no data: it takes every statement, or answers one with an error.

As the documentation of PostgreSQL 15 has it (55.2, Message Flow; 55.7, Message Formats).
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_SSL_REQUEST = 80877103
_CANCEL_REQUEST = 80877102


class FakePostgres:
    """Attributes.

    no_login: code and text that the start-up is refused with.
    errors: beginning of a statement -> code and text of its error.
    lost_at: beginning of the statement at which it hangs up.
    silent_at: beginning of the statement that it does not answer.
    asked: statements, whichever conversation's.
    logins: how many conversations there were.
    """

    def __init__(self) -> None:
        self.no_login: tuple[str, str] | None = None
        self.errors: dict[str, tuple[str, str]] = {}
        self.lost_at: str | None = None
        self.silent_at: str | None = None
        self.asked: list[str] = []
        self.logins = 0
        self._open: set[asyncio.StreamWriter] = set()

    @asynccontextmanager
    async def listening(self, host: str) -> AsyncIterator[str]:
        """Gives its `host:port`."""
        server = await asyncio.start_server(self._talk, host, 0)
        try:
            yield "{}:{}".format(*server.sockets[0].getsockname())
        finally:
            server.close()
            self.hang_up()
            await server.wait_closed()

    def hang_up(self) -> None:
        """As at a restart."""
        for writer in self._open:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            await self._converse(reader, writer)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        kind, *_ = struct.unpack_from("!I", await _body(reader))
        if kind == _SSL_REQUEST:
            writer.write(b"N")
            await _body(reader)
        if kind == _CANCEL_REQUEST:  # of what is not answered
            self.hang_up()
            return
        self.logins += 1
        if self.no_login is not None:
            writer.write(_error("FATAL", *self.no_login))
            await writer.drain()
            return
        status = b"I"
        writer.write(_message(b"R", bytes(4)) + _message(b"K", bytes(8)) + _message(b"Z", status))
        text, extended = "", False
        while True:
            letter, body = await reader.readexactly(1), await _body(reader)
            if letter in b"QP":
                extended = letter == b"P"
                text = body.split(b"\0")[1 if extended else 0].decode()
                self.asked.append(text)
            if letter not in b"QS":
                continue
            status = {"BEGIN": b"T", "COMMIT": b"I", "ROLLBACK": b"I"}.get(text, status)
            if self._is(self.lost_at, text):
                return
            if not self._is(self.silent_at, text):
                writer.write(self._answer(text, extended=extended) + _message(b"Z", status))

    def _is(self, beginning: str | None, text: str) -> bool:
        return beginning is not None and text.startswith(beginning)

    def _answer(self, text: str, *, extended: bool) -> bytes:
        for beginning, told in self.errors.items():
            if text.startswith(beginning):
                return _error("ERROR", *told)
        before = _message(b"1") + _message(b"2") + _message(b"n") if extended else b""
        return before + _message(b"C", text.split(maxsplit=1)[0].encode() + b"\0")


async def _body(reader: asyncio.StreamReader) -> bytes:
    (length,) = struct.unpack("!I", await reader.readexactly(4))
    return await reader.readexactly(length - 4)


def _message(letter: bytes, body: bytes = b"") -> bytes:
    return letter + struct.pack("!I", len(body) + 4) + body


def _error(severity: str, code: str, text: str) -> bytes:
    return _message(b"E", f"S{severity}\0V{severity}\0C{code}\0M{text}\0\0".encode())
