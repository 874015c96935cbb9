# SPDX-License-Identifier: Apache-2.0
"""A real nginx or Caddy before a tiny origin that keeps what arrives, and the answerer it asks."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from evict.agent.hooks import Listener, TcpAddress, address_of
from evict.agent.replica import Replica
from evict.config.forward_auth import ForwardAuthHook
from evict.systems.forward_auth.bindings import Bindings
from evict.systems.forward_auth.hook import conversations, login_carrier
from evict.systems.forward_auth.products import Product
from evict.systems.forward_auth.site import Site
from evict.systems.forward_auth.snippet import FRONTS
from tests.unit.agent.fakes import Chain, push

LEAVER = b"leaver-session"
BYSTANDER = b"bystander-session"


class Origin:
    """Keeps the head and body of every request; issues a cookie at a login.

    Attributes:
        seen: (head, body) in the order in which they came.
    """

    def __init__(self, product: Product) -> None:
        self.seen: list[tuple[bytes, bytes]] = []
        self._product = product
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    async def start(self, host: str) -> None:
        self._server = await asyncio.start_server(self._accept, host, 0, limit=256 * 1024)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            for task in tuple(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                body = await _body(reader, head.lower())
                self.seen.append((head, body))
                writer.write(self._answer(head, body))
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, ValueError):
            return
        finally:
            writer.transport.abort()

    def _answer(self, head: bytes, body: bytes) -> bytes:
        method, target, _ = head.split(b"\r\n", 1)[0].split(b" ", 2)
        lines = [b"HTTP/1.1 200 OK", b"Content-Type: text/html"]
        if method == b"POST" and target.decode() == self._product.login_path:
            lines[0] = f"HTTP/1.1 {self._product.signed_in} OK".encode()
            cookie = f"{self._product.cookie}={who(body)}-session; Path=/"
            lines += [b"Set-Cookie: " + cookie.encode(), b"Location: /in"]
        return b"\r\n".join([*lines, b"Content-Length: 2", b"", b"ok"])


def who(body: bytes) -> str:
    """The name of a login."""
    if body.startswith(b"{"):
        return str(json.loads(body)["userName"])
    return next(v[0] for k, v in parse_qs(body.decode()).items() if k in ("_user", "username"))


async def _body(reader: asyncio.StreamReader, low: bytes) -> bytes:
    if b"\r\ntransfer-encoding:" in low:
        body = b""
        while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readuntil(b"\r\n")
        return body
    length = low.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
    return await reader.readexactly(int(length or 0))


class Stand:
    """Attributes are live parts."""

    def __init__(self, product: Product) -> None:
        self.product = product
        self.origin = Origin(product)
        self.bindings = Bindings()
        self.chain = Chain()
        self.replica = Replica()
        self.host = ""
        self.port = 0
        self.h2_port = 0
        self.listener: Listener
        self.settings: ForwardAuthHook

    def close(self, *names: str) -> None:
        self.replica.apply(push(self.chain.revoke(f"id-{names[0]}", *names)))

    async def say(self, raw: bytes, *, port: int = 0, wait_s: float = 5.0) -> bytes:
        """Send it as it is; all that comes back until the front ends the connection."""
        reader, writer = await asyncio.open_connection(self.host, port or self.port)
        try:
            writer.write(raw)
            async with asyncio.timeout(wait_s):
                return await reader.read()
        except (ConnectionError, TimeoutError):
            return b""
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def get(self, target: str, *headers: str, method: str = "GET") -> tuple[int, str]:
        lines = [f"{method} {target} HTTP/1.1", "Host: mail.corp.test", *headers]
        said = await self.say("\r\n".join([*lines, "Connection: close", "", ""]).encode())
        return int(said[9:12] or 0), said.decode("latin-1")


@asynccontextmanager
async def standing(
    kind: str,
    product: Product,
    host: str,
    tmp: Path,
    *,
    closed: bool = True,
    listen: str = "",
) -> AsyncIterator[Stand]:
    """Alice is closed, or is not, and has a cookie from before; Bob has one too.

    Args:
        listen: where the front asks; else at a port of the host.
    """
    if shutil.which(kind) is None:
        pytest.skip(f"{kind} is not installed")
    stand = Stand(product)
    stand.host = host
    stand.replica.apply(stand.chain.snapshot())
    stand.bindings.bind(LEAVER, b"alice")
    stand.bindings.bind(BYSTANDER, b"bob@corp.test")
    if closed:
        stand.close("alice", "alice@corp.test", "corp\\alice")
    async with contextlib.AsyncExitStack() as stack:
        await stand.origin.start(host)
        stack.push_async_callback(stand.origin.stop)
        upstream = f"http://{host}:{stand.origin.port}"
        ask, carry = free_port(host), free_port(host)
        settings = ForwardAuthHook(
            listen=listen or f"{host}:{ask}",
            front=kind,
            login_listen=f"{host}:{carry}",
            login_upstream=upstream,
        )
        stand.settings = settings
        decide = stand.replica.decide
        converse = conversations(decide, stand.bindings, settings, product)
        stand.listener = Listener("front", [address_of(settings.listen)], converse, nothing)
        await stand.listener.start()
        stack.push_async_callback(stand.listener.stop)
        carrier = login_carrier(
            "login",
            TcpAddress(f"{host}:{carry}"),
            settings,
            decide=decide,
            bindings=stand.bindings,
            look=nothing,
            product=product,
        )
        await carrier.start()
        stack.push_async_callback(carrier.stop)
        stand.port, stand.h2_port = free_port(host), free_port(host)
        site = Site(
            name="mail",
            host=f"http://:{stand.port}",
            upstream=upstream,
            settings=settings,
            product=product,
        )
        write = _nginx if kind == "nginx" else _caddy
        command = write(stand, FRONTS[kind](site), tmp)
        env = {
            **os.environ,
            "HOME": str(tmp),
            "XDG_DATA_HOME": str(tmp),
            "XDG_CONFIG_HOME": str(tmp),
        }
        with (tmp / "front.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *command, stdout=log, stderr=log, env=env
            )
        try:
            await _until_listening(stand, process)
            yield stand
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


def nothing() -> None:
    """The feed has brought nothing."""


def free_port(host: str) -> int:
    sock = TcpAddress(f"{host}:0").bind()
    port = int(sock.getsockname()[1])
    sock.close()
    return port


async def _until_listening(stand: Stand, process: asyncio.subprocess.Process) -> None:
    for _ in range(200):
        assert process.returncode is None, "the front did not start"
        try:
            _, writer = await asyncio.open_connection(stand.host, stand.port)
        except OSError:
            await asyncio.sleep(0.05)
            continue
        writer.close()
        return
    raise TimeoutError("the front does not listen")


def _nginx(stand: Stand, text: str, tmp: Path) -> list[str]:
    http, _, server = text.partition("# --- into server { } ---\n")
    names = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temps = "".join(f"{name}_temp_path {tmp}/{name}; " for name in names)
    user = "user root;\n" if os.geteuid() == 0 else ""
    (tmp / "nginx.conf").write_text(
        f"{user}daemon off; worker_processes 1; pid {tmp}/pid; error_log {tmp}/error.log;\n"
        "events { worker_connections 256; }\n"
        f"http {{ access_log off; client_max_body_size 8m; {temps}\n{http}\n"
        f"server {{ listen {stand.host}:{stand.port}; listen {stand.host}:{stand.h2_port} http2;\n"
        f"{server}\n}} }}\n"
    )
    return ["nginx", "-p", str(tmp), "-c", str(tmp / "nginx.conf"), "-e", str(tmp / "start.log")]


def _caddy(stand: Stand, text: str, tmp: Path) -> list[str]:
    whole = (
        "{\n\tadmin off\n\tauto_https off\n"
        f"\tdefault_bind {stand.host}\n\tstorage file_system {tmp}\n"
        "\tlog {\n\t\toutput discard\n\t}\n"
        "\tservers {\n\t\tprotocols h1 h2 h2c\n\t}\n}\n"
    )
    (tmp / "Caddyfile").write_text(whole + text)
    stand.h2_port = stand.port
    return ["caddy", "run", "--config", str(tmp / "Caddyfile"), "--adapter", "caddyfile"]
