# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evict.control.http.messages import Limits, Request
from evict.control.http.reading import Malformed, Requests
from tests.unit.control.http.browsing import get, post

LIMITS = Limits(idle_s=0.05, message_s=0.05)
STREAM = (
    get("/1", "X-Long: " + "y" * 200)
    + post(b'{"type":"look"}', "Authorization: Bearer t")
    + b"POST /3 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    + get("/4")
)


async def read(pieces: list[bytes]) -> tuple[list[Request], int | None]:
    """Every request, and the status of what ended it where it was malformed."""
    reader = asyncio.StreamReader()
    requests = Requests(reader, "127.0.0.1", LIMITS)
    found: list[Request] = []

    async def feed() -> None:
        for piece in pieces:
            reader.feed_data(piece)
            await asyncio.sleep(0)
        reader.feed_eof()

    feeding = asyncio.create_task(feed())
    try:
        while (request := await requests.next()) is not None:
            found.append(request)
    except Malformed as malformed:
        return found, malformed.status
    finally:
        await feeding
    return found, None


@given(st.lists(st.integers(1, 120), max_size=12))
def test_however_the_bytes_are_cut_the_same_requests_come_of_them(cuts: list[int]) -> None:
    pieces, rest = [], STREAM
    for cut in cuts:
        pieces.append(rest[:cut])
        rest = rest[cut:]
    found, status = asyncio.run(read([piece for piece in (*pieces, rest) if piece]))
    assert status is None
    assert [request.path for request in found] == ["/1", "/v1/requests", "/3", "/4"]
    assert [request.body for request in found] == [b"", b'{"type":"look"}', b"abc", b""]
    assert found[1].fields["authorization"] == "Bearer t"


@given(st.lists(st.binary(min_size=1, max_size=64), max_size=8))
@example([b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01"])
def test_any_bytes_are_requests_or_refused(pieces: list[bytes]) -> None:
    found, status = asyncio.run(read(pieces))
    assert status in (None, 400, 408, 413, 417, 431, 501)
    assert all(request.method.isupper() for request in found)


async def test_many_requests_sent_ahead_are_bounded() -> None:
    found, status = await read([get() * 200])
    assert status == 429
    assert 0 < len(found) < 50


CHUNKED = b"POST /t HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


async def test_a_trailer_says_nothing_whatever_the_body_is_like() -> None:
    body = b"a" * 2 * LIMITS.head
    trailer = b"Authorization: Bearer t\r\nExpect: x\r\n"
    raw = CHUNKED + b"%x\r\n%b\r\n0\r\n%b\r\n" % (len(body), body, trailer)
    found, status = await read([raw, get("/next")])
    assert status is None
    assert [request.path for request in found] == ["/t", "/next"]
    assert found[0].body == body
    assert not {"authorization", "expect"} & found[0].fields.keys()


@pytest.mark.parametrize("begun", [b"0\r\nX: ", b"0\r\n", b"3;x=", b"3\r\nabc\r\n0\r\nX: "])
async def test_a_trailer_and_a_chunk_that_do_not_end_are_refused(begun: bytes) -> None:
    field = b"a: b\r\n" if begun.endswith(b"0\r\n") else b"a"
    pieces = [CHUNKED + begun] + [field * (8192 // len(field))] * 12
    assert await read(pieces) == ([], 431)
