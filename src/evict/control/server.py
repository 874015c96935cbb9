# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import os
import pwd
import socket
import struct
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import structlog

from evict.control import api
from evict.core.errors import Bug, EvictError

log = structlog.get_logger()

Answerer = Callable[[api.Request, str], AsyncIterator[api.Line]]


class ControlServer:
    """Answers `evict` commands on a unix socket; who asks is told by the kernel.

    A client that goes away stops listening, not what it ordered.
    """

    def __init__(self, path: Path, answer: Answerer, *, mode: int = 0o660) -> None:
        self._path = path
        self._answer = answer
        self._mode = mode
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._client, self._path, limit=api.MAX_LINE)
        self._path.chmod(self._mode)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = await reader.readline()
            if not line:
                return
            async for message in self._lines(line, _actor(writer)):
                writer.write(api.encode(message))
                await writer.drain()
        except (ConnectionError, ValueError):
            log.info("control.client_gone")
        finally:
            writer.close()

    async def _lines(self, line: bytes, actor: str) -> AsyncIterator[api.Line]:
        try:
            async for message in self._answer(api.decode_request(line), actor):
                yield message
        except EvictError as error:
            log.info("control.refused", code=error.code, text=error.text, **error.fields)
            yield api.failed(error)
        except Exception:  # the edge: the client is told that it is ours, the log says what
            log.exception("control.fault")
            yield api.failed(Bug("a fault of `evict serve` itself: its log says where"))


def _actor(writer: asyncio.StreamWriter) -> str:
    """`uid:1000(alice)` of the process at the other end (unix(7), SO_PEERCRED)."""
    peer = writer.get_extra_info("socket")
    raw = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", raw)
    try:
        return f"uid:{uid}({pwd.getpwuid(uid).pw_name})"
    except KeyError:
        return f"uid:{uid}"


def socket_is_ours(path: Path) -> bool:
    """Whether nobody answers there, so that it may be taken over."""
    if not path.exists():
        return True
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(os.fspath(path))
        except OSError:
            return True
    return False
