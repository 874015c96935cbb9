# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

import structlog

from evict.control import api
from evict.control.access.roles import Access
from evict.core.access import Asker
from evict.core.errors import Bug, EvictError, Interrupted

log = structlog.get_logger()

INTERRUPTED: Final = Interrupted("`evict serve` is stopping: what the ledger holds stands")
_GOODBYE_S: Final = 0.5

Answerer = Callable[[api.Request, Asker], AsyncIterator[api.Line]]


class ControlServer:
    """Answers `evict` commands on a unix socket; who asks is told by the kernel, or by a token.

    A client that goes away stops listening, not what it ordered.
    """

    def __init__(self, path: Path, answer: Answerer, access: Access, *, mode: int = 0o660) -> None:
        self._path = path
        self._answer = answer
        self._access = access
        self._mode = mode
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._client, self._path, limit=api.MAX_LINE)
        self._path.chmod(self._mode)

    async def stop(self) -> None:
        """Listen no more, and tell whoever still waits that the answer does not come."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)
        for task in self._clients:
            task.cancel()
        if self._clients:
            await asyncio.wait(self._clients, timeout=_GOODBYE_S)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio runs this callback as a task
        self._clients.add(task)
        try:
            line = await reader.readline()
            if not line:
                return
            async for message in self._lines(line, writer):
                writer.write(api.encode(message))
                await writer.drain()
        except (ConnectionError, ValueError):
            log.info("control.client_gone")
        except asyncio.CancelledError:
            writer.write(api.encode(api.failed(INTERRUPTED)))
        finally:
            self._clients.discard(task)
            writer.close()

    async def _lines(self, line: bytes, writer: asyncio.StreamWriter) -> AsyncIterator[api.Line]:
        try:
            asked = api.decode_asked(line)
            asker = await self._access.asker_of(*_peer(writer))
            if isinstance(asked, api.WithToken):
                where = f"{asker.where}, {asker.name}"
                asker = await self._access.by_token(asked.token, where=where)
                request = asked.request
            else:
                request = asked
            async for message in self._answer(request, asker):
                yield message
        except EvictError as error:
            log.info("control.refused", code=error.code, text=error.text, **error.fields)
            yield api.failed(error)
        except Exception:  # the edge: the client is told that it is ours, the log says what
            log.exception("control.fault")
            yield api.failed(Bug("a fault of `evict serve` itself: its log says where"))


def _peer(writer: asyncio.StreamWriter) -> tuple[int, int]:
    """Uid and gid of the process at the other end when it connected (unix(7), SO_PEERCRED)."""
    peer = writer.get_extra_info("socket")
    raw = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, gid = struct.unpack("3i", raw)
    return uid, gid
