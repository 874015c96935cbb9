# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evict.lab.http.limits import Limits
from evict.lab.http.messages import Connection, Headers, Request
from evict.lab.http.parser import Refused, RequestParser


def test_headers_and_cookies() -> None:
    headers = Headers([("Cookie", "a=1; b=2=3"), ("COOKIE", "c=4;d"), ("X", "y")])
    request = Request("GET", "/a%20b?c=%41&base64==", headers, Connection("127.0.0.1"))
    assert request.cookies() == {"a": "1", "b": "2=3", "c": "4"}
    assert (request.path, request.query_string) == ("/a b", "c=%41&base64==")
    assert request.query["c"] == "A"
    assert ("x" in headers, headers.get("Z", "-")) == (True, "-")
    assert "hush" not in repr(Request("GET", "/", headers, request.connection, b"hush"))


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.one_of(
        st.binary(max_size=200),
        st.lists(
            st.sampled_from(
                [
                    b"GET / HTTP/1.1\r\n",
                    b"POST /x HTTP/1.1\r\n",
                    b"Host: h\r\n",
                    b"Content-Length: 3\r\n",
                    b"Content-Length: 99999999999999999999999\r\n",
                    b"Transfer-Encoding: chunked\r\n",
                    b"Expect: 100-continue\r\n",
                    b"Connection: Upgrade\r\nUpgrade: h2c\r\n",
                    b"\r\n",
                    b"3\r\nabc\r\n",
                    b"0\r\n\r\n",
                    b"\xff\x00",
                ]
            ),
            max_size=12,
        ).map(b"".join),
    ),
    st.integers(1, 50),
)
def test_bytes_are_requests_or_a_refusal_never_a_crash(data: bytes, step: int) -> None:
    parser = RequestParser(Connection("127.0.0.1"), Limits(max_head=100, max_body=10))
    status = 0
    try:
        for at in range(0, len(data), step):
            for parsed in parser.feed(data[at : at + step]):
                assert len(parsed.request.body) <= 10
    except Refused as refused:
        status = refused.status
    assert status in (0, 400, 413, 431)
