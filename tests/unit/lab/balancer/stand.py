# SPDX-License-Identifier: Apache-2.0
"""Two servers, a balancer before them, and an answerer that it asks; all over real sockets."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from evict.agent.hooks import Listener, TcpAddress
from evict.agent.replica import Replica
from evict.config.forward_auth import ForwardAuthHook
from evict.core.endpoint import Endpoint, Tls
from evict.core.secret import Secret
from evict.lab.balancer.balancer import Balancer
from evict.lab.balancer.words import HookAddress, Upstream
from evict.lab.certificates import Authority
from evict.lab.http.messages import Request, Response
from evict.lab.http.server import HttpServer
from evict.probes.base import Login
from evict.systems.forward_auth.bindings import Bindings
from evict.systems.forward_auth.cutter import Cutter, Pace
from evict.systems.forward_auth.hook import conversations, login_carrier
from evict.systems.forward_auth.runtime import Runtime
from tests.unit.agent.fakes import Chain, push

HOST = "127.84.31.1"
SERVERS = ("127.84.31.11", "127.84.31.12")
NAME = "mail.corp.test"
COOKIE = "cadata-1"


class Site:
    """One server. `/hold` waits until the client goes, or `release`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.seen: list[Request] = []
        self.held = 0
        self.let_go = 0
        self.release = asyncio.Event()
        self.renews = ""
        self._http = HttpServer()
        self._http.route("", self)
        self.port = 0

    async def start(self, host: str, tls: ssl.SSLContext | None) -> None:
        self.port = await self._http.start(host, self.port, tls)

    async def stop(self) -> None:
        await self._http.stop(grace_s=0.1)

    async def __call__(self, request: Request) -> Response:
        self.seen.append(request)
        path = request.path.lower()
        count = int(str(request.connection.state.get("count", "0"))) + 1
        request.connection.state["count"] = count
        if path == "/hold":
            await self._hold(request)
        if path == "/cut":
            request.connection.abort()
        if path == "/owa/auth.owa":
            cookie = f"cadata={COOKIE}; path=/; Secure"
            return Response(302, [("Location", "/owa/"), ("Set-Cookie", cookie)])
        said = [("X-Server", self.name), ("X-Count", str(count))]
        if self.renews and path == "/owa/":
            said.append(("Set-Cookie", f"cadata={self.renews}; path=/; Secure"))
        return Response(200, said, b"<p>" + path.encode())

    async def _hold(self, request: Request) -> None:
        self.held += 1
        waits = [asyncio.ensure_future(e.wait()) for e in (request.connection.closed, self.release)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        self.held -= 1
        self.let_go += 1


class Stand:
    """Attributes are live parts; `close` revokes as a feed would."""

    def __init__(self, tmp: Path) -> None:
        self.authority = Authority()
        self.ca_file = tmp / "ca.pem"
        self.authority.write_ca(self.ca_file)
        self.sites = [Site("ex01"), Site("ex02")]
        self.chain = Chain()
        self.replica = Replica()
        self.replica.apply(self.chain.snapshot())
        self.steps: list[tuple[int, str, int]] = []
        self.balancer: Balancer
        self.listener: Listener
        self.cutter: Cutter
        self.port = 0

    def close(self, name: str, *more: str) -> None:
        change = self.replica.apply(push(self.chain.revoke(f"id-{name}", name, *more)))
        for leaver in change.revoked:
            self.cutter.cut(leaver.account, leaver.seq, leaver.forms)

    def report(
        self,
        seq: int,
        step: str,
        *,
        count: int = 0,
        left: Mapping[str, int] | None = None,
        detail: str = "",
    ) -> None:
        del left, detail
        self.steps.append((seq, step, count))

    def endpoint(self, protocol: str) -> Endpoint:
        return Endpoint(
            system="exchange",
            protocol=protocol,
            host=HOST,
            port=self.port,
            tls=Tls.IMPLICIT,
            server_name=NAME,
            ca_file=self.ca_file,
        )

    def upstreams(self) -> list[Upstream]:
        return [
            Upstream(name=site.name, host=host, port=site.port, server_name=NAME)
            for site, host in zip(self.sites, SERVERS, strict=True)
        ]


def free_port(host: str) -> int:
    sock = TcpAddress(f"{host}:0").bind()
    port = int(sock.getsockname()[1])
    sock.close()
    return port


@asynccontextmanager
async def standing(tmp: Path, *, hooked: bool = True, strict: bool = False) -> AsyncIterator[Stand]:
    stand = Stand(tmp)
    async with AsyncExitStack() as stack:
        for site, host in zip(stand.sites, SERVERS, strict=True):
            await site.start(host, stand.authority.server_context(NAME))
            stack.push_async_callback(site.stop)
        hook = await _answerer(stand, stack, strict=strict)
        stand.balancer = Balancer(
            stand.upstreams(),
            hook if hooked else None,
            trust=stand.authority.client_context(),
            runtime=str(tmp / "runtime.sock"),
        )
        stand.port = await stand.balancer.start(HOST, 0, stand.authority.server_context(NAME))
        stack.push_async_callback(stand.balancer.stop)
        runtime = Runtime(stand.balancer.runtime, system="exchange")
        stand.cutter = Cutter(
            runtime,
            spell=stand.replica.spellings,
            report=stand.report,
            pace=Pace(quiet=0.2, longest_look=0.05),
        )
        cutting = asyncio.create_task(stand.cutter.run())
        try:
            yield stand
        finally:
            cutting.cancel()
            await asyncio.wait([cutting])


async def _answerer(stand: Stand, stack: AsyncExitStack, *, strict: bool) -> HookAddress:
    ask, carry = free_port(HOST), free_port(HOST)
    settings = ForwardAuthHook(
        listen=f"{HOST}:{ask}",
        login_listen=f"{HOST}:{carry}",
        login_upstream=f"https://{SERVERS[0]}:{stand.sites[0].port}",
        ca_file=stand.ca_file,
        server_name=NAME,
        unidentified="refuse" if strict else "pass",
    )
    bindings, decide = Bindings(), stand.replica.decide
    converse = conversations(decide, bindings, settings)
    stand.listener = Listener("exchange", [TcpAddress(settings.listen)], converse, nothing)
    await stand.listener.start()
    stack.push_async_callback(stand.listener.stop)
    address = TcpAddress(f"{HOST}:{carry}")
    carrier = login_carrier(
        "exchange-login", address, settings, decide=decide, bindings=bindings, look=nothing
    )
    await carrier.start()
    stack.push_async_callback(carrier.stop)
    return HookAddress(host=HOST, port=ask, login_port=carry, timeout_s=0.5)


def nothing() -> None:
    """The feed has brought nothing."""


def login(name: str) -> Login:
    return Login(name=name, password=Secret("pw"), source="127.84.31.77", timeout_s=5.0)
