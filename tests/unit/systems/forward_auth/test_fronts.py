# SPDX-License-Identifier: Apache-2.0
"""How the answerer speaks to each front, and what is printed for it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from evict.config.forward_auth import ForwardAuthHook
from evict.core.errors import ConfigError
from evict.core.exposure import Severity
from evict.systems.forward_auth.answers import AS_NOBODY, LET_THROUGH, REFUSE, TO_LOGIN, let_in
from evict.systems.forward_auth.bindings import Bindings
from evict.systems.forward_auth.conversation import Conversation
from evict.systems.forward_auth.findings import settings_findings
from evict.systems.forward_auth.hook import conversations
from evict.systems.forward_auth.products import OWA, SOGO, Product, roundcube, settle
from evict.systems.forward_auth.site import CLAIMS, Site
from evict.systems.forward_auth.snippet import FRONTS, snippet
from tests.unit.systems.forward_auth.fakes import basic, closed, question

GOOD = ("Cookie", "0xHIGHFLYxSOGo=good")
BAD = ("Cookie", "0xHIGHFLYxSOGo=bad")
PAGE = ("Accept", "text/html,*/*")


def talking(front: str, product: Product = SOGO) -> Conversation:
    bindings = Bindings()
    bindings.bind(b"good", b"bob")
    bindings.bind(b"bad", b"alice")
    section = ForwardAuthHook(listen="127.0.0.1:1", front=front)
    return conversations(closed().decide, bindings, section, product)()


def test_nginx_is_told_with_a_status_alone() -> None:
    talk = talking("nginx")
    assert talk.receive(question(GOOD, uri="/SOGo/so/x")) == let_in("bob")
    assert talk.receive(question(BAD, PAGE, uri="/SOGo/so/x")) == TO_LOGIN
    assert talk.receive(question(BAD, uri="/SOGo/")) == AS_NOBODY


@pytest.mark.parametrize("front", ["caddy", "traefik"])
def test_a_front_that_hands_the_answer_on_is_led_to_the_login(front: str) -> None:
    talk = talking(front)
    method = ("X-Forwarded-Method", "GET")
    said = talk.receive(question(BAD, PAGE, method, ("X-Forwarded-Uri", "/SOGo/so/x"), uri=""))
    assert said.startswith(b"HTTP/1.1 302 Found\r\nLocation: /SOGo/\r\n")
    assert b"\r\nSet-Cookie: 0xHIGHFLYxSOGo=; Path=/SOGo/; Max-Age=0" in said
    for other in (("X-Forwarded-Method", "POST"), ("X-Forwarded-Method", "PROPFIND")):
        said = talk.receive(question(BAD, PAGE, other, uri=""))
        assert said.startswith(b"HTTP/1.1 401 ")
        assert b"\r\nSet-Cookie: 0xHIGHFLYxSOGo=;" in said
    # What nginx would say of the path is a client's own word here.
    said = talk.receive(question(BAD, uri="/SOGo/"))
    assert said.startswith(b"HTTP/1.1 401 ")
    assert talk.receive(question(BAD, ("X-Forwarded-Uri", "/SOGo/"), uri="")) == AS_NOBODY
    assert talk.receive(question(("X_Forwarded_Uri", "/SOGo/"), uri="")) == REFUSE
    assert not talk.ended


def test_a_query_that_the_front_keeps_does_not_count() -> None:
    asked = question(GOOD, uri="", path="/auth?Cmd=Ping")
    assert talking("caddy").receive(asked) == let_in("bob")
    assert talking("nginx").receive(asked).startswith(b"HTTP/1.1 400 ")


def test_traefik_takes_out_what_the_answer_does_not_have() -> None:
    talk = talking("traefik")
    said = talk.receive(question(GOOD, uri=""))
    assert b"X-Evict-Login: bob\r\nCookie: 0xHIGHFLYxSOGo=good\r\n\r\n" in said
    said = talk.receive(question(basic("bob"), uri=""))
    assert f"\r\nAuthorization: {basic('bob')[1]}\r\n\r\n".encode() in said
    nobody = talk.receive(question(BAD, ("X-Forwarded-Uri", "/SOGo/"), uri=""))
    assert b"Cookie" not in nobody
    assert talk.receive(question(uri="")) == LET_THROUGH
    assert talk._known == {}


def test_envoy_lets_through_by_200_and_says_the_path_in_the_target() -> None:
    talk = talking("envoy")
    said = talk.receive(question(GOOD, uri="", path="/auth/SOGo/so/x?y"))
    assert said.startswith(b"HTTP/1.1 200 OK\r\nX-Evict-Login: bob\r\n")
    said = talk.receive(question(BAD, uri="/SOGo/", path="/auth/SOGo/so/x"))
    assert said.startswith(b"HTTP/1.1 401 ")
    said = talk.receive(question(BAD, PAGE, uri="", path="/auth/SOGo/so/x"))
    assert said.startswith(b"HTTP/1.1 302 ")
    nobody = talk.receive(question(BAD, uri="", path="/auth/SOGo/"))
    assert b"x-envoy-auth-headers-to-remove: cookie,authorization\r\n" in nobody
    assert talk.receive(question(basic("alice"), uri="", path="/auth/SOGo/")) == REFUSE
    assert talk.receive(question(GOOD, uri="", path="/auth")).startswith(b"HTTP/1.1 400 ")


def site(front: str, product: Product, **settings: Any) -> Site:
    section = ForwardAuthHook(
        listen="127.0.0.1:4003", front=front, login_upstream="http://127.0.0.1:20000", **settings
    )
    return Site(
        name="my mail",
        host="mail.corp.test",
        upstream="http://127.0.0.1:20000",
        settings=section,
        product=product,
    )


@pytest.mark.parametrize("product", [SOGO, roundcube(), OWA], ids=lambda p: p.label)
@pytest.mark.parametrize("front", FRONTS)
def test_what_is_printed_asks_routes_and_takes_out(front: str, product: Product) -> None:
    text = snippet(front, site(front, product, login_listen="127.0.0.1:4004"))
    for word in ("127.0.0.1:4003", "127.0.0.1:4004", product.login_path.partition("?")[0]):
        assert word in text.replace("\\", "")
    assert all(name.lower() in text.lower() for name in CLAIMS)
    assert all(prefix in text for prefix in product.prefixes)
    assert ("UNTESTED" in text) == (front in ("traefik", "envoy"))
    assert "WITHOUT" not in text
    assert not re.search(r"\{(?!uri\})\w", text), "a value that was not put in"
    without = snippet(front, site(front, product))
    assert "WITHOUT login_listen" in without
    assert "4004" not in without


@pytest.mark.parametrize(
    ("front", "words"),
    [
        ("nginx", "{ server unix:/run/evict/front/ask.sock; keepalive 32; }"),
        ("caddy", "forward_auth unix//run/evict/front/ask.sock {"),
    ],
)
def test_a_front_is_told_of_the_socket_file(front: str, words: str) -> None:
    section = ForwardAuthHook(listen="/run/evict/front/ask.sock", front=front)
    fields = {**_fields(site(front, SOGO)), "settings": section}
    assert words in snippet(front, Site(**fields))


def test_the_snippet_of_another_front_is_not_printed() -> None:
    with pytest.raises(ConfigError, match="front is 'nginx'"):
        snippet("caddy", site("nginx", SOGO))


KEPT = {
    "nginx": ("keepalive 32; }\nmap", True),
    "caddy": ("keepalive off", False),
    "traefik": ("maxIdleConnsPerHost: -1", False),
    "envoy": ("max_requests_per_connection: 1", False),
}


@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize("unidentified", ["pass", "refuse"])
def test_a_connection_that_somebody_may_have_signed_in_is_not_kept_for_others(
    front: str, unidentified: str
) -> None:
    settings = ForwardAuthHook(listen="127.0.0.1:1", front=front, unidentified=unidentified)
    site = Site(
        name="mail",
        host="mail.corp.test",
        upstream="https://ex01.corp.test",
        settings=settings,
        product=OWA,
    )
    words, keeps = KEPT[front]
    assert (words in snippet(front, site)) == (keeps == (unidentified == "refuse"))


def test_certificates_of_the_server_behind_are_looked_at() -> None:
    behind = site("nginx", OWA, login_listen="127.0.0.1:4004", server_name="ex01.corp.test")
    text = snippet("nginx", Site(**{**_fields(behind), "upstream": "https://10.0.0.1"}))
    assert "proxy_ssl_verify on;" in text
    assert "proxy_ssl_name ex01.corp.test;" in text
    assert "proxy_ssl_verify" not in snippet("nginx", behind)


def test_caddy_is_told_whose_certificate_the_server_behind_has() -> None:
    fields = _fields(site("caddy", OWA, login_listen="127.0.0.1:4004", ca_file="/etc/ca.pem"))
    text = snippet("caddy", Site(**{**fields, "upstream": "https://10.0.0.1"}))
    assert "tls_server_name mail.corp.test\n" in text
    assert "tls_trusted_ca_certs /etc/ca.pem\n" in text
    assert "tls_" not in snippet("caddy", Site(**fields))


def _fields(of: Site) -> dict[str, Any]:
    return {name: getattr(of, name) for name in of.__struct_fields__}


def test_settings_come_before_the_products_own() -> None:
    section = ForwardAuthHook(
        listen="x:1", cookie="sid", login_path="/in", login_field="name", open_paths=("/in",)
    )
    settled = settle(roundcube("/"), section)
    assert (settled.cookie, settled.login_path, settled.field) == ("sid", "/in", "name")
    assert settled.open_paths == ("/?_task=login", "/in")
    assert roundcube("/").prefixes == ("/",)
    assert roundcube("mail").login_page == "/mail/?_task=login"


def test_the_doctor_says_what_is_not_identified() -> None:
    found = settings_findings("mail", ForwardAuthHook(listen="x:1", front="envoy"), OWA)
    assert [f.code for f in found] == [
        "front-cookies-unknown",
        "front-live-requests",
        "front-unidentified",
        "front-untested",
    ]
    assert {f.severity for f in found} == {Severity.WARNING}
    whole = ForwardAuthHook(
        listen="x:1", login_listen="x:2", login_upstream="http://y", runtime="/run/x"
    )
    assert settings_findings("mail", whole, SOGO) == ()
