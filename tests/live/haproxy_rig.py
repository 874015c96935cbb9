# SPDX-License-Identifier: Apache-2.0
"""Debian's HAProxy with the snippet in it, and a server behind it that speaks three sign-ins.

Long: the server behind speaks three products' sign-ins, and they are told apart most easily on
one page.
"""

from __future__ import annotations

import asyncio
import base64
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest
from msgspec import Struct, json

from evict.agent.replica import Replica
from evict.config.haproxy import HaproxyHook
from evict.core.errors import SystemFault
from evict.systems.cutting import NO_SESSIONS
from evict.systems.haproxy.hook import Hook
from evict.systems.haproxy.runtime import Runtime
from evict.systems.haproxy.snippet import ProductName, parts
from tests.unit.agent.fakes import Chain, push

PRODUCTS: Final[tuple[ProductName, ...]] = ("sogo", "roundcube", "exchange")
COOKIE: Final = {"sogo": "0xHIGHFLYxSOGo", "roundcube": "roundcube_sessid", "exchange": "cadata"}

needs_haproxy = pytest.mark.skipif(
    shutil.which("haproxy", path="/usr/sbin:/usr/bin") is None, reason="haproxy is not installed"
)


class Reply(Struct, frozen=True):
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def cookie(self, name: str) -> str:
        """That it sets; "" where it sets none."""
        for key, value in self.headers:
            cookie, _, rest = value.partition("=")
            if key == "set-cookie" and cookie == name:
                return rest.partition(";")[0]
        return ""


class Client:
    """One connection."""

    def __init__(self, host: str, port: int, source: str = "") -> None:
        self._at = (host, port)
        self._source = source
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def ask(self, method: str, path: str, *headers: str, body: bytes = b"") -> Reply:
        await self.send(method, path, *headers, body=body)
        return await self.reply()

    async def send(self, method: str, path: str, *headers: str, body: bytes = b"") -> None:
        if self.writer is None:
            source = (self._source, 0) if self._source else None
            self.reader, self.writer = await asyncio.open_connection(*self._at, local_addr=source)
        lines = [f"{method} {path} HTTP/1.1", "Host: mail.corp.test", *headers]
        if method == "POST":
            lines.append(f"Content-Length: {len(body)}")
        self.writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        await self.writer.drain()

    async def reply(self) -> Reply:
        """Raises `EOFError` where the connection ended first."""
        assert self.reader is not None
        async with asyncio.timeout(20):
            return await read_reply(self.reader)

    def close(self) -> None:
        if self.writer is not None:
            self.writer.transport.abort()
        self.writer = None


async def read_reply(reader: asyncio.StreamReader) -> Reply:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = tuple(
        (name.lower(), value.strip())
        for name, _, value in (h.partition(":") for h in head[1:] if h)
    )
    length = int(dict(pairs).get("content-length", "0"))
    return Reply(int(head[0].split(" ")[1]), pairs, await reader.readexactly(length))


class Origin:
    """Signs in whoever posts a name: SOGo's JSON, Roundcube's form, OWA's form.

    `/held` is answered when `release` is set. `seen` is what came: path, and the cookies.
    """

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []
        self.release = asyncio.Event()
        self.slow = asyncio.Event()
        self.slow.set()
        self.big = ""
        self._count = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                await self._one(head, reader, writer)
        except (EOFError, OSError, asyncio.LimitOverrunError):
            return
        except asyncio.CancelledError:
            return
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _one(
        self, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        first, *rest = head.split("\r\n")
        headers = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in rest)}
        method, path, _ = first.split(" ")
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.seen.append((path, headers.get("cookie", "")))
        status, more = self._answer(method, path, headers, body)
        if path.startswith("/held"):
            await self.release.wait()
        if method == "POST" and more:
            await self.slow.wait()
        text = b"mail of somebody"
        lines = [f"HTTP/1.1 {status} X", *more, f"Content-Length: {len(text)}", "", ""]
        writer.write("\r\n".join(lines).encode("latin-1") + text)
        await writer.drain()

    def _answer(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, list[str]]:
        self._count += 1
        value = f"{self.big}c{self._count}"
        if path == "/SOGo/connect" and method == "POST":
            return 200, [f"Set-Cookie: 0xHIGHFLYxSOGo={value}; path=/SOGo/; HttpOnly"]
        if path.lower() == "/owa/auth.owa" and method == "POST":
            return 302, [f"Set-Cookie: cadata={value}; path=/; secure; HttpOnly", "Location: /owa/"]
        if method == "POST" and b"_user=" in body:
            return 302, [f"Set-Cookie: roundcube_sessid={value}; path=/; HttpOnly", "Location: ./"]
        if path.startswith("/?_task=login") and "roundcube_sessid" not in headers.get("cookie", ""):
            return 200, [f"Set-Cookie: roundcube_sessid={value}; path=/; HttpOnly"]
        return 200, []


class Told:
    """What the hook said: to the feed, and of the requests it ended."""

    def __init__(self) -> None:
        self.enforced = 0
        self.lapses: list[str] = []
        self.steps: list[tuple[int, str, int]] = []
        self.details: list[str] = []
        self.enforcing = False

    def enforces(self, seq: int) -> None:
        self.enforced, self.enforcing = seq, True

    def lapsed(self, why: str) -> None:
        self.lapses.append(why)
        self.enforcing = False

    def __call__(
        self,
        seq: int,
        step: str,
        *,
        count: int = 0,
        left: object = NO_SESSIONS,  # noqa: ARG002 - the signature is given
        detail: str = "",
    ) -> None:
        self.steps.append((seq, step, count))
        self.details.append(detail)


class Rig:
    """HAProxy on one address; a frontend and a backend a product."""

    def __init__(self, folder: Path, host: str, **settings: int | str) -> None:
        self.folder = folder
        self.host = host
        self.origin = Origin()
        self.settings = settings
        self.threads = 2
        self.products: tuple[str, ...] = PRODUCTS
        self.extra = ""
        self.origin_port = 0
        self.process: subprocess.Popen[bytes] | None = None
        self.older: list[subprocess.Popen[bytes]] = []
        (folder / "maps").mkdir(exist_ok=True)
        self.ports: dict[str, int] = {product: 8100 + n for n, product in enumerate(PRODUCTS)}
        self.chain = Chain()
        self.replica = Replica()
        self.told: dict[str, Told] = {product: Told() for product in PRODUCTS}
        self.hooks: dict[str, Hook] = {}
        self._running: list[asyncio.Task[None]] = []
        self._clients: list[Client] = []
        self._server: asyncio.Server | None = None

    def hook(self, product: str) -> HaproxyHook:
        return HaproxyHook(
            runtime=str(self.folder / "admin.sock"),
            map_folder=self.folder / "maps",
            state_file=self.folder / f"{product}.cookies",
            **self.settings,  # type: ignore[arg-type]
        )

    def write(self, port: int) -> None:
        """The configuration; the map files where they are not there."""
        lines = [
            *("defaults", "  mode http", "  timeout connect 5s", "  timeout client 1h"),
            *("  timeout server 1h", "  timeout http-request 10s"),
        ]
        global_: dict[str, None] = {}
        for product in PRODUCTS:
            of = parts(product, self.hook(product), product)
            global_ |= dict.fromkeys(of.global_lines)
            lines += [f"frontend in_{product}", f"  bind {self.host}:{self.ports[product]}"]
            lines += [f"  default_backend {product}", f"backend {product}"]
            lines += [f"  {line}" for line in of.backend_lines]
            lines += [f"  server s1 {self.host}:{port}", *of.sections]
            for file in of.files:
                file.touch()
        head = ["global", f"  nbthread {self.threads}", *(f"  {line}" for line in global_)]
        text = "\n".join([*head, *lines, self.extra, ""])
        (self.folder / "haproxy.cfg").write_text(text)

    def launch(self) -> None:
        """Start HAProxy; one that runs is told to leave, as a reload does."""
        command = ["haproxy", "-db", "-f", str(self.folder / "haproxy.cfg")]
        if self.process is not None:
            command += ["-sf", str(self.process.pid)]
            self.older.append(self.process)
        env = {"PATH": "/usr/sbin:/usr/bin"}
        with (self.folder / "haproxy.log").open("ab") as log:
            self.process = subprocess.Popen(command, env=env, stdout=log, stderr=log)

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process = None

    async def answering(self) -> None:
        """Wait until the runtime socket answers."""
        async with asyncio.timeout(20):
            while True:
                try:
                    async with Runtime(str(self.folder / "admin.sock"), system="rig"):
                        return
                except SystemFault:
                    await asyncio.sleep(0.01)

    async def ask(self, command: str) -> str:
        async with Runtime(str(self.folder / "admin.sock"), system="rig") as runtime:
            return await runtime.ask(command)

    @asynccontextmanager
    async def running(
        self, *, agent: bool = True, products: tuple[str, ...] = PRODUCTS
    ) -> AsyncIterator[None]:
        self.products = products
        self._server = await asyncio.start_server(self.origin.serve, self.host, 0, limit=1 << 20)
        self.write(self.origin_port or self._server.sockets[0].getsockname()[1])
        self.launch()
        try:
            await self.answering()
            if agent:
                self.replica.apply(self.chain.snapshot())
                await self.start_agent()
                await self.until(lambda: all(self.told[p].enforcing for p in self.products))
            yield
        finally:
            for client in self._clients:
                client.close()
            await self.stop_agent()
            for process in (*self.older, *([self.process] if self.process else [])):
                process.kill()
                process.wait()
            await self.origin.stop()
            self._server.close()
            await self._server.wait_closed()

    async def start_agent(self) -> None:
        for product in self.products:
            hook = Hook(
                product,
                self.hook(product),
                ledger=self.replica,
                tell=self.told[product],
                spell=self.replica.spellings,
                report=self.told[product],
            )
            await hook.start()
            self.hooks[product] = hook
            self._running.append(asyncio.create_task(hook.run()))

    async def stop_agent(self) -> None:
        for hook in self.hooks.values():
            await hook.stop()
        self.kill_agent()

    def kill_agent(self) -> None:
        """As a SIGKILL does: HAProxy is told nothing."""
        for hook in self.hooks.values():
            self.told[hook.name].enforcing = False
            hook.keeper._leave = _say_nothing  # type: ignore[method-assign]
            for process in hook.keeper.processes:
                process.drop()
            if hook._keeping is not None:
                hook._keeping.cancel()
                hook._keeping = None
        for task in self._running:
            task.cancel()
        self.hooks, self._running = {}, []

    def revoke(self, account: str, *forms: str) -> int:
        """As the feed brings it."""
        change = self.replica.apply(push(self.chain.revoke(account, *forms)))
        for hook in self.hooks.values():
            for leaver in change.revoked:
                hook.cut(leaver.account, leaver.seq, leaver.forms)
            hook.fed()
        return self.replica.seq

    def reinstate(self, account: str) -> int:
        change = self.replica.apply(push(self.chain.reinstate(account)))
        for hook in self.hooks.values():
            for name in change.reinstated:
                hook.spare(name)
            hook.fed()
        return self.replica.seq

    async def enforced(self, seq: int) -> None:
        await self.until(
            lambda: all(
                self.told[p].enforcing and self.told[p].enforced >= seq for p in self.products
            )
        )

    async def until(self, condition: object, timeout_s: float = 20) -> None:
        assert callable(condition)
        async with asyncio.timeout(timeout_s):
            while not condition():
                await asyncio.sleep(0.001)

    def client(self, product: str, source: str = "") -> Client:
        client = Client(self.host, self.ports[product], source)
        self._clients.append(client)
        return client

    async def sign_in(self, product: str, name: str, *headers: str) -> Reply:
        client = self.client(product)
        try:
            if product == "sogo":
                body = json.encode({"userName": name, "password": "pw", "domain": None})
                kind = "Content-Type: application/json"
                return await client.ask("POST", "/SOGo/connect", kind, *headers, body=body)
            kind = "Content-Type: application/x-www-form-urlencoded"
            if product == "exchange":
                body = f"destination=%2Fowa&username={quoted(name)}&password=pw".encode()
                return await client.ask("POST", "/owa/auth.owa", kind, *headers, body=body)
            page = await client.ask("GET", "/?_task=login")
            cookie = f"Cookie: roundcube_sessid={page.cookie('roundcube_sessid')}"
            body = f"_task=login&_action=login&_user={quoted(name)}&_pass=pw".encode()
            return await client.ask("POST", "/?_task=login", kind, cookie, *headers, body=body)
        finally:
            client.close()

    async def session(self, product: str, name: str) -> str:
        """A session's Cookie header."""
        reply = await self.sign_in(product, name)
        value = reply.cookie(COOKIE[product])
        assert value, reply
        return f"Cookie: {COOKIE[product]}={value}"

    async def status(self, product: str, *headers: str, method: str = "GET") -> int:
        client = self.client(product)
        try:
            return (await client.ask(method, "/mail", *headers)).status
        finally:
            client.close()


async def http_2(
    host: str,
    port: int,
    *requests: tuple[str, ...],
    path: str = "/mail",
    together: bool = False,
) -> list[int]:
    """Statuses of POSTs that go over one connection; 0 of a stream that was reset.

    Nothing is compressed: a header is a literal that is not indexed, and HAProxy answers alike
    (RFC 9113 section 6, RFC 7541 section 6.2.2).

    Args:
        together: all are in flight at once, else one after the other.
    """
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(4, 0, 0, b""))
    statuses: dict[int, int] = {}
    wanted: set[int] = set()
    for number, headers in enumerate(requests):
        stream = 2 * number + 1
        pairs = [":method: POST", ":scheme: http", f":path: {path}", ":authority: a", *headers]
        block = b"".join(_literal(*pair.rsplit(": ", 1)) for pair in pairs)
        writer.write(_frame(1, 0x5, stream, block))  # END_STREAM, END_HEADERS
        wanted.add(stream)
        async with asyncio.timeout(20):
            while wanted and not (together and number + 1 < len(requests)):
                head = await reader.readexactly(9)
                payload = await reader.readexactly(int.from_bytes(head[:3], "big"))
                about = int.from_bytes(head[5:9], "big")
                if head[3] == 4 and not head[4]:
                    writer.write(_frame(4, 1, 0, b""))
                if head[3] in (1, 3) and about in wanted:
                    statuses[about] = _status(payload) if head[3] == 1 else 0
                    wanted.discard(about)
    writer.transport.abort()
    return [statuses[stream] for stream in sorted(statuses)]


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return (
        len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload
    )


def _literal(name: str, value: str) -> bytes:
    assert len(name) < 127
    assert len(value) < 127
    return bytes([0, len(name)]) + name.lower().encode() + bytes([len(value)]) + value.encode()


def _status(block: bytes) -> int:
    """HAProxy writes it first: indexed (200), or as three digits."""
    indexed = {0x88: 200, 0x8C: 400, 0x8D: 404, 0x8E: 500}
    return indexed.get(block[0]) or int(block[2:5])


def quoted(name: str) -> str:
    return "".join(c if c.isalnum() else f"%{c.encode().hex().upper()}" for c in name)


def basic(name: str) -> str:
    return "Authorization: Basic " + base64.b64encode(f"{name}:pw".encode()).decode()


async def _say_nothing() -> None:
    """A process that is killed leaves as it stands."""
