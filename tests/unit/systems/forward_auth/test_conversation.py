# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evict.agent.replica import Replica
from evict.systems.forward_auth.answers import (
    AS_NOBODY,
    LET_THROUGH,
    MALFORMED,
    NOT_NOW,
    REFUSE,
    TO_LOGIN,
    WHO,
    let_in,
)
from evict.systems.forward_auth.bindings import Bindings
from evict.systems.forward_auth.conversation import MAX_REQUEST
from evict.systems.forward_auth.credentials import CookieReader
from tests.unit.agent.fakes import Chain, push
from tests.unit.systems.forward_auth.fakes import basic, closed, conversation, question

UNSEEN = (("Authorization", "NTLM TlRMTVNTUAAB"), ("Authorization", "Negotiate YIIB"))


def bound(**cookies: str) -> Bindings:
    bindings = Bindings()
    for value, login in cookies.items():
        bindings.bind(value.encode(), login.encode())
    return bindings


def test_a_name_that_is_closed_is_refused_in_every_spelling() -> None:
    talk = conversation(closed())
    for name in (
        "alice",
        "ALICE@Corp.test",
        "CORP\\alice",
        "CORP/alice",
        "\\alice",
        ".\\alice",
        "/alice",
        "alice@corp.test.",
        "alice+x@corp.test",
        "\uff41lice",
        " alice",
        "al\tice",
        b"\xfflice",
        "a%6cice",
    ):
        assert talk.receive(question(basic(name))) == REFUSE, name
    assert talk.receive(question(basic("bob"))) == let_in("bob")
    assert talk.receive(question(basic("CORP\\Bob Ä"))) == let_in("corp%5Cbob%20%C3%A4")
    assert not talk.ended


def test_without_a_snapshot_nobody_comes_in() -> None:
    talk = conversation(Replica(), bound(c="bob"))
    for headers in ((), (basic("bob"),), (("Cookie", "cadata=c"),), UNSEEN[:1]):
        assert talk.receive(question(*headers)) == NOT_NOW
        assert talk.receive(question(*headers, uri="/owa/auth/logon.aspx")) == NOT_NOW


def test_a_closure_counts_at_the_next_question() -> None:
    chain = Chain()
    replica = Replica()
    replica.apply(chain.snapshot())
    talk = conversation(replica, bound(c="alice"))
    asked = question(("Cookie", "cadata=c"))
    assert talk.receive(asked) == let_in("alice")
    replica.apply(push(chain.revoke("id-1", "alice")))
    assert talk.receive(asked) == TO_LOGIN
    assert talk.receive(question(basic("alice"))) == REFUSE
    replica.apply(push(chain.reinstate("id-1", "alice")))
    assert talk.receive(asked) == let_in("alice")


def test_a_cookie_is_known_by_its_login_or_goes_back_to_it() -> None:
    talk = conversation(closed(), bound(good="bob", bad="alice"))
    assert talk.receive(question(("Cookie", "a=b; cadata=good; cadataTTL=x"))) == let_in("bob")
    for cookies in ("cadata=bad", "cadata=unknown", "CADATA=unknown", "x=1;cadata = unknown"):
        assert talk.receive(question(("Cookie", cookies))) == TO_LOGIN, cookies
        at_login = question(("Cookie", cookies), uri="/owa/auth/logon.aspx?reason=0")
        assert talk.receive(at_login) == AS_NOBODY, cookies
    assert talk.receive(question(("Cookie", "other=1; cadataKey=2"))) == LET_THROUGH
    assert talk.receive(question(("Cookie", "cadata="))) == LET_THROUGH


def test_a_cookie_beside_another_identity_hides_neither() -> None:
    talk = conversation(closed(), bound(good="bob", bad="alice"))
    cookie = ("Cookie", "cadata=bad")
    assert talk.receive(question(cookie, basic("bob"))) == TO_LOGIN
    assert talk.receive(question(("Cookie", "cadata=x"), basic("bob"))) == TO_LOGIN
    assert talk.receive(question(("Cookie", "cadata=good"), basic("alice"))) == REFUSE
    assert talk.receive(question(("Cookie", "cadata=good"), basic("carol"))) == REFUSE
    assert talk.receive(question(("Cookie", "cadata=good"), basic("BOB"))) == let_in("bob")
    assert talk.receive(question(("Cookie", "cadata=bad"), UNSEEN[0])) == TO_LOGIN


@pytest.mark.parametrize(
    "headers",
    [
        (basic("bob"), basic("alice")),
        (basic("bob"), ("authorization", "Basic x")),
        (basic("bob"), ("AUTHORIZATION_", "x"), ("x_original_uri", "/owa/auth/")),
        (("X_Original_URI", "/owa/auth/"),),
        (("X-Original-URI", "/owa/auth/"),),
        (("Cookie", "cadata=good"), ("Cookie", "cadata=bad")),
        (("Authorization", "Basic !!!!"),),
        (("Authorization", "Basic Ym9i"),),
        (("Authorization", "Basic Ym9iOng=x"),),
        (("Authorization", "Basic"),),
        (("Authorization", "Bearer eyJ"),),
        (("Authorization", "Digest username=bob"),),
        (("Authorization", ""),),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(headers: tuple[tuple[str, str], ...]) -> None:
    talk = conversation(closed(), bound(good="bob", bad="alice"))
    assert talk.receive(question(*headers)) == REFUSE


@pytest.mark.parametrize(
    "cookies",
    [
        "cadata=good; cadata=bad",
        "cadata=good; CaData=bad",
        "cadata=good, cadata=bad",
        'x="; cadata=good; y= cadata=bad"',
        "cadata=good; c%61data=bad",
        "c%61data=good",
        "cadata%00=good",
        "cadata[=good",
        "cadata[x]=good",
    ],
)
def test_a_cookie_that_can_be_read_in_two_ways_is_an_unknown_one(cookies: str) -> None:
    talk = conversation(closed(), bound(good="bob", bad="alice"))
    assert talk.receive(question(("Cookie", cookies))) == TO_LOGIN
    at_login = question(("Cookie", cookies), uri="/owa/auth/logon.aspx?reason=0")
    assert talk.receive(at_login) == AS_NOBODY


@pytest.mark.parametrize(
    "cookies",
    [
        "roundcube.sessid=good",
        "roundcube sessid=good",
        "roundcube[sessid=good",
        "a=b; roundcube.sessid=good",
        "roundcube_sessid=good; roundcube.sessid=bad",
        "roundcube_sessid\0x=good",
    ],
)
def test_a_name_that_php_reads_as_the_cookies_is_no_cookie_beside_it(cookies: str) -> None:
    reader = CookieReader("roundcube_sessid")
    assert reader.find(cookies.encode()) == (False, None)
    assert reader.find(b"roundcube_sessid=x; roundcube_sessauth=y") == (True, b"x")
    assert reader.find(b"xroundcube_sessid=x; roundcube_sessid2=y") == (True, None)


def test_headers_that_claim_a_name_or_a_path_do_not_count() -> None:
    talk = conversation(closed())
    claims = (
        ("X-Original-URL", "/owa/auth/logon.aspx"),
        ("X-Forwarded-Uri", "/owa/auth/logon.aspx"),
        ("X-Forwarded-User", "bob"),
        ("Remote-User", "bob"),
        ("X-Evict-Login", "bob"),
        ("x_forwarded_user", "bob"),
    )
    assert talk.receive(question(basic("alice"), *claims)) == REFUSE
    assert talk.receive(question(basic("alice"), uri="/owa/auth/logon.aspx")) == REFUSE


def test_only_a_plain_path_is_the_login_page() -> None:
    talk = conversation(closed(), unidentified="refuse")
    for uri in ("/owa/auth/logon.aspx", "/OWA/auth/15.2/themes/x.css?v=1", "/owa/auth/"):
        assert talk.receive(question(uri=uri)) == LET_THROUGH, uri
    for uri in (
        "/owa/auth/../service.svc",
        "/owa/auth/..%2fservice.svc",
        "/owa/auth//x",
        "/owa/auth/\\..\\x",
        "/owa/auth/;/x",
        "/owa/auth",
        "/x?/owa/auth/",
        "/owa/",
        "",
    ):
        assert talk.receive(question(uri=uri)) == WHO, uri


def test_what_cannot_be_identified_passes_or_is_asked_who_it_is() -> None:
    replica = closed()
    for headers in ((), UNSEEN[:1], UNSEEN[1:]):
        assert conversation(replica).receive(question(*headers)) == LET_THROUGH
        strict = conversation(replica, unidentified="refuse")
        assert strict.receive(question(*headers)) == WHO
    assert b"WWW-Authenticate: Basic" in WHO


def test_a_renewed_cookie_is_bound_as_the_old_one() -> None:
    bindings = bound(good="bob", bad="alice")
    talk = conversation(closed(), bindings)

    def renewed(old: str, new: str) -> bytes:
        return question(("Cookie", f"cadata={old}"), ("X-Evict-Renewed", new), path="/renewed")

    assert talk.receive(renewed("good", "new")) == LET_THROUGH
    assert talk.receive(question(("Cookie", "cadata=new"))) == let_in("bob")
    for old, new in (("bad", "n"), ("unknown", "n"), ("", "n"), ("good", "")):
        assert talk.receive(renewed(old, new)) == REFUSE
    assert bindings.find(b"n") is None


def test_requests_come_in_pieces_or_together() -> None:
    talk = conversation(closed())
    asked = question(basic("alice"))
    given = b"".join(talk.receive(asked[i : i + 1]) for i in range(len(asked)))
    assert given == REFUSE
    assert talk.receive(asked + question(basic("bob"))) == REFUSE + let_in("bob")
    last = question(("Connection", "close"))
    assert talk.receive(last) == LET_THROUGH
    assert talk.ended
    assert talk.receive(asked) == b""


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /auth/../x HTTP/1.1\r\n\r\n",
        b"GET /auth HTTP/1.1\r\nX: " + b"y" * (MAX_REQUEST + 1),
        b"GET /auth HTTP/1.1\r\n" + b"X: y\r\n" * 300 + b"\r\n",
        b"POST /auth HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_what_is_no_question_ends_the_connection(data: bytes) -> None:
    talk = conversation(closed())
    assert talk.receive(data) == MALFORMED
    assert talk.ended


def test_a_trailer_is_a_second_header() -> None:
    head = question(basic("bob"), ("Transfer-Encoding", "chunked")).replace(b"GET", b"POST")
    trailer = "0\r\n{}: {}\r\n\r\n".format(*basic("alice")).encode()
    assert conversation(closed()).receive(head + trailer) == REFUSE


def test_bindings_end_and_the_oldest_go_first() -> None:
    now = 0.0
    bindings = Bindings(life_s=10, most=2, clock=lambda: now)
    bindings.bind(b"a", b"alice")
    bindings.bind(b"b", b"bob")
    bindings.bind(b"a", b"alice")
    bindings.bind(b"c", b"carol")
    assert bindings.find(b"a") == (b"alice",)
    assert (bindings.find(b"b"), len(bindings)) == (None, 2)
    now = 10.0
    assert bindings.find(b"a") is None
    assert b"c" not in bindings._bound


PIECES = st.sampled_from(
    [
        b"GET /auth HTTP/1.1\r\n",
        b"Authorization: Basic YWxpY2U6eA==\r\n",
        b"Authorization: Basic Ym9iOng=\r\n",
        b"Cookie: cadata=bad\r\n",
        b"Cookie: cadata=good\r\n",
        b"X-Original-URI: /owa/auth/x\r\n",
        b"Content-Length: 4\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"0\r\n\r\n",
        b"\r\n",
        b"\0",
        b"alice",
    ]
)


@given(pieces=st.lists(PIECES, max_size=12), cut=st.integers(0, 300))
@settings(max_examples=300, deadline=None)
def test_whatever_comes_is_answered_and_never_lets_the_closed_in(
    pieces: list[bytes], cut: int
) -> None:
    data = b"".join(pieces)
    talk = conversation(closed(), bound(good="bob", bad="alice"))
    given_out = talk.receive(data[:cut]) + talk.receive(data[cut:])
    assert b"alice" not in given_out
    known = (LET_THROUGH, AS_NOBODY, MALFORMED, REFUSE, TO_LOGIN, let_in("bob"))
    while given_out:
        answer = next(a for a in known if given_out.startswith(a))
        given_out = given_out[len(answer) :]
