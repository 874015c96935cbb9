# SPDX-License-Identifier: Apache-2.0
"""The real nginx and Caddy in front, told by the snippets: whoever is closed reaches nothing.

Behind them stands a tiny origin that keeps whatever arrives. Neither root nor the estate is needed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

import pytest
from msgspec import structs

from evict.agent.doctor import PauseSocket
from evict.agent.hooks import UnixAddress
from evict.config.forward_auth import ForwardAuthHook
from evict.config.model import Agent
from evict.config.sogo import SogoSection
from evict.control.fronts import asking, unasked
from evict.core.exposure import Severity
from evict.systems.forward_auth import snippet_nginx
from evict.systems.forward_auth.findings import Door, examine, refuses_unasked
from evict.systems.forward_auth.products import SOGO, Product, roundcube
from tests.fault.control.town import town
from tests.unit.systems.forward_auth import corpus, h2
from tests.unit.systems.forward_auth.fronts import Stand, standing

FRONTS = ("nginx", "caddy")
HOST = {"nginx": "127.95.11.1", "caddy": "127.95.11.2"}
COOKIE = SOGO.cookie
PAGE = "Accept: text/html,*/*"
ROUNDCUBE = roundcube()


def signs_of_the_leaver(records: Iterable[tuple[bytes, bytes]]) -> list[bytes]:
    return [
        head
        for head, body in records
        if any(sign in (head + body).lower() for sign in corpus.SIGNS)
    ]


async def reached(stand: Stand) -> dict[str, list[bytes]]:
    """Of the whole corpus, what came through to the origin."""
    found = {}
    for number, (what, raw) in enumerate(corpus.leavers()):
        before = len(stand.origin.seen)
        await stand.say(raw.replace("{x}", str(number)).encode())
        if signs := signs_of_the_leaver(stand.origin.seen[before:]):
            found[what] = signs
    for what, said in h2.LEAVERS.items():
        before = len(stand.origin.seen)
        await h2.ask(stand.host, stand.h2_port, said)
        if signs := signs_of_the_leaver(stand.origin.seen[before:]):
            found[f"HTTP/2: {what}"] = signs
    return found


async def refused(stand: Stand) -> list[str]:
    """Of the bystanders, who did not come through just as they were."""
    found = []
    for what, raw in corpus.bystanders():
        before = len(stand.origin.seen)
        said = await stand.say(raw.replace("{x}", "1").encode())
        final = said.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
        if not final.startswith(b"HTTP/1.1 200") or len(stand.origin.seen) != before + 1:
            found.append(f"{what}: {said[:80]!r}")
    for what, fields in h2.BYSTANDERS.items():
        before = len(stand.origin.seen)
        await h2.ask(stand.host, stand.h2_port, fields)
        if len(stand.origin.seen) != before + 1:
            found.append(f"HTTP/2: {what}")
    return found


@pytest.mark.parametrize("kind", FRONTS)
async def test_whoever_is_closed_reaches_nothing_under_any_spelling(
    kind: str, tmp_path: Path
) -> None:
    async with standing(kind, SOGO, HOST[kind], tmp_path) as stand:
        assert await reached(stand) == {}
        assert await refused(stand) == []


@pytest.mark.parametrize("kind", FRONTS)
async def test_over_a_socket_file_it_is_the_same(kind: str, tmp_path: Path) -> None:
    listen = str(tmp_path / "ask.sock")
    async with standing(kind, SOGO, HOST[kind], tmp_path, listen=listen) as stand:
        assert await reached(stand) == {}
        assert await refused(stand) == []
        await stand.listener.stop()
        before = len(stand.origin.seen)
        status, _ = await stand.get("/SOGo/so/in", f"Cookie: {corpus.BYSTANDER}")
        assert (status in (500, 502), len(stand.origin.seen)) == (True, before)


@pytest.mark.parametrize("kind", FRONTS)
async def test_without_the_hook_the_corpus_reaches_the_origin(kind: str, tmp_path: Path) -> None:
    """The corpus can tell: an answerer that lets everybody through is seen."""
    async with standing(kind, SOGO, HOST[kind], tmp_path, closed=False) as stand:
        found = await reached(stand)
    assert len(found) > 60
    assert {"HTTP/2: a cookie", "HTTP/2: crumbs", "HTTP/2: Basic"} <= set(found)


@pytest.mark.parametrize("kind", FRONTS)
async def test_no_answer_is_a_refusal(kind: str, tmp_path: Path) -> None:
    async with standing(kind, SOGO, HOST[kind], tmp_path) as stand:
        await stand.listener.stop()
        for header in (f"Cookie: {corpus.BYSTANDER}", f"Authorization: {corpus.BOB}", "A: b"):
            status, _ = await stand.get("/SOGo/so/in", header)
            assert status in (500, 502), header
        assert stand.origin.seen == []
        await stand.listener.start()
        assert (await stand.get("/SOGo/so/in", f"Cookie: {corpus.BYSTANDER}"))[0] == 200


@pytest.mark.parametrize("kind", FRONTS)
async def test_an_answerer_that_hangs_is_a_refusal(kind: str, tmp_path: Path) -> None:
    async with standing(kind, SOGO, HOST[kind], tmp_path) as stand:
        address = stand.listener._addresses[0]
        await stand.listener.stop()
        silent = await asyncio.get_running_loop().create_server(
            asyncio.Protocol, sock=address.bind()
        )
        async with asyncio.timeout(20):
            status, _ = await stand.get("/SOGo/so/in", f"Cookie: {corpus.BYSTANDER}")
        assert status in (0, 500, 502, 504)
        assert stand.origin.seen == []
        silent.close()


@pytest.mark.parametrize("kind", FRONTS)
async def test_a_sogo_login_is_carried_and_ends_with_the_revocation(
    kind: str, tmp_path: Path
) -> None:
    async with standing(kind, SOGO, HOST[kind], tmp_path) as stand:
        status, said = await login(stand, "/SOGo/connect", '{"userName":"carol","password":"p"}')
        assert (status, "carol-session" in said) == (200, True)
        cookie = f"Cookie: {COOKIE}=carol-session"
        assert (await stand.get("/SOGo/so/in", cookie))[0] == 200
        stand.close("carol")
        before = len(stand.origin.seen)
        status, said = await stand.get("/SOGo/so/in", cookie, PAGE)
        assert (status, "location: /SOGo/" in said.replace("Location", "location")) == (302, True)
        assert f"{COOKIE}=; Path=/SOGo/; Max-Age=0" in said
        status, said = await stand.get("/SOGo/so/in", cookie, method="POST")
        assert (status, f"{COOKIE}=; Path=/SOGo/; Max-Age=0" in said) == (401, True)
        status, said = await login(stand, "/SOGo/connect", '{"userName":"Carol","password":"p"}')
        assert (status, '{"LDAPPasswordPolicyError": 65535}' in said) == (403, True)
        assert len(stand.origin.seen) == before


@pytest.mark.parametrize("kind", FRONTS)
async def test_a_roundcube_visitor_comes_to_the_login_without_a_loop(
    kind: str, tmp_path: Path
) -> None:
    """The login page gives everybody a cookie; nobody has seen it being issued at a login."""
    async with standing(kind, ROUNDCUBE, HOST[kind], tmp_path) as stand:
        unknown = "Cookie: roundcube_sessid=anonymous; roundcube_lang=de"
        status, said = await stand.get("/roundcube/?_task=mail", unknown, PAGE)
        assert (status, "/roundcube/?_task=login" in said) == (302, True)
        # A client that keeps the cookie does not go round: the page comes, the cookie does not.
        status, _ = await stand.get("/roundcube/?_task=login", unknown, PAGE)
        assert (status, b"anonymous" in stand.origin.seen[-1][0]) == (200, False)
        assert (await stand.get("/roundcube/skins/elastic/styles.min.css", unknown))[0] == 200
        assert b"anonymous" not in stand.origin.seen[-1][0]
        body = "_task=login&_action=login&_token=t&_user=carol&_pass=p"
        status, said = await login(stand, "/roundcube/?_task=login", body, unknown)
        assert (status, "roundcube_sessid=carol-session" in said) == (302, True)
        assert b"roundcube_sessid=anonymous" in stand.origin.seen[-1][0]
        known = "Cookie: roundcube_sessid=carol-session; roundcube_sessauth=changes"
        assert (await stand.get("/roundcube/?_task=mail", known))[0] == 200
        stand.close("carol")
        before = len(stand.origin.seen)
        assert (await stand.get("/roundcube/?_task=mail&_remote=1", known))[0] == 401
        assert (await login(stand, "/roundcube/?_task=login", body, unknown))[0] == 302
        assert len(stand.origin.seen) == before


async def login(stand: Stand, target: str, body: str, *headers: str) -> tuple[int, str]:
    kind = "application/json" if body.startswith("{") else "application/x-www-form-urlencoded"
    lines = [f"POST {target} HTTP/1.1", "Host: mail.corp.test", f"Content-Type: {kind}", *headers]
    lines += [f"Content-Length: {len(body)}", "Connection: close", "", body]
    said = await stand.say("\r\n".join(lines).encode())
    return int(said[9:12]), said.decode("latin-1")


async def test_a_front_that_forgets_to_take_the_cookie_out_is_seen_by_the_corpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = snippet_nginx._NGINX_LOCATION.replace("Cookie ${w}_cookie", "X-A b")
    monkeypatch.setattr(snippet_nginx, "_NGINX_LOCATION", broken)
    async with standing("nginx", SOGO, HOST["nginx"], tmp_path) as stand:
        assert any("at /SOGo/" in what for what in await reached(stand))


def door(stand: Stand) -> Door:
    return Door(url=f"http://{stand.host}:{stand.port}")


@pytest.mark.parametrize("kind", FRONTS)
@pytest.mark.parametrize("product", [SOGO, ROUNDCUBE], ids=["sogo", "roundcube"])
async def test_the_doctor_sees_that_the_front_asks_before_every_path(
    kind: str, product: Product, tmp_path: Path
) -> None:
    async with standing(kind, product, HOST[kind], tmp_path) as stand:
        found = await examine("mail", door(stand), stand.settings, product)
        assert [f.code for f in found] == ["front-live-requests", "front-asks"]
        assert stand.origin.seen == []
        await stand.listener.stop()
        assert (await refuses_unasked("mail", door(stand), product)).severity is Severity.OK


@pytest.mark.parametrize(
    ("line", "codes"),
    [
        ("auth_request /${w};", {"front-path-unasked", "front-cookie-unasked"}),
        ("if (${w}_is_login) {{ return 418; }}", {"front-login-unrouted"}),
    ],
)
async def test_the_doctor_sees_what_is_missing(
    line: str, codes: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = snippet_nginx._NGINX_LOCATION
    changed = line.replace("${w}", "{w}") if line.startswith("auth") else line
    assert changed in text
    monkeypatch.setattr(snippet_nginx, "_NGINX_LOCATION", text.replace(changed, ""))
    async with standing("nginx", SOGO, HOST["nginx"], tmp_path) as stand:
        found = await examine("mail", door(stand), stand.settings, SOGO)
        assert codes <= {f.code for f in found if f.severity is Severity.ERROR}
        await stand.listener.stop()
        closed = await refuses_unasked("mail", door(stand), SOGO)
        assert (closed.severity is Severity.OK) == ("front-path-unasked" not in codes)


async def test_the_doctor_says_that_a_front_is_not_there() -> None:
    settings = ForwardAuthHook(listen="127.0.0.1:1")
    found = await examine("mail", Door(url="http://127.95.11.9:1"), settings, SOGO)
    assert [f.code for f in found] == [
        "front-cookies-unknown",
        "front-live-requests",
        "front-unreachable",
    ]


@pytest.mark.parametrize("opened", [False, True])
async def test_the_doctor_tries_whether_the_front_is_fail_closed(
    opened: bool,  # noqa: FBT001 - a parameter of the test
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if opened:
        text = snippet_nginx._NGINX_LOCATION.replace("    auth_request /{w};\n", "")
        assert text != snippet_nginx._NGINX_LOCATION
        monkeypatch.setattr(snippet_nginx, "_NGINX_LOCATION", text)
    async with (
        town(tmp_path, "127.95.11.3") as place,
        standing("nginx", SOGO, HOST["nginx"], tmp_path) as stand,
    ):
        pausing = PauseSocket(UnixAddress(tmp_path / "agent.sock"), [stand.listener])
        await pausing.start()
        section = SogoSection(
            url=f"{door(stand).url}/SOGo", server_name="mail.corp.test", hook=stand.settings
        )
        place.config = structs.replace(
            place.config,
            sogo=(section,),
            control=structs.replace(place.config.control, feed=tmp_path / "feed.sock"),
            agent=Agent(control_socket=tmp_path / "agent.sock", may_stop_hooks=True),
        )
        async with place.serving() as service:
            found = {f.code: f.severity for f in await service._doctor._fail_closed()}
            await pausing.stop()
            await stand.origin.stop()
            dead = {f.code: f.text for f in await unasked(await asking(place.config))}
    expected = "front-fails-open" if opened else "front-fails-closed"
    assert found[expected] is (Severity.ERROR if opened else Severity.OK)
    assert dead["front-fails-closed"].startswith("not proven")
