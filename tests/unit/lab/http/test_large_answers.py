# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio

from evict.lab.http.messages import Request, Response
from tests.unit.lab.http.conftest import Start
from tests.unit.lab.http.test_server import exchange


async def test_a_large_answer_reaches_a_client_that_reads_slowly(start: Start) -> None:
    server, address, port = await start()
    large = b"x" * 8_000_000

    async def much(request: Request) -> Response:
        return Response(200, body=large, close=request.path == "/much")

    server.route("/much", much)
    answer = await exchange(address, port, b"GET /much HTTP/1.1\r\nHost: h\r\n\r\n")
    assert answer.endswith(large)


async def test_a_client_that_does_not_read_is_cut(start: Start) -> None:
    server, address, port = await start(write_timeout_s=0.1)
    over = asyncio.Event()

    async def much(request: Request) -> Response:
        request.connection.on_close(over.set)
        return Response(200, body=b"x" * 32_000_000)

    server.route("/much", much)
    _, writer = await asyncio.open_connection(address, port, limit=1024)
    writer.write(b"GET /much HTTP/1.1\r\nHost: h\r\n\r\n")
    await asyncio.wait_for(over.wait(), 5)
    writer.close()
    assert server.connections == 0
