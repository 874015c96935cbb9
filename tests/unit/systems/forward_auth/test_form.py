# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evict.systems.forward_auth.form import Login, read_login, refusal
from evict.systems.forward_auth.login import LoginRequest, Rejected
from evict.systems.forward_auth.products import OWA, SOGO, Kind, Product, roundcube

ROUNDCUBE = roundcube("/mail/")
LOGIN = (("_task", "login"), ("_action", "login"))
KINDS = {
    Kind.FORM: "application/x-www-form-urlencoded",
    Kind.JSON: "application/json",
}


def request(product: Product, body: bytes, *headers: str, target: str = "") -> LoginRequest:
    kind = f"Content-Type: {KINDS[product.kind]}"
    own = [kind] if not any(h.lower().startswith("content-type") for h in headers) else []
    lines = [f"POST {target or product.login_path} HTTP/1.1", "Host: x", *own, *headers]
    read = LoginRequest()
    head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""])
    read.feed(head.encode("latin-1") + body)
    assert read.done
    return read


def read(product: Product, body: bytes, *headers: str) -> Login:
    return read_login(request(product, body, *headers), product)


def rejected(product: Product, body: bytes, *headers: str) -> str:
    with pytest.raises(Rejected) as caught:
        read(product, body, *headers)
    return caught.value.status[:3]


def test_a_roundcube_login_is_read_and_written_anew() -> None:
    body = b"_task=login&_action=login&_user=bob%40corp.test&_pass=p%C3%A4+%2B%26&_url="
    login = read(ROUNDCUBE, body)
    assert login.names == (b"bob@corp.test",)
    said = parse_qsl(login.body.decode(), keep_blank_values=True)
    assert said == parse_qsl(body.decode(), keep_blank_values=True)


@pytest.mark.parametrize(
    "pairs",
    [
        [("_user", "bob"), ("_user", "alice")],
        [("_user", "bob"), (".user[0]", "alice")],
        [("_user", "bob"), (" _user", "alice")],
        [("_user", "bob"), (".user", "alice")],
        [("_user", "bob"), ("[user", "alice")],
        [("_user", "bob"), ("+user", "alice")],
        [("_user", "bob"), ("_user\0x", "alice")],
        [("_user", "bob"), ("_user[]", "alice")],
        [("_user", "bob"), ("_user[0", "alice")],
        [(".user", "alice")],
        [("_user[]", "alice")],
        [("_USER", "alice")],
        [("_user", "")],
        [("user", "alice")],
        [(f"f{n}", "x") for n in range(40)],
    ],
)
def test_a_field_that_php_reads_as_the_name_is_no_field_beside_it(
    pairs: list[tuple[str, str]],
) -> None:
    assert rejected(ROUNDCUBE, urlencode([*LOGIN, *pairs]).encode()) == "400"


@pytest.mark.parametrize(
    "pairs",
    [
        [],
        [("_task", "login")],
        [("_action", "login")],
        [("_task", "mail"), ("_action", "send")],
        [("_task", "login"), ("_action", "show")],
        [*LOGIN, ("_task", "mail")],
        [*LOGIN, (".task", "mail")],
        [*LOGIN, (" _task", "mail")],
        [*LOGIN, ("_task[]", "mail")],
        [*LOGIN, (".task[]", "mail")],
        [*LOGIN, ("[task[0", "mail")],
        [*LOGIN, ("_action\0", "send")],
    ],
)
def test_a_form_that_asks_roundcube_for_another_page_is_no_login(
    pairs: list[tuple[str, str]],
) -> None:
    body = urlencode([*pairs, ("_user", "bob"), ("_pass", "p")]).encode()
    assert rejected(ROUNDCUBE, body) == "400"


def test_fields_of_other_names_are_none_of_ours() -> None:
    pairs = [*LOGIN, ("_user", "bob"), ("_username", "x"), ("my_user", "y"), ("_user2", "z")]
    assert read(ROUNDCUBE, urlencode(pairs).encode()).names == (b"bob",)
    aspx = [("USERNAME", "bob"), ("password", "p"), ("destination", "/owa/")]
    assert read(OWA, urlencode(aspx).encode()).destination == "/owa/"


def test_a_sogo_login_is_read_and_written_anew() -> None:
    said = {"userName": "böb", "password": 'p"\u2028', "domain": None, "rememberLogin": 0}
    login = read(SOGO, json.dumps(said, ensure_ascii=False).encode())
    assert login.names == ("böb".encode(),)
    assert json.loads(login.body) == said
    assert login.body.isascii()


def test_of_a_domain_both_names_count() -> None:
    body = json.dumps({"userName": "bob", "password": "p", "domain": "corp.test"}).encode()
    assert read(SOGO, body).names == (b"bob", b"bob@corp.test")
    assert read(SOGO, b'{"userName":"bob","domain":""}').names == (b"bob",)


@pytest.mark.parametrize(
    "body",
    [
        b'{"userName":"bob","userName":"alice"}',
        b'{"userName":"bob","username":"alice"}',
        b'{"userName":"bob","user\\u004eame":"alice"}',
        b'{"userName":"bob","userName ":"alice"}',
        b'{"userName":"bob","userName\\u0000":"alice"}',
        b'{"userName":"bob","x":{"a":1,"a":2}}',
        b'{"userName":"bob","domain":["alice"]}',
        b'{"userName":["alice"]}',
        b'{"userName":{"a":"alice"}}',
        b'{"userName":1}',
        b'{"userName":null}',
        b'{"userName":""}',
        b'{"USERNAME":"alice"}',
        b'{"user":"alice"}',
        b'["userName","alice"]',
        b'"alice"',
        b'{"userName":"bob"}{"userName":"alice"}',
        b'{"userName":"bob",}',
        b"{'userName':'bob'}",
        b'{"userName":"bob","x":NaN}',
        b'{"userName":"bob","x":-Infinity}',
        b'{"userName":"b\xe4"}',
        b'\xef\xbb\xbf{"userName":"bob"}',
        '{"userName":"bob"}'.encode("utf-16"),
        b"[" * 30_000,
        b"",
    ],
)
def test_json_that_can_be_read_in_two_ways_is_refused(body: bytes) -> None:
    assert rejected(SOGO, body) == "400"


@pytest.mark.parametrize(
    "headers",
    [
        ("Content-Type: text/plain",),
        ("Content-Type: application/x-www-form-urlencoded",),
        ("Content-Type: application/json; charset=utf-16",),
        ("Content-Type: application/json; charset=utf-7",),
        ("Content-Type: application/json; charset=utf-8; charset=utf-16",),
        ("Content-Type: application/json, text/plain",),
        ("Content-Type: application/json", "content-type: text/plain"),
        ("Content-Type:",),
        ("Content-Encoding: gzip",),
    ],
)
def test_another_media_type_or_charset_is_refused(headers: tuple[str, ...]) -> None:
    assert rejected(SOGO, b'{"userName":"bob"}', *headers) == "415"


def test_utf_8_may_be_said() -> None:
    for kind in ("application/json; charset=UTF-8", 'Application/JSON;charset="utf-8"'):
        assert read(SOGO, b'{"userName":"bob"}', f"Content-Type: {kind}").names == (b"bob",)
    form = "application/x-www-form-urlencoded"
    assert rejected(OWA, b"username=bob", f"Content-Type: {form}; charset=ibm037") == "415"


def test_two_cookie_lines_and_another_target_are_refused() -> None:
    assert rejected(SOGO, b'{"userName":"bob"}', "Cookie: a=b", "Cookie: c=d") == "400"
    for target in ("/mail/", "/mail/?_task=login&_user=alice", "/mail/?_task=login#"):
        with pytest.raises(Rejected, match="404"):
            read_login(request(ROUNDCUBE, b"_user=bob", target=target), ROUNDCUBE)


def test_headers_that_claim_a_name_are_not_carried() -> None:
    claims = ("Authorization: x", "x_webobjects_remote_user: alice", "Remote-User: alice")
    carried = request(SOGO, b"{}", *claims, "X-Forwarded-For: 10.0.0.1").carried()
    assert [name for name, _ in carried] == ["host", "x-forwarded-for"]


def test_a_refusal_looks_as_the_server_makes_it() -> None:
    assert b"\r\nLocation: /mail/?_task=login\r\n" in refusal(ROUNDCUBE, "")
    assert refusal(SOGO, "").startswith(b"HTTP/1.1 403 ")
    assert b"logon.aspx?url=%2Fowa%2F&reason=2\r\n" in refusal(OWA, "/owa/")


@given(name=st.text(min_size=1), password=st.text())
def test_what_is_carried_says_the_name_that_was_read(name: str, password: str) -> None:
    for product in (SOGO, ROUNDCUBE):
        said = {product.field: name, "password": password}
        raw = json.dumps(said) if product.kind is Kind.JSON else urlencode(said)
        try:
            login = read(product, raw.encode())
        except Rejected:
            continue
        again = read(product, login.body)
        assert again.names[0] == login.names[0] == name.encode()
