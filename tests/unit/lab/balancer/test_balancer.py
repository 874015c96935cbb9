# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from evict.probes import http
from tests.unit.lab.balancer.stand import COOKIE, HOST, NAME, SERVERS, Stand, login, standing

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def client(stand: Stand, name: str = "nobody") -> httpx2.AsyncClient:
    return http.client(stand.endpoint("owa"), login(name))


def at(stand: Stand, path: str) -> str:
    return http.url(stand.endpoint("owa"), path)


def basic(name: str) -> dict[str, str]:
    return {"Authorization": http.basic(login(name))}


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.002)


async def test_a_client_stays_where_it_is_and_others_go_elsewhere(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        places: dict[str, set[str]] = {}
        for name in ("bob", "carol", "bob", "carol"):
            async with client(stand) as phone:
                answer = await phone.get(at(stand, "/ews/"), headers=basic(name))
            assert answer.status_code == 200
            places.setdefault(name, set()).add(answer.headers["x-server"])
    assert sorted(places.values(), key=str) == [{"ex01"}, {"ex02"}]


async def test_a_client_connection_has_one_connection_to_one_server(tmp_path: Path) -> None:
    """As NTLM needs it, which signs in a connection."""
    async with standing(tmp_path) as stand, client(stand) as one, client(stand) as two:
        first = [await one.get(at(stand, "/ews/")) for _ in "123"]
        other = await two.get(at(stand, "/ews/"))
    assert [a.headers["x-count"] for a in first] == ["1", "2", "3"]
    assert len({a.headers["x-server"] for a in first}) == 1
    assert other.headers["x-count"] == "1"


async def test_a_server_that_is_down_is_passed_over(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        await stand.sites[0].stop()
        for _ in range(4):
            async with client(stand) as browser:
                answer = await browser.get(at(stand, "/ews/"))
            assert answer.headers["x-server"] == "ex02"
        await stand.sites[1].stop()
        async with client(stand) as browser:
            assert (await browser.get(at(stand, "/ews/"))).status_code == 503
        assert stand.balancer.servers.down == {"ex01", "ex02"}
        await stand.sites[0].start(SERVERS[0], stand.authority.server_context(NAME))
        await until(lambda: "ex01" not in stand.balancer.servers.down)
        async with client(stand) as browser:
            assert (await browser.get(at(stand, "/ews/"))).headers["x-server"] == "ex01"


async def test_a_server_that_cuts_a_request_is_not_asked_twice(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand, client(stand) as browser:
        assert (await browser.post(at(stand, "/cut"), content=b"x")).status_code == 502
        assert sum(len(site.seen) for site in stand.sites) == 1
        head = await browser.head(at(stand, "/ews/"))
        assert (head.status_code, head.content) == (200, b"")
        assert (await browser.get(at(stand, "/ews/"))).text == "<p>/ews/"


async def test_no_answer_of_the_hook_is_a_refusal(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand, client(stand) as browser:
        assert (await browser.get(at(stand, "/ews/"), headers=basic("bob"))).status_code == 200
        seen = sum(len(site.seen) for site in stand.sites)
        await stand.listener.stop()
        for path in ("/ews/", "/owa/auth/logon.aspx", "/"):
            refused = await browser.get(at(stand, path), headers=basic("bob"))
            assert refused.status_code == 503
        assert sum(len(site.seen) for site in stand.sites) == seen
        await stand.listener.start()
        assert (await browser.get(at(stand, "/ews/"), headers=basic("bob"))).status_code == 200


async def test_a_hook_that_hangs_is_a_refusal(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        await stand.listener.stop()
        port = int(str(stand.listener._addresses[0]).rpartition(":")[2])
        asked: list[asyncio.StreamWriter] = []
        server = await asyncio.start_server(lambda _, writer: asked.append(writer), HOST, port)
        async with server, client(stand) as browser:
            assert (await browser.get(at(stand, "/ews/"))).status_code == 503
            assert len(asked) == 1
            asked[0].close()


async def test_the_twin_without_the_hook_lets_the_closed_in(tmp_path: Path) -> None:
    """What the others show is the hook's doing: without it the same request comes through."""
    async with standing(tmp_path, hooked=False) as stand, client(stand) as browser:
        stand.close("alice")
        await stand.listener.stop()
        assert (await browser.get(at(stand, "/ews/"), headers=basic("alice"))).status_code == 200


@pytest.mark.parametrize(
    "spoof",
    [
        {"X-Original-URI": "/owa/auth/logon.aspx"},
        {"X_Original_URI": "/owa/auth/logon.aspx"},
        {"X-Evict-Login": "bob"},
        {"X-Forwarded-Uri": "/owa/auth/logon.aspx", "X-Forwarded-User": "bob"},
        {"Remote-User": "bob"},
    ],
)
async def test_what_a_client_claims_goes_neither_to_the_hook_nor_to_a_server(
    tmp_path: Path, spoof: dict[str, str]
) -> None:
    async with standing(tmp_path) as stand, client(stand) as browser:
        stand.close("alice")
        refused = await browser.get(at(stand, "/ews/"), headers={**basic("alice"), **spoof})
        assert refused.status_code == 403
        passed = await browser.get(at(stand, "/ews/"), headers={**basic("bob"), **spoof})
        assert passed.status_code == 200
    (request,) = [r for site in stand.sites for r in site.seen]
    names = {name.lower() for name, _ in request.headers}
    assert not names & {"x-evict-login", "x-original-uri", "x_original_uri", "x-forwarded-user"}
    assert request.headers.all("x-forwarded-for") == ["127.84.31.77"]


async def test_two_identities_in_one_request_are_refused(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        stand.close("alice")
        reader, writer = await asyncio.open_connection(
            HOST, stand.port, ssl=stand.authority.client_context(), server_hostname=NAME
        )
        lines = [f"Authorization: {http.basic(login(n))}" for n in ("bob", "alice")]
        writer.write("\r\n".join(["GET /ews/ HTTP/1.1", "Host: x", *lines, "", ""]).encode())
        assert (await reader.readline()).startswith(b"HTTP/1.1 403")
        writer.close()
    assert all(site.seen == [] for site in stand.sites)


async def test_a_browser_signs_in_by_the_carrier_and_is_sent_to_the_login(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand, client(stand) as browser:
        before = await browser.get(at(stand, "/owa/"), headers={"Cookie": f"cadata={COOKIE}"})
        assert before.headers["location"] == "/owa/auth/logon.aspx?url=%2Fowa%2F&reason=0"
        signed = await browser.post(
            at(stand, "/owa/auth.owa"), content=b"username=alice", headers=FORM
        )
        assert (signed.status_code, signed.headers["location"]) == (302, "/owa/")
        assert (await browser.get(at(stand, "/owa/"))).status_code == 200
        stand.close("alice")
        page = await browser.get(at(stand, "/owa/"))
        assert page.status_code == 302
        assert "cadata=;" in page.headers["set-cookie"]
        cookie = {"Cookie": f"cadata={COOKIE}"}
        assert (
            await browser.post(at(stand, "/owa/service.svc"), headers=cookie)
        ).status_code == 440
        assert (await browser.get(at(stand, "/ews/"), headers=cookie)).status_code == 401
        page = await browser.get(at(stand, "/owa/auth/logon.aspx"), headers=cookie)
        assert page.status_code == 200
        again = await browser.post(
            at(stand, "/OWA/auth.owa"), content=b"username=alice", headers=FORM
        )
        assert "reason=2" in again.headers["location"]


async def test_a_cookie_that_a_server_renews_goes_on(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand, client(stand) as browser:
        await browser.post(at(stand, "/owa/auth.owa"), content=b"username=alice", headers=FORM)
        for site in stand.sites:
            site.renews = "cadata-2"
        assert (await browser.get(at(stand, "/owa/"))).status_code == 200
        assert browser.cookies["cadata"] == "cadata-2"
        assert (await browser.get(at(stand, "/owa/"))).status_code == 200
        stand.close("alice")
        assert (await browser.get(at(stand, "/owa/"))).status_code == 302


async def test_whoever_is_closed_loses_the_request_that_is_held_and_nobody_else(
    tmp_path: Path,
) -> None:
    async with standing(tmp_path) as stand, client(stand) as phone, client(stand) as other:
        held = asyncio.create_task(phone.get(at(stand, "/hold"), headers=basic("CORP\\alice")))
        bystander = asyncio.create_task(other.get(at(stand, "/hold"), headers=basic("bob")))
        await until(lambda: sum(site.held for site in stand.sites) == 2)
        began = time.monotonic()
        stand.close("alice", "corp\\alice")
        with pytest.raises(httpx2.TransportError):
            await held
        assert time.monotonic() - began < 2
        assert (await phone.get(at(stand, "/x"), headers=basic("alice"))).status_code == 403
        await until(lambda: sum(site.let_go for site in stand.sites) == 1)
        await until(lambda: (1, "quiet", 0) in stand.steps)
        assert not bystander.done()
        for site in stand.sites:
            site.release.set()
        assert (await bystander).status_code == 200
    assert (1, "kick", 1) in stand.steps


async def test_a_client_that_goes_takes_its_request_along(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        async with client(stand) as phone:
            held = asyncio.create_task(phone.get(at(stand, "/hold"), headers=basic("bob")))
            await until(lambda: sum(site.held for site in stand.sites) == 1)
            assert [line.split()[1] for line in stand.balancer.requests.lines()] == ["bob"]
            held.cancel()
            await asyncio.wait([held])
        await until(lambda: sum(site.let_go for site in stand.sites) == 1)
        await until(lambda: stand.balancer.requests.lines() == [])


async def test_where_identity_is_wanted_nobody_comes_without(tmp_path: Path) -> None:
    async with standing(tmp_path, strict=True) as stand, client(stand) as browser:
        asked = await browser.get(at(stand, "/ews/"), headers={"Authorization": "NTLM TlRM"})
        assert asked.status_code == 401
        assert asked.headers["www-authenticate"].startswith("Basic")
        assert (await browser.get(at(stand, "/owa/auth/logon.aspx"))).status_code == 200


async def test_the_runtime_socket_takes_its_two_commands_and_no_other(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        reader, writer = await asyncio.open_unix_connection(stand.balancer.runtime)
        writer.write(b"show sessions\nshow\nshutdown session 9\n")
        assert await reader.readline() == b"\n"
        assert await reader.readuntil(b"\n\n") == b"Unknown command.\n\n"
        assert await reader.readuntil(b"\n\n") == b"No such session.\n\n"
        writer.write(b"x" * 5000)
        assert await reader.read() == b""
        writer.close()
    with pytest.raises(FileNotFoundError):
        await asyncio.open_unix_connection(stand.balancer.runtime)
