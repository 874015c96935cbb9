# SPDX-License-Identifier: Apache-2.0
"""The quick reading never differs from the parser's."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evict.config.forward_auth import ForwardAuthHook
from evict.systems.forward_auth.bindings import Bindings
from evict.systems.forward_auth.conversation import Conversation
from evict.systems.forward_auth.credentials import CookieReader
from evict.systems.forward_auth.hook import conversations
from evict.systems.forward_auth.products import SOGO
from tests.unit.agent.fakes import Chain, push
from tests.unit.systems.forward_auth.fakes import basic, closed

FRONTS = ("nginx", "caddy")
LINES = st.sampled_from(
    [
        b"Host: evict",
        b"Authorization: " + basic("alice")[1].encode(),
        b"authorization: " + basic("bob")[1].encode(),
        b"AUTHORIZATION:" + basic("bob")[1].encode() + b"  ",
        b"Authorization : Basic YWxpY2U6eA==",
        b"Authorization: Basic",
        b"Cookie: 0xHIGHFLYxSOGo=good",
        b"cookie:\t0xHIGHFLYxSOGo=bad",
        b"Cookie: %30xHIGHFLYxSOGo=good",
        b"Cookie: a=b",
        b"X-Original-URI: /SOGo/",
        b"X_Original-URI: /SOGo/",
        b"X-Forwarded-Uri: /SOGo/",
        b"X-Forwarded_Uri: /SOGo/",
        b"X-Forwarded-Method: GET",
        b"X-Forwarded-Method: POST",
        b"Accept: text/html",
        b"Accept: */*",
        b"Content-Length: 0",
        b"Content-Length: 4",
        b"Transfer-Encoding: chunked",
        b"Connection: close",
        b"Upgrade: h2c",
        b" folded",
        b"Sp ace: x",
        b"No-Colon",
        b"X: \x00",
        b"X: \x7f\x01",
        b"X: \xff",
        b"",
    ]
)
FIRST = st.sampled_from(
    [
        b"GET /auth HTTP/1.1",
        b"GET /auth?x HTTP/1.1",
        b"GET /auth HTTP/1.0",
        b"POST /auth HTTP/1.1",
        b"GET /renewed HTTP/1.1",
    ]
)
ENDS = st.sampled_from(
    [b"\r\n\r\n", b"\n\n", b"\r\n", b"\r\n\r\nGET /auth HTTP/1.1\r\n\r\n", b"\r\r\n\r\n"]
)


CRUMBS = st.lists(
    st.sampled_from(
        [
            b"a_b",
            b"A_B",
            b"a.b",
            b"a b",
            b"a[b",
            b"xa_b",
            b"a_bx",
            b"a_b\0x",
            b"=",
            b";",
            b" ",
            b"\t",
            b"v",
            b"a_b=good",
        ]
    ),
    max_size=8,
).map(b"".join)


@given(header=CRUMBS)
@settings(max_examples=2000, deadline=None)
def test_a_cookie_found_at_once_is_the_one_that_reading_every_part_finds(header: bytes) -> None:
    """An escape anywhere has every part read."""
    reader = CookieReader("a_b")
    assert reader.find(header) == reader.find(b"%=;" + header)


@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize("name", [b"Cookie", b"authorization", b"X-Original_URI", b"Upgrade"])
def test_a_question_that_is_not_plain_is_left_to_the_parser(front: str, name: bytes) -> None:
    quick, _ = pair(front)
    plain = b"GET /auth HTTP/1.1\r\nAuthorization: x\r\nCookie: y\r\n"
    key = b"digest"
    assert (quick._learn(plain + b"\r\n", key) is None, len(quick._known)) == (False, 1)
    if front == "nginx" or name != b"X-Original_URI":
        assert quick._learn(plain + name + b": z\r\n\r\n", key) is None


def pair(front: str) -> tuple[Conversation, Conversation]:
    """One that reads quickly, one that does not."""
    bindings = Bindings()
    bindings.bind(b"good", b"bob")
    bindings.bind(b"bad", b"alice")
    section = ForwardAuthHook(listen="127.0.0.1:1", front=front)
    quick = conversations(closed().decide, bindings, section, SOGO)()
    slow = conversations(closed().decide, bindings, section, SOGO)()
    assert quick is not slow
    return quick, Conversation(slow._judge)


@given(front=st.sampled_from(FRONTS), first=FIRST, lines=st.lists(LINES, max_size=7), end=ENDS)
@settings(max_examples=2000, deadline=None)
def test_both_give_the_same_answer(
    front: str, first: bytes, lines: list[bytes], end: bytes
) -> None:
    data = b"\r\n".join([first, *lines]) + end
    quick, slow = pair(front)
    for _ in range(2):
        assert quick.receive(data) == slow.receive(data), data
        assert quick.ended == slow.ended


@pytest.mark.parametrize("front", FRONTS)
def test_what_was_read_before_is_decided_anew(front: str) -> None:
    chain, bindings = Chain(), Bindings()
    replica = closed("nobody")
    bindings.bind(b"good", b"bob")
    section = ForwardAuthHook(listen="127.0.0.1:1", front=front)
    talk = conversations(replica.decide, bindings, section, SOGO)()
    name = "\r\n".join(["GET /auth HTTP/1.1", f"Authorization: {basic('bob')[1]}", "", ""]).encode()
    cookie = b"GET /auth HTTP/1.1\r\nCookie: 0xHIGHFLYxSOGo=good\r\n\r\n"
    first = [talk.receive(asked) for asked in (name, cookie)]
    assert all(b"X-Evict-Login: bob" in answer for answer in first)
    assert len(talk._known) == 2
    chain.revoke("id-1", "nobody")
    replica.apply(push(chain.revoke("id-2", "bob")))
    assert talk.receive(name).startswith(b"HTTP/1.1 403")
    assert talk.receive(cookie).startswith(b"HTTP/1.1 401")


def test_other_questions_with_the_same_cookies_are_decided_by_the_same_cookie() -> None:
    chain, bindings, replica = Chain(), Bindings(), closed("nobody")
    bindings.bind(b"good", b"bob")
    section = ForwardAuthHook(listen="127.0.0.1:1")
    talk = conversations(replica.decide, bindings, section, SOGO)()
    for header, status in (
        (b"a=b; 0xHIGHFLYxSOGo=good", b"204"),
        (b"a=b; 0xHIGHFLYxSOGo=goo", b"401"),
        (b"0xHIGHFLYxSOGo=good; 0xHIGHFLYxSOGo=good", b"401"),
        (b"a=b", b"204"),
    ):
        asked = [
            b"GET /auth HTTP/1.1\r\nX-Original-URI: /SOGo/%d\r\nCookie: %b\r\n\r\n" % (n, header)
            for n in range(2)
        ]
        assert {talk.receive(data)[9:12] for data in asked} == {status}, header
    assert (len(talk._known), len(talk._judge._seen)) == (8, 4)
    chain.revoke("id-1", "nobody")
    replica.apply(push(chain.revoke("id-2", "bob")))
    new = (
        b"GET /auth HTTP/1.1\r\nX-Original-URI: /SOGo/9\r\nCookie: a=b; 0xHIGHFLYxSOGo=good\r\n\r\n"
    )
    assert talk.receive(new)[9:12] == b"401"
    assert len(talk._judge._seen) == 4


def test_of_a_question_no_secret_is_kept() -> None:
    bindings = Bindings()
    bindings.bind(b"canary-cookie", b"bob")
    section = ForwardAuthHook(listen="127.0.0.1:1")
    talk = conversations(closed().decide, bindings, section, SOGO)()
    talk.receive(b"GET /auth HTTP/1.1\r\nCookie: 0xHIGHFLYxSOGo=canary-cookie\r\n\r\n")
    secret = basic("bob").__repr__().encode()
    talk.receive(b"GET /auth HTTP/1.1\r\nAuthorization: " + basic("bob")[1].encode() + b"\r\n\r\n")
    judge = talk._judge
    kept = repr((talk._known, bindings._bound, judge._written, judge._seen)).encode()
    assert len(judge._seen) == 1
    assert len(talk._known) == 2
    assert b"canary" not in kept
    assert secret not in kept
    assert basic("bob")[1].encode() not in kept
