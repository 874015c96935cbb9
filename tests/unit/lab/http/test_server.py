# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import http.client
import ssl
import urllib.request

import pytest

from evict.lab.certificates import Authority
from evict.lab.http.messages import Connection, Request, Response
from evict.lab.http.server import HttpServer
from tests.unit.lab.http.conftest import Start, echo


async def exchange(address: str, port: int, data: bytes) -> bytes:
    """Send, and read until the server closes."""
    reader, writer = await asyncio.open_connection(address, port)
    writer.write(data)
    try:
        return await asyncio.wait_for(reader.read(), 5)
    finally:
        writer.close()


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


async def test_keeps_the_connection_and_answers_in_order(start: Start) -> None:
    _, address, port = await start()
    pipelined = (
        b"GET /a?x=1&y HTTP/1.1\r\nHost: h\r\nX-Mine: one\r\n\r\n"
        b"POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody"
        b"POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        b"HEAD /d HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    )
    answer = await exchange(address, port, pipelined)
    assert answer.count(b"HTTP/1.1 200 OK") == 4
    assert b"X-Seen: one" in answer
    assert b"GET /a [('x', '1'), ('y', '')] " in answer
    assert b"POST /b [] body" in answer
    assert b"POST /c [] abcde" in answer
    assert answer.endswith(b"Connection: close\r\n\r\n")
    assert f"Content-Length: {len('HEAD /d [] ')}".encode() in answer


async def test_python_clients_are_served_over_tls(address: str) -> None:
    authority = Authority()
    server = HttpServer()
    server.route("/", echo)
    port = await server.start(address, 0, authority.server_context("mail.corp.example", address))

    def work() -> tuple[bytes, bytes]:
        one = http.client.HTTPSConnection(address, port, context=authority.client_context())
        one.request(
            "POST",
            "/x",
            body=iter([b"a", b"b"]),
            headers={"Transfer-Encoding": "chunked"},
            encode_chunked=True,
        )
        first = one.getresponse().read()
        one.request("GET", "/y")
        second = one.getresponse().read()
        one.close()
        other = http.client.HTTPSConnection(address, port, context=ssl.create_default_context())
        with pytest.raises(ssl.SSLError):
            other.request("GET", "/")
        other.close()
        return first, second

    assert await asyncio.to_thread(work) == (b"POST /x [] ab", b"GET /y [] ")
    await server.stop()


async def test_the_longest_prefix_wins_without_regard_to_case(start: Start) -> None:
    server, address, port = await start()

    async def owa(request: Request) -> Response:
        return Response(440, body=request.path.encode())

    server.route("/OWA", owa)

    def get(path: str) -> int:
        try:
            with urllib.request.urlopen(f"http://{address}:{port}{path}") as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code

    for path, wanted in (("/owa/x", 440), ("/oWa", 440), ("/owa?x", 440), ("/owax", 200)):
        assert await asyncio.to_thread(get, path) == wanted
    bare = HttpServer()
    bare.route("/only", owa)
    assert bare.find("/ONLY/x") is owa
    assert bare.find("/other") is None


async def test_continue_is_said_before_the_body_and_not_for_one_too_large(start: Start) -> None:
    _, address, port = await start(max_body=10)
    reader, writer = await asyncio.open_connection(address, port)
    writer.write(b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"abc")
    assert (await reader.readuntil(b"abc")).startswith(b"HTTP/1.1 200")
    writer.write(
        b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n"
    )
    answer = await reader.read()
    writer.close()
    assert status(answer) == 413
    assert b"100 Continue" not in answer


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n", 413),
        (
            (
                b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"f\r\n0123456789abcde\r\n"
            ),
            413,
        ),
        (b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"y" * 600 + b"\r\n\r\n", 431),
        (b"GET /" + b"y" * 600, 431),
        (b"\x16\x03\x01\x02\x00\x01", 400),
        (b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", 400),
        (
            (
                b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
            ),
            400,
        ),
    ],
)
async def test_too_much_and_malformed_are_refused(start: Start, data: bytes, wanted: int) -> None:
    _, address, port = await start(max_body=10, max_head=500)
    assert status(await exchange(address, port, data)) == wanted


async def test_slow_clients_are_sent_away(start: Start) -> None:
    _, address, port = await start(header_timeout_s=0.05, body_timeout_s=0.05, idle_timeout_s=0.05)
    assert status(await exchange(address, port, b"GET / HT")) == 408
    body = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc"
    assert status(await exchange(address, port, body)) == 408
    assert await exchange(address, port, b"") == b""
    idle = await exchange(address, port, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    assert status(idle) == 200


async def test_a_held_request_learns_that_the_client_is_gone(start: Start) -> None:
    server, address, port = await start()
    held = asyncio.Event()
    told = asyncio.Event()

    async def ping(request: Request) -> Response:
        request.connection.on_close(told.set)
        request.connection.on_close(held.clear)()  # taken back
        held.set()
        await request.connection.closed.wait()
        return Response()

    server.route("/ping", ping)
    _, writer = await asyncio.open_connection(address, port)
    writer.write(b"GET /ping HTTP/1.1\r\nHost: h\r\n\r\n")
    await asyncio.wait_for(held.wait(), 5)
    writer.close()
    await asyncio.wait_for(told.wait(), 5)
    assert held.is_set()


async def test_the_server_can_cut_a_connection(start: Start) -> None:
    server, address, port = await start()
    held = asyncio.Event()
    seen: list[Connection] = []

    async def ping(request: Request) -> Response:
        request.connection.state["number"] = len(seen)
        seen.append(request.connection)
        held.set()
        await request.connection.closed.wait()
        return Response()

    server.route("/ping", ping)
    reader, writer = await asyncio.open_connection(address, port)
    writer.write(b"GET /ping HTTP/1.1\r\nHost: h\r\n\r\n")
    await asyncio.wait_for(held.wait(), 5)
    assert (seen[0].local, seen[0].secure, seen[0].state) == (address, False, {"number": 0})
    seen[0].abort()
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    writer.close()


async def test_all_connections_can_be_cut_while_the_server_listens(start: Start) -> None:
    server, address, port = await start()
    held = asyncio.Event()

    async def ping(request: Request) -> Response:
        held.set()
        await asyncio.Event().wait()
        return Response(200, body=request.body)

    server.route("/ping", ping)
    reader, writer = await asyncio.open_connection(address, port)
    writer.write(b"GET /ping HTTP/1.1\r\nHost: h\r\n\r\n")
    await asyncio.wait_for(held.wait(), 5)
    server.abort_all()
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    writer.close()
    again = await exchange(address, port, b"GET /x HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert status(again) == 200


async def test_a_failing_handler_is_a_500_and_the_connection_goes_on(start: Start) -> None:
    server, address, port = await start()

    async def fails(request: Request) -> Response:
        raise RuntimeError(request.path)

    async def breaks(request: Request) -> Response:
        return Response(200, [("X", f"a\r\nSet-Cookie: {request.path}")])

    server.route("/fails", fails)
    server.route("/breaks", breaks)
    answer = await exchange(
        address,
        port,
        b"GET /fails HTTP/1.1\r\nHost: h\r\n\r\nGET /breaks HTTP/1.1\r\nHost: h\r\n\r\n"
        b"GET / HTTP/1.0\r\n\r\n",
    )
    assert answer.count(b"HTTP/1.1 500 ") == 2
    assert answer.count(b"HTTP/1.1 200 ") == 1
    assert b"Set-Cookie" not in answer


async def test_stop_lets_what_runs_end_and_cuts_what_does_not(start: Start) -> None:
    server, address, port = await start()
    held = asyncio.Event()
    go = asyncio.Event()

    async def slow(request: Request) -> Response:
        held.set()
        await go.wait()
        return Response(200, body=request.path.encode())

    server.route("/slow", slow)
    reader, writer = await asyncio.open_connection(address, port)
    writer.write(b"GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
    await asyncio.wait_for(held.wait(), 5)
    stopping = asyncio.ensure_future(server.stop(grace_s=5))
    await asyncio.sleep(0)
    go.set()
    answer = await reader.read()
    await asyncio.wait_for(stopping, 5)
    writer.close()
    assert answer.endswith(b"/slow")
    assert b"Connection: close" in answer
    assert server.connections == 0

    go.clear()
    held.clear()
    port = await server.start(address, 0)
    reader, writer = await asyncio.open_connection(address, port)
    writer.write(b"GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
    await asyncio.wait_for(held.wait(), 5)
    await asyncio.wait_for(server.stop(grace_s=0.05), 5)
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    writer.close()
