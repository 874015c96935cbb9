# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from evict.config.roundcube import RoundcubeSection
from evict.core.account import Account
from evict.lab.http.messages import Request, Response
from evict.lab.http.server import HttpServer

HOST = "127.97.10.1"
Serving = Callable[[Response], AbstractAsyncContextManager[RoundcubeSection]]


@pytest.fixture
def alice() -> Account:
    return Account(
        id="0b2c1f6e-4d1a-4f7b-9a51-3c1d7e9f2a10",
        directory="directory",
        dn="CN=alice,DC=corp,DC=test",
        sam="alice",
        upn="alice@corp.test",
        domain="CORP",
        dns_domain="corp.test",
        addresses=("alice@corp.test",),
    )


@pytest.fixture
def serving() -> Serving:
    """A web server that gives one answer to everything."""

    @asynccontextmanager
    async def serve(answer: Response) -> AsyncIterator[RoundcubeSection]:
        async def handle(request: Request) -> Response:
            assert request.method == "GET"
            return answer

        server = HttpServer()
        server.route("", handle)
        port = await server.start(HOST, 0)
        try:
            yield RoundcubeSection(url=f"http://{HOST}:{port}/roundcube")
        finally:
            await server.stop(grace_s=0.1)

    return serve
