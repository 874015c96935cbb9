# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlencode

import pytest

from evict.agent.hooks import TcpAddress
from evict.agent.replica import Replica
from evict.config.forward_auth import ForwardAuthHook
from evict.core.errors import ConfigError
from evict.lab.http.messages import Response
from evict.systems.forward_auth.bindings import Bindings
from evict.systems.forward_auth.carrier import LoginCarrier
from evict.systems.forward_auth.hook import login_carrier
from evict.systems.forward_auth.products import OWA, Product, roundcube
from tests.unit.agent.fakes import Chain, push
from tests.unit.systems.forward_auth.fakes import HOST, FakeServer, closed


def nothing() -> None:
    """The feed has brought nothing."""


@asynccontextmanager
async def carrying(
    upstream: str,
    replica: Replica,
    bindings: Bindings,
    look: Callable[[], None] = nothing,
    product: Product = OWA,
) -> AsyncIterator[int]:
    settings = ForwardAuthHook(listen=f"{HOST}:1", login_upstream=upstream)
    carrier: LoginCarrier = login_carrier(
        "exchange",
        TcpAddress(f"{HOST}:0"),
        settings,
        decide=replica.decide,
        bindings=bindings,
        look=look,
        product=product,
    )
    await carrier.start()
    assert carrier.name == "exchange"
    assert carrier._server is not None
    try:
        yield carrier._server.sockets[0].getsockname()[1]
    finally:
        await carrier.stop()
        await carrier.stop()


async def post(
    port: int, body: bytes, *headers: str, target: str = "/owa/auth.owa", method: str = "POST"
) -> tuple[int, str]:
    reader, writer = await asyncio.open_connection(HOST, port)
    kind = "Content-Type: application/x-www-form-urlencoded"
    own = [kind] if not any(h.startswith("Content-Type") for h in headers) else []
    lines = [f"{method} {target} HTTP/1.1", "Host: mail.corp.test", *own, *headers]
    writer.write("\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body)
    async with asyncio.timeout(5):
        answer = (await reader.read()).decode("latin-1")
    writer.close()
    return int(answer.split(" ")[1]) if answer else 0, answer


def form(*pairs: tuple[str, str]) -> bytes:
    return urlencode(pairs or (("username", "bob"), ("password", "pw"))).encode()


async def test_a_login_is_carried_as_it_is_and_its_cookie_is_known() -> None:
    server, bindings = FakeServer(), Bindings()
    async with server.listening() as url, carrying(url, closed(), bindings) as port:
        body = form(("destination", "/owa/"), ("flags", "4"), ("flags", "0"), ("username", "Bob"))
        status, answer = await post(port, body, "X-Forwarded-For: 10.1.1.1", "Authorization: x")
    assert status == 302
    assert "cadata=cookie-1; path=/; HttpOnly" in answer.replace("set-cookie", "Set-Cookie")
    assert bindings.find(b"cookie-1") == (b"Bob",)
    assert bindings.find(b"t") is None
    request = server.seen[0]
    assert (request.body, request.target) == (body, "/owa/auth.owa")
    assert request.headers.get("host") == "mail.corp.test"
    assert request.headers.get("x-forwarded-for") == "10.1.1.1"
    assert "authorization" not in request.headers


async def test_no_header_makes_another_request_of_a_login() -> None:
    server = FakeServer()
    claims = ("X-Original-URL: /owa/ev.owa", "X_Rewrite_URL: /ews/", "Remote-User: alice")
    async with server.listening() as url, carrying(url, closed(), Bindings()) as port:
        assert (await post(port, form(), *claims))[0] == 302
    assert all(claim.partition(":")[0] not in server.seen[0].headers for claim in claims)


async def test_of_a_roundcube_login_the_sessions_own_cookie_goes_along_alone() -> None:
    """Roundcube takes a cookie `_task` for the field of that name."""
    server, page = FakeServer(), "/mail/?_task=login"
    body = b"_task=login&_action=login&_user=bob&_pass=p"
    mail = roundcube("/mail/")
    async with (
        server.listening() as url,
        carrying(url, closed(), Bindings(), product=mail) as port,
    ):
        for cookies in ("_task=mail; roundcube_sessid=s; _action=send", "_task=mail", "a%62=c"):
            assert (await post(port, body, f"Cookie: {cookies}", target=page))[0] == 302
        other = body.replace(b"_task=login", b"_task=mail")
        assert (await post(port, other, "Cookie: roundcube_sessid=s", target=page))[0] == 400
    said = [request.headers.get("cookie") for request in server.seen]
    assert said == ["roundcube_sessid=s", "", ""]


@pytest.mark.parametrize(
    "name", ["alice", "CORP\\Alice", "corp/alice", "\\alice", "%u0061lice", " a"]
)
async def test_a_closed_name_gets_no_further(name: str) -> None:
    server, bindings = FakeServer(), Bindings()
    body = form(("destination", "/owa/?a=b"), ("username", name), ("password", "pw"))
    async with server.listening() as url, carrying(url, closed(), bindings) as port:
        status, answer = await post(port, body)
    assert status == 302
    assert "/owa/auth/logon.aspx?url=%2Fowa%2F%3Fa%3Db&reason=2" in answer
    assert server.seen == []


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (form(("username", "bob"), ("username", "alice")), (), 400),
        (form(("username", "bob"), ("USERNAME", "alice")), (), 400),
        (form(("password", "x")), (), 400),
        (form(("username", "")), (), 400),
        (b"username=b\xc3\xa4", (), 400),
        (b"username=%ff", (), 400),
        (b"username", (), 400),
        (form(), ("Content-Type: multipart/form-data; boundary=x",), 415),
        (form(), ("Content-Type: text/x", "Content-Type: application/x-www-form-urlencoded"), 415),
        (form(), ("Content-Encoding: gzip",), 415),
        (b"username=" + b"b" * 40_000, (), 413),
        (form(), ("Transfer-Encoding: chunked",), 400),
    ],
)
async def test_a_form_that_is_none_is_not_carried(
    body: bytes, headers: tuple[str, ...], status: int
) -> None:
    server = FakeServer()
    async with server.listening() as url, carrying(url, closed(), Bindings()) as port:
        assert (await post(port, body, *headers))[0] == status
        assert (await post(port, form(), target="/owa/auth.owa/x"))[0] == 404
        assert (await post(port, form(), method="PUT"))[0] == 404
    assert server.seen == []


async def test_nobody_logs_in_without_a_snapshot_or_a_server() -> None:
    server, bindings = FakeServer(), Bindings()
    async with server.listening() as url, carrying(url, Replica(), bindings) as port:
        assert (await post(port, form()))[0] == 503
    assert server.seen == []
    async with carrying(url, closed(), bindings) as port:
        assert (await post(port, form()))[0] == 503


async def test_a_closure_during_the_login_ends_it_without_a_cookie() -> None:
    chain, replica, bindings, server = Chain(), Replica(), Bindings(), FakeServer()
    replica.apply(chain.snapshot())

    def feed() -> None:
        if server.seen:
            replica.apply(push(chain.revoke("id-2", "bob")))

    async with server.listening() as url, carrying(url, replica, bindings, feed) as port:
        status, answer = await post(port, form())
    assert status == 302
    assert "reason=2" in answer
    assert "cookie-1" not in answer
    assert (bindings.find(b"cookie-1"), len(server.seen)) == (None, 1)


async def test_an_answer_that_is_too_long_or_deletes_the_cookie_binds_nothing() -> None:
    server, bindings = FakeServer(), Bindings()
    async with server.listening() as url, carrying(url, closed(), bindings) as port:
        server.answer = Response(302, [("Set-Cookie", "cadata=; path=/"), ("Location", "/x")])
        assert (await post(port, form()))[0] == 302
        server.answer = Response(200, [("Set-Cookie", "cadata=c")], b"x" * (1024 * 1024 + 1))
        assert (await post(port, form()))[0] == 503
    assert len(bindings) == 0


async def test_an_address_that_is_taken_and_anchors_that_are_not_there_are_told() -> None:
    async with carrying("http://127.0.0.1:1", closed(), Bindings()) as port:
        settings = ForwardAuthHook(listen="x:1", login_upstream="https://ex01")
        carrier = login_carrier(
            "exchange",
            TcpAddress(f"{HOST}:{port}"),
            settings,
            decide=closed().decide,
            bindings=Bindings(),
            look=nothing,
        )
        with pytest.raises(ConfigError, match="cannot listen"):
            await carrier.start()
    with pytest.raises(ValueError, match="login_upstream"):
        login_carrier(
            "exchange",
            TcpAddress(f"{HOST}:0"),
            ForwardAuthHook(listen="x:1"),
            decide=closed().decide,
            bindings=Bindings(),
            look=nothing,
        )
