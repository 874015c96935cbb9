# SPDX-License-Identifier: Apache-2.0
"""A Dovecot as its doveadm HTTP API shows it: sessions that come, are listed and are kicked."""

from __future__ import annotations

import asyncio
import base64
import fnmatch
import json
from typing import Any, Self

KEY = "fake-key"


class FakeDoveadm:
    """One listener on a loopback address.

    Attributes:
        sessions: (username, service) of everybody; `kick` takes away what its mask matches.
        commands: every command that came, in order.
        mode: "ok", "hang", "half" (an answer cut short), "drop" (no answer), "late" (does it, then
            drops), "rubbish", "busy" (exit code 75 for everything).
    """

    def __init__(self, host: str, port: int = 0) -> None:
        self.host = host
        self.port = port
        self.mode = "ok"
        self.sessions: list[tuple[str, str]] = []
        self.commands: list[tuple[str, dict[str, Any]]] = []
        self.requests = 0
        self.asked = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._hanging = asyncio.Event()

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}/doveadm/v1"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._hanging.set()
            await self._server.wait_closed()
            self._server = None

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def names(self) -> set[str]:
        return {name for name, _ in self.sessions}

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
            body = await reader.readexactly(int(fields["content-length"]))
            self.requests += 1
            self.asked.set()
            await self._answer(writer, head, body)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    async def _answer(self, writer: asyncio.StreamWriter, head: str, body: bytes) -> None:
        if base64.b64encode(KEY.encode()).decode() not in head:
            writer.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
            return
        if self.mode == "hang":
            await self._hanging.wait()
            return
        if self.mode == "drop":
            return
        answer = self._run(json.loads(body))
        if self.mode == "late":
            return
        content = b"<html>" if self.mode == "rubbish" else json.dumps(answer).encode()
        length = len(content) + (10 if self.mode == "half" else 0)
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % length)
        writer.write(content)

    def _run(self, commands: list[list[Any]]) -> list[list[Any]]:
        return [self._one(name, parameters, tag) for name, parameters, tag in commands]

    def _one(self, name: str, parameters: dict[str, Any], tag: str) -> list[Any]:
        self.commands.append((name, parameters))
        if self.mode == "busy":
            return ["error", {"type": "exitCode", "exitCode": 75}, tag]
        if name == "who":
            rows = [{"username": n, "service": s, "pid": "1", "ip": "-"} for n, s in self.sessions]
            return ["doveadmResponse", rows, tag]
        if name == "authCacheFlush":
            return ["doveadmResponse", [{"entries": str(len(parameters["user"]))}], tag]
        if name == "kick":
            return self._kick(parameters["mask"], tag)
        return ["error", {"type": "unknownMethod", "exitCode": 0}, tag]

    def _kick(self, masks: list[str], tag: str) -> list[Any]:
        if len(masks) != 1:
            return ["error", {"type": "exitCode", "exitCode": 64}, tag]
        mask = masks[0].lower()
        hit = [n for n, _ in self.sessions if fnmatch.fnmatchcase(n.lower(), mask)]
        self.sessions = [s for s in self.sessions if s[0] not in hit]
        if not hit:
            return ["error", {"type": "exitCode", "exitCode": 68}, tag]
        return ["doveadmResponse", [{"result": name} for name in sorted(set(hit))], tag]
