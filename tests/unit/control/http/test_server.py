# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from evict.control.http.messages import Answer, Request, plain
from tests.unit.control.http.browsing import get, post, site


async def echo(request: Request) -> Answer:
    text = f"{request.method} {request.path} {len(request.body)} {request.peer}"
    return plain(200, text)


async def test_a_connection_is_kept_for_the_next_request() -> None:
    async with site(echo) as place:
        client = await place.client()
        for path in ("/a", "/b?token=never-kept"):
            client.send(get(path))
            answer = await client.answer()
            assert answer.status == 200
            assert answer.body == f"GET {path.partition('?')[0]} 0 127.0.0.1\n".encode()
            assert answer.fields["cache-control"] == "no-store"
        client.send(get("/c", "Connection: close"))
        assert (await client.answer()).fields["connection"] == "close"
        assert await client.is_closed()


async def test_requests_sent_ahead_are_answered_in_their_order() -> None:
    async with site(echo) as place:
        client = await place.client()
        client.send(get("/1") + post(b"xy", path="/2") + get("/3"))
        bodies = [(await client.answer()).body.split()[1] for _ in range(3)]
        assert bodies == [b"/1", b"/2", b"/3"]


async def test_a_body_in_chunks_is_read_and_bounded() -> None:
    async with site(echo, body=10) as place:
        head = b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        whole = await place.one(head + b"5\r\nhello\r\n0\r\n\r\n")
        assert b"POST /x 5" in whole.body
        large = await place.one(head + b"b\r\nhello world\r\n0\r\n\r\n")
        assert large.status == 413
        assert large.fields["connection"] == "close"


async def test_the_bodies_of_all_connections_together_are_bounded() -> None:
    async with site(echo, body=10, bodies=15) as place:
        for ends in (True, False):
            slow = await place.client()
            slow.send(post(b"0123456789")[:-1])
            await asyncio.sleep(0.05)
            refused = await place.one(post(b"abcdefghij"))
            assert (refused.status, refused.fields["connection"]) == (503, "close")
            assert (await place.one(get("/healthz"))).status == 200
            if ends:
                slow.send(b"9")
                assert (await slow.answer()).status == 200
            else:
                slow.writer.transport.abort()
                await asyncio.sleep(0.05)
            client = await place.client()
            for _ in range(3):
                client.send(post(b"abcdefghij"))
                assert (await client.answer()).status == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
        (
            b"GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 40_000, 431),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 4_000 + b"\r\n", 431),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n", 417),
    ],
)
async def test_what_is_no_request_is_refused_and_the_connection_ends(
    sent: bytes, status: int
) -> None:
    async with site(echo) as place:
        client = await place.client()
        client.send(sent)
        assert (await client.answer()).status == status
        assert await client.is_closed()


@pytest.mark.parametrize("begun", [b"G", b"GET / HTTP/1.1\r\nX: ", post(b"body")[:-1]])
async def test_one_that_comes_too_slowly_is_refused(begun: bytes) -> None:
    async with site(echo, message_s=0.2) as place:
        client = await place.client()
        client.send(begun)
        assert (await client.answer()).status == 408
        assert await client.is_closed()


async def test_one_that_drips_gets_no_more_time_for_it() -> None:
    async with site(echo, message_s=0.4) as place:
        client = await place.client()
        answer = asyncio.create_task(client.answer())
        client.send(b"GET / HTTP/1.1\r\nX: ")
        while not answer.done():
            client.send(b"x")
            await asyncio.sleep(0.05)
        assert (await answer).status == 408


async def test_one_that_says_nothing_is_left() -> None:
    async with site(echo, idle_s=0.1) as place:
        assert await (await place.client()).is_closed()


async def test_one_that_reads_nothing_is_left() -> None:
    async def endless(_: Request) -> Answer:
        async def pieces() -> AsyncIterator[bytes]:
            while True:
                yield b"x" * 100_000

        return Answer(pieces=pieces())

    async with site(endless, write_s=0.2) as place:
        client = await place.client()
        client.send(get())
        assert (await client.head()).status == 200
        async with asyncio.timeout(5):
            while place.server.connections:
                await asyncio.sleep(0.01)


async def test_more_connections_than_allowed_are_closed_unanswered() -> None:
    async with site(echo, connections=2) as place:
        kept = [await place.client() for _ in range(2)]
        for client in kept:
            client.send(get())
            assert (await client.answer()).status == 200
        third = await place.client()
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await third.head()
        kept[0].send(get())
        assert (await kept[0].answer()).status == 200


async def test_an_old_client_is_told_the_end_by_that_of_the_connection() -> None:
    async def stream(_: Request) -> Answer:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"one\n"
            yield b"two\n"

        return Answer(pieces=pieces())

    async with site(stream) as place:
        client = await place.client()
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        assert "transfer-encoding" not in (await client.head()).fields
        assert await client.reader.read() == b"one\ntwo\n"


async def test_an_upgrade_is_not_made_and_the_connection_ends() -> None:
    async with site(echo) as place:
        client = await place.client()
        client.send(get("/", "Connection: Upgrade", "Upgrade: h2c") + b"PRI * HTTP/2.0")
        answered = await client.answer()
        assert (answered.status, answered.fields["connection"]) == (200, "close")
        assert await client.is_closed()


async def test_a_head_has_no_body() -> None:
    async with site(echo) as place:
        client = await place.client()
        client.send(get().replace(b"GET", b"HEAD") + get("/next"))
        assert (await client.head()).status == 200
        assert b"/next" in (await client.answer()).body


async def test_a_fault_of_ours_is_an_answer_and_others_go_on() -> None:
    async def faulty(request: Request) -> Answer:
        if request.path == "/bad":
            raise RuntimeError("inside")
        return plain(200)

    async with site(faulty) as place:
        bad = await place.one(get("/bad"))
        assert (bad.status, b"inside" in bad.body) == (500, False)
        assert (await place.one(get("/good"))).status == 200


async def test_a_stream_is_told_why_it_ends_when_the_server_stops() -> None:
    async def waits(_: Request) -> Answer:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"first\n"
            await asyncio.Event().wait()

        return Answer(pieces=pieces(), last=b"interrupted\n")

    async with site(waits) as place:
        streams = [await place.client() for _ in range(50)]
        for client in streams:
            client.send(get())
            await client.head()
            assert await client.chunk() == b"first\n"
        idle = await place.client()
        began = asyncio.get_running_loop().time()
        await place.server.stop()
        assert asyncio.get_running_loop().time() - began < 1
        for client in streams:
            assert await client.chunk() == b"interrupted\n"
            assert await client.chunk() == b""
        assert await idle.is_closed()


async def test_a_request_is_never_printed_with_its_token() -> None:
    seen: list[str] = []

    async def look(request: Request) -> Answer:
        seen.append(f"{request!r} {request}")
        return plain(200)

    async with site(look) as place:
        await place.one(get("/x", "Authorization: Bearer evict_secret"))
    assert seen == ["Request(GET /x) Request(GET /x)"]
