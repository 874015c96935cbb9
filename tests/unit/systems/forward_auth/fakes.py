# SPDX-License-Identifier: Apache-2.0
"""A replica that knows of one leaver, a front's questions, a server that issues cookies."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from evict.agent.replica import Replica
from evict.config.forward_auth import ForwardAuthHook
from evict.lab.http.messages import Request, Response
from evict.lab.http.server import HttpServer
from evict.systems.forward_auth.bindings import Bindings
from evict.systems.forward_auth.conversation import Conversation
from evict.systems.forward_auth.hook import conversations
from tests.unit.agent.fakes import Chain

HOST = "127.83.21.1"
FORMS = ("alice", "alice@corp.test", "corp\\alice")


def closed(*forms: str) -> Replica:
    chain = Chain()
    chain.revoke("id-1", *(forms or FORMS))
    replica = Replica()
    replica.apply(chain.snapshot())
    return replica


def basic(name: str | bytes) -> tuple[str, str]:
    raw = (name if isinstance(name, bytes) else name.encode()) + b":pw"
    return ("Authorization", "Basic " + base64.b64encode(raw).decode())


def question(
    *headers: tuple[str, str], uri: str = "/EWS/Exchange.asmx", path: str = "/auth"
) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: hook"]
    if uri:
        lines.append(f"X-Original-URI: {uri}")
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def conversation(
    replica: Replica, bindings: Bindings | None = None, **settings: str | tuple[str, ...]
) -> Conversation:
    section = ForwardAuthHook(listen="127.0.0.1:1", **settings)  # type: ignore[arg-type]
    return conversations(replica.decide, bindings or Bindings(), section)()


class FakeServer:
    """Issues `cadata=<name>-1` to whoever posts a form; keeps what came."""

    def __init__(self) -> None:
        self.seen: list[Request] = []
        self.answer: Response | None = None

    async def __call__(self, request: Request) -> Response:
        self.seen.append(request)
        if self.answer is not None:
            return self.answer
        cookies = [
            ("Set-Cookie", "cadataTTL=t; path=/"),
            ("Set-Cookie", f"cadata=cookie-{len(self.seen)}; path=/; HttpOnly"),
        ]
        return Response(302, [("Location", "/owa/"), *cookies])

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        server = HttpServer()
        server.route("", self)
        port = await server.start(HOST, 0)
        try:
            yield f"http://{HOST}:{port}"
        finally:
            await server.stop(grace_s=0.1)
