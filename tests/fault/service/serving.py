# SPDX-License-Identifier: Apache-2.0
"""`evict serve` as a process of its own, started as systemd would, on fakes of this process."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec import structs

from evict.config.model import Config, DovecotHook, DovecotSection
from evict.config.service import HttpSection
from evict.config.show import show
from tests.fault.control.town import Town, town

WATCHDOG_S = 1.5


class Manager:
    """The service manager's end of the notification socket."""

    def __init__(self, path: Path) -> None:
        self.said: list[dict[str, str]] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(0)
        self._news = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    def _read(self) -> None:
        lines = self._socket.recv(65536).decode().split("\n")
        self.said.append(dict(line.split("=", 1) for line in lines))
        self._news.set()

    def count(self, key: str) -> int:
        return sum(key in message for message in self.said)

    async def hears(self, key: str, *, times: int = 1, timeout_s: float = 20) -> dict[str, str]:
        """Wait until it was said so often; the last of them."""
        async with asyncio.timeout(timeout_s):
            while self.count(key) < times:
                self._news.clear()
                await self._news.wait()
        return [message for message in self.said if key in message][times - 1]

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()


@dataclass
class Service:
    """A running process, and what it is connected to."""

    town: Town
    config: Path
    manager: Manager
    process: asyncio.subprocess.Process
    host: str
    port: int
    log: Path
    clients: list[asyncio.StreamWriter] = field(default_factory=list)

    async def token(self, *scopes: str, name: str = "personnel") -> str:
        """A fresh one; the test's user is an administrator over the socket."""
        order = {
            "type": "token-create",
            "name": name,
            "scopes": scopes,
            "hours": 1,
            "owner": "nobody",
        }
        lines = await self.request(order)
        return str(lines[0]["data"]["token"])

    async def order(self, order: dict[str, Any], token: str) -> tuple[int, list[dict[str, Any]]]:
        """Over HTTP, to its end."""
        body = json.dumps(order).encode()
        fields = f"Authorization: Bearer {token}\r\nContent-Length: {len(body)}"
        raw = f"POST /v1/requests HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n".encode()
        status, _, answer = await self.ask(raw + body)
        return status, [json.loads(line) for line in answer.splitlines()]

    async def get(self, path: str) -> tuple[int, str]:
        status, _, body = await self.ask(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        return status, body.decode()

    async def ask(self, raw: bytes) -> tuple[int, dict[str, str], bytes]:
        """Send bytes on a connection of its own; status, fields and whole body of the answer."""
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            writer.write(raw)
            status, fields = await answer_head(reader)
            return status, fields, await answer_body(reader, fields)
        finally:
            writer.close()

    def socket(self) -> Path:
        return self.config.parent / "control.sock"

    async def request(self, order: dict[str, Any]) -> list[dict[str, Any]]:
        """Over the unix socket, to its end."""
        reader, writer = await asyncio.open_unix_connection(str(self.socket()))
        writer.write(json.dumps(order).encode() + b"\n")
        lines = [json.loads(line) async for line in reader]
        writer.close()
        return lines

    def logged(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines() if line[:1] == "{"]

    async def ended(self, timeout_s: float = 10) -> int:
        async with asyncio.timeout(timeout_s):
            return await self.process.wait()


async def answer_head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    fields = dict(line.lower().split(": ", 1) for line in head[1:] if line)
    return int(head[0].split(" ")[1]), fields


async def answer_body(reader: asyncio.StreamReader, fields: dict[str, str]) -> bytes:
    if fields.get("transfer-encoding") != "chunked":
        return await reader.readexactly(int(fields.get("content-length", "0")))
    body = b""
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        await reader.readline()
    return body


@asynccontextmanager
async def served(
    folder: Path,
    host: str,
    *,
    watchdog: bool = True,
    hook: bool = False,
    control: dict[str, Any] | None = None,
    sabotage: str = "",
    before: tuple[str, ...] = (),
    **sections: Any,
) -> AsyncIterator[Service]:
    """The process, ready; killed at the end where the test has not ended it.

    Args:
        hook: Dovecot asks an agent.
        control: put in place of the town's settings of [control].
        sabotage: Python that takes a protection away before the command begins.
        host: a loopback address of the test's own; the listener is on it too.
        before: a command that runs the command.
        sections: put in place of the town's.
    """
    async with town(folder, host) as place:
        port = _free_port(host)
        config = structs.replace(
            place.config,
            control=structs.replace(
                place.config.control,
                socket=folder / "control.sock",
                feed=folder / "feed.sock",
                **(control or {}),
            ),
            **({"dovecot": (_hooked(place.config, folder, host),)} if hook else {}),
            http=HttpSection(listen=f"{host}:{port}"),
            **sections,
        )
        file = folder / "evict.toml"
        write(file, config)
        manager = Manager(folder / "notify.sock")
        environment = {**os.environ, "NOTIFY_SOCKET": str(folder / "notify.sock")}
        if watchdog:
            environment["WATCHDOG_USEC"] = str(int(WATCHDOG_S * 1e6))
        log = folder / "serve.log"
        with log.open("wb") as stream:
            process = await asyncio.create_subprocess_exec(
                *before,
                *_command(sabotage),
                *("serve", "--config", str(file)),
                stderr=stream,
                env=environment,
            )
        service = Service(place, file, manager, process, host, port, log)
        try:
            await _ready(service)
            yield service
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            for writer in service.clients:
                writer.transport.abort()
            manager.close()


def _command(sabotage: str) -> list[str]:
    if not sabotage:
        return [sys.executable, "-m", "evict"]
    return [sys.executable, "-c", f"{sabotage}\nfrom evict.cli.app import main\nmain()"]


def _hooked(config: Config, folder: Path, host: str) -> DovecotSection:
    key = folder / "policy.key"
    key.write_text("a-policy-key")
    key.chmod(0o600)
    hook = DovecotHook(listen=f"{host}:{_free_port(host)}", api_key_file=key)
    return structs.replace(config.dovecot[0], hook=hook)


async def _ready(service: Service) -> None:
    hearing = asyncio.create_task(service.manager.hears("READY"))
    ending = asyncio.create_task(service.process.wait())
    await asyncio.wait({hearing, ending}, return_when=asyncio.FIRST_COMPLETED)
    if ending.done():
        hearing.cancel()
        raise RuntimeError(f"evict serve ended: {service.log.read_text()}")
    ending.cancel()
    hearing.result()


def write(file: Path, config: Config) -> None:
    file.write_text(show(config))


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
