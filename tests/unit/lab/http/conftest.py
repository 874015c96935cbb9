# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from evict.lab.http.limits import Limits
from evict.lab.http.messages import Request, Response
from evict.lab.http.server import HttpServer

Start = Callable[..., Awaitable[tuple[HttpServer, str, int]]]


@pytest.fixture
def address() -> str:
    return ".".join(["127", *(str(random.randint(1, 254)) for _ in range(3))])


async def echo(request: Request) -> Response:
    text = f"{request.method} {request.path} {sorted(request.query.items())} ".encode()
    return Response(200, [("X-Seen", request.headers.get("x-mine"))], text + request.body)


@pytest.fixture
async def start(address: str) -> AsyncIterator[Start]:
    servers: list[HttpServer] = []

    async def begin(**limits: float) -> tuple[HttpServer, str, int]:
        server = HttpServer(limits=Limits(**limits))  # type: ignore[arg-type]
        server.route("/", echo)
        servers.append(server)
        return server, address, await server.start(address, 0)

    yield begin
    for server in servers:
        await server.stop(grace_s=0.2)
