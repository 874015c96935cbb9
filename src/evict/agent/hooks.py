# SPDX-License-Identifier: Apache-2.0
"""What listens for the mail servers' questions: sockets and connections, whatever the protocol."""

from __future__ import annotations

import asyncio
import grp
import os
import socket
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol, cast

from evict.core.errors import ConfigError

BACKLOG: Final = 1024
FEW: Final = 16
"""Open connections up to which each question is answered in the callback that brought it: behind a
front, 16 bring three a turn, and a look at the feed for each costs less than the turn."""


class Conversation(Protocol):
    """A product's protocol on one connection, sans-I/O."""

    @property
    def ended(self) -> bool:
        """Whether the connection ends after what `receive` gave was written."""

    def receive(self, data: bytes) -> bytes:
        """Take what came, give what to write."""


class Hook(Protocol):
    """One server's hook. Between `stop` and `start` nobody answers, so the server refuses."""

    @property
    def name(self) -> str:
        """For the hello to the control plane and the log."""

    async def start(self) -> None:
        """Listen. Raises `ConfigError` where an address cannot be had."""

    async def stop(self) -> None:
        """Stop listening and drop every connection."""


class Address(Protocol):
    """Where to listen."""

    def bind(self) -> socket.socket:
        """A bound socket. Raises `OSError`."""

    def release(self) -> None:
        """Take away what `bind` left behind."""


class TcpAddress:
    """`host:port`, `[v6]:port`."""

    def __init__(self, text: str) -> None:
        host, colon, port = text.rpartition(":")
        if not colon or not port.isdigit():
            raise ConfigError(f"listen = {text!r} is not host:port")
        self._host = host.strip("[]")
        self._port = int(port)

    def bind(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((self._host, self._port))
        except OSError:
            sock.close()
            raise
        return sock

    def release(self) -> None:
        """Nothing stays behind."""

    def __str__(self) -> str:
        return f"{self._host}:{self._port}"


class UnixAddress:
    """A socket file for its owner and one group; what an earlier run left is replaced."""

    def __init__(self, path: Path, *, group: str | None = None) -> None:
        self._path = path
        self._group = group

    def bind(self) -> socket.socket:
        self.release()
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        mask = os.umask(0o177)
        try:
            sock.bind(str(self._path))
            if self._group is not None:
                os.chown(self._path, -1, _group_id(self._group))
                self._path.chmod(0o660)
        except (OSError, ConfigError):
            sock.close()
            raise
        finally:
            os.umask(mask)
        return sock

    def release(self) -> None:
        try:
            if stat.S_ISSOCK(self._path.lstat().st_mode):
                self._path.unlink()
        except FileNotFoundError:
            return

    def __str__(self) -> str:
        return str(self._path)


def address_of(text: str, *, group: str | None = None) -> Address:
    """Of `host:port`, or of a socket file's path."""
    return UnixAddress(Path(text), group=group) if text.startswith("/") else TcpAddress(text)


def _group_id(group: str) -> int:
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError as error:
        raise ConfigError(f"socket_group = {group!r}: there is no such group") from error


class Listener:
    """A `Hook` on some addresses, one conversation a connection.

    Args:
        look: takes what the feed has brought by now; called before any question is answered.
    """

    def __init__(
        self,
        name: str,
        addresses: Sequence[Address],
        converse: Callable[[], Conversation],
        look: Callable[[], None],
    ) -> None:
        self._name = name
        self._addresses = addresses
        self._converse = converse
        self._servers: list[asyncio.Server] = []
        self._open: set[asyncio.Transport] = set()
        self._turn = _Turn(look)

    @property
    def name(self) -> str:
        return self._name

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        for address in self._addresses:
            try:
                sock = address.bind()
            except OSError as error:
                await self.stop()
                raise ConfigError(
                    f"{self._name}: cannot listen on {address}: {error.strerror}"
                ) from error
            self._servers.append(
                await loop.create_server(self._connection, sock=sock, backlog=BACKLOG)
            )

    async def stop(self) -> None:
        servers, self._servers = self._servers, []
        for server in servers:
            server.close()
        for transport in tuple(self._open):
            transport.abort()
        for server in servers:
            await server.wait_closed()
        if servers:
            for address in self._addresses:
                address.release()

    def _connection(self) -> asyncio.Protocol:
        return _Connection(self._converse(), self._open, self._turn)


class _Turn:
    """The questions of one turn of the event loop, answered together after one look at the feed.

    The look comes after the last of them was read, so whatever was pushed before one of their
    bytes was sent counts, in whatever order the loop serves its sockets and however the questions
    lie in the reads. It costs a system call; with many connections one serves many.
    """

    __slots__ = ("look", "waiting")

    def __init__(self, look: Callable[[], None]) -> None:
        self.look = look
        self.waiting: list[tuple[_Connection, bytes]] = []

    def begin(self, connection: _Connection, data: bytes) -> None:
        asyncio.get_running_loop().call_soon(self._answer)
        self.waiting.append((connection, data))

    def _answer(self) -> None:
        waiting, self.waiting = self.waiting, []
        try:
            self.look()
            for connection, data in waiting:
                if not connection.transport.is_closing():
                    connection.answer(data)
        except BaseException:
            for connection, _ in waiting:
                connection.transport.abort()
            raise


class _Connection(asyncio.Protocol):
    """Moves bytes between the socket and the conversation; nothing else is on this path."""

    __slots__ = ("_conversation", "_open", "_receive", "_turn", "_write", "transport")

    transport: asyncio.Transport
    _write: Callable[[bytes], None]

    def __init__(
        self, conversation: Conversation, open_: set[asyncio.Transport], turn: _Turn
    ) -> None:
        self._conversation = conversation
        self._receive = conversation.receive
        self._open = open_
        self._turn = turn

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._write = self.transport.write
        self._open.add(self.transport)

    def data_received(self, data: bytes) -> None:
        turn = self._turn
        if turn.waiting:
            turn.waiting.append((self, data))
        elif len(self._open) > FEW:
            turn.begin(self, data)
        else:
            turn.look()
            self.answer(data)

    def answer(self, data: bytes) -> None:
        """The feed was looked at since `data` was read."""
        answer = self._receive(data)
        if answer:
            self._write(answer)
        if self._conversation.ended:
            self.transport.close()

    def pause_writing(self) -> None:
        """Whoever does not read the answers is not asked for more."""
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        self.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the reason is the same
        self._open.discard(self.transport)
