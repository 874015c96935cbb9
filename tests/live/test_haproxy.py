# SPDX-License-Identifier: Apache-2.0
"""The HAProxy hook on Debian's HAProxy: what is closed, what stays open, what a restart does.

Long: one HAProxy with one set of rules; what it is asked stands beside what it does after a
restart.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from evict.core.exposure import Finding, Severity
from evict.systems.haproxy.findings import findings
from tests.live.haproxy_rig import COOKIE, PRODUCTS, Client, Rig, basic, http_2, needs_haproxy

pytestmark = needs_haproxy
FORMS = ("alice", "alice@corp.test", "corp\\alice")


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    rig = Rig(tmp_path, "127.94.2.1")
    rig.chain.revoke("gone-1", "dora")
    async with rig.running():
        yield rig


async def is_ended(client: Client) -> bool:
    """HAProxy answers 502 where the server had not begun to, or ends the connection."""
    try:
        return (await client.reply()).status in (403, 502, 503)
    except EOFError:
        return True


@pytest.mark.parametrize("product", PRODUCTS)
async def test_a_closing_refuses_basic_cookie_and_sign_in_and_nobody_else(
    rig: Rig, product: str
) -> None:
    hers, his = await rig.session(product, "Alice"), await rig.session(product, "bob")
    assert await rig.status(product, hers) == await rig.status(product, his) == 200
    await rig.enforced(rig.revoke("id-1", *FORMS))
    assert await rig.status(product, hers) == 403
    assert await rig.status(product, hers, method="POST") == 403
    assert await rig.status(product, basic("CORP\\Alice")) == 403
    assert (await rig.sign_in(product, "alice@corp.test")).status == 403
    assert await rig.status(product, his) == 200
    assert await rig.status(product, basic("bob")) == 200
    assert (await rig.sign_in(product, "bob")).cookie(COOKIE[product])
    await rig.enforced(rig.reinstate("id-1"))
    assert await rig.status(product, basic("alice")) == 200


async def test_a_held_request_is_ended_and_the_bystanders_is_not(rig: Rig) -> None:
    hers, his = await rig.session("sogo", "alice"), await rig.session("sogo", "bob")
    headers = (hers, basic("alice+phone@corp.test"), his, basic("bob"))
    clients = [rig.client("sogo") for _ in headers]
    for client, header in zip(clients, headers, strict=True):
        await client.send("POST", "/held", header)
    await rig.until(lambda: sum(path == "/held" for path, _ in rig.origin.seen) == len(clients))
    seq = rig.revoke("id-1", *FORMS)
    for client in clients[:2]:
        assert await is_ended(client)
    await rig.until(lambda: (seq, "quiet", 0) in rig.told["sogo"].steps)
    assert (seq, "kick", 2) in rig.told["sogo"].steps
    rig.origin.release.set()
    for client in clients[2:]:
        assert (await client.reply()).status == 200
        client.close()


@pytest.mark.parametrize(
    ("path", "within_s"), [("/held?Cmd=Ping&User=x", 0.2), ("/held?Cmd=Sync", 5.0)]
)
async def test_a_long_poll_is_ended_at_once_and_what_may_be_answered_soon_is_left_to_it(
    rig: Rig, path: str, within_s: float
) -> None:
    for _ in range(5):
        client = rig.client("sogo")
        rig.origin.release.clear()
        await client.send("POST", path, basic("alice"))
        await rig.until(lambda: any(seen == path for seen, _ in rig.origin.seen))
        began = time.monotonic()
        await rig.enforced(rig.revoke("id-1", *FORMS))
        if path.endswith("Sync"):
            rig.origin.release.set()
            assert (await client.reply()).status == 403
        else:
            assert await is_ended(client)
        assert time.monotonic() - began < within_s
        client.close()
        rig.origin.seen.clear()
        await rig.enforced(rig.reinstate("id-1"))


async def test_of_a_closed_session_the_next_page_is_the_sign_in(rig: Rig) -> None:
    hers = await rig.session("roundcube", "alice")
    await rig.enforced(rig.revoke("id-1", *FORMS))
    assert await rig.status("roundcube", hers, "Accept: text/html,*/*") == 200
    assert rig.origin.seen[-1] == ("/mail", "")
    assert await rig.status("roundcube", hers) == 403
    assert await rig.status("roundcube", basic("alice"), "Accept: text/html") == 403


@pytest.mark.parametrize("product", PRODUCTS)
async def test_a_session_that_haproxy_did_not_see_begin_is_nobodys(rig: Rig, product: str) -> None:
    stale = f"Cookie: other=1; {COOKIE[product]}=unseen"
    assert await rig.status(product, stale, method="POST") == 401
    assert await rig.status(product, stale) == 200
    assert rig.origin.seen[-1] == ("/mail", "")
    assert await rig.status(product, "Cookie: other=1") == 200
    assert rig.origin.seen[-1] == ("/mail", "other=1")


@pytest.mark.parametrize(
    ("product", "headers"),
    [
        ("sogo", [basic("bob"), basic("bob")]),
        ("sogo", ["Cookie: a=1", "Cookie: b=1"]),
        ("sogo", ["Cookie: 0xHIGHFLYxSOGo=a; 0xHIGHFLYxSOGo=b"]),
        ("sogo", ["Cookie: a=1; 0xhighflyxsogo=b"]),
        ("sogo", ["Cookie: a=1,0xHIGHFLYxSOGo =b"]),
        ("sogo", ['Cookie: 0xHIGHFLYxSOGo="b"']),
        ("sogo", ["Cookie: %30xHIGHFLYxSOGo=b"]),
        ("roundcube", ["Cookie: roundcube.sessid=b"]),
        ("roundcube", ["Cookie: roundcube_sessid=a; roundcube sessid=b"]),
        ("roundcube", ["Cookie: roundcube_sessid[x]=b"]),
        ("exchange", ["Cookie: a=1; Cadata=b"]),
    ],
)
async def test_what_can_be_read_in_two_ways_is_refused(
    rig: Rig, product: str, headers: list[str]
) -> None:
    before = len(rig.origin.seen)
    assert await rig.status(product, *headers) == 400
    assert len(rig.origin.seen) == before


@pytest.mark.parametrize(
    "header",
    [
        "Authorization: Basic !!",
        "Authorization: basic",
        "Authorization: Basic Ym9i Om8=",
        "Authorization: Negotiate YII=",
        "Authorization: Bearer Ym9iOnB3",
        basic(""),
        basic("b*b"),
        basic("bob%41"),
        basic("b\0b"),
        basic("b\tb"),
        basic(" bob"),
        basic("#bob"),
        basic("bób"),
        basic("\uff42\uff4f\uff42"),
        basic("b" * 257),
    ],
)
async def test_credentials_without_a_name_that_can_be_read_are_refused(
    rig: Rig, header: str
) -> None:
    assert await rig.status("sogo", header) == 401
    assert not rig.origin.seen


async def test_other_cookies_of_the_product_stand_beside_the_one(rig: Rig) -> None:
    his = await rig.session("exchange", "bob")
    assert await rig.status("exchange", f"{his}; cadataTTL=1; cadataKey=2; a='b'") == 200
    assert await rig.status("exchange", f"Cookie: cadataTTL=1; a=b=c; {his[8:]}") == 200


@pytest.mark.parametrize(
    ("product", "kind", "body"),
    [
        ("sogo", "application/json", b'{"userName":"bob","userName":"alice"}'),
        ("sogo", "application/json", b'{"userName":"bob","user\\u004eame":"alice"}'),
        ("sogo", "application/json", b'{"x":{"userName":"bob"},"userName":"bob"}'),
        ("sogo", "application/json", b'{"userName":["alice"]}'),
        ("sogo", "application/json", b'{"userName":""}'),
        ("sogo", "application/json", b'{"userName":"bob","domain":"a","domain":"b"}'),
        ("sogo", "application/json", b"[" * 3000),
        ("sogo", "text/plain", b'{"userName":"bob"}'),
        ("roundcube", "application/x-www-form-urlencoded", b"_user=bob&_user=alice"),
        ("roundcube", "application/x-www-form-urlencoded", b"_user=bob&%5fuser=alice"),
        ("roundcube", "application/x-www-form-urlencoded", b"_user=bob&+_user=alice"),
        ("roundcube", "application/x-www-form-urlencoded", b"_user=bob&.user=alice"),
        ("roundcube", "application/x-www-form-urlencoded", b"_user[]=bob"),
        ("roundcube", "application/x-www-form-urlencoded", b"_user=%ff%fe"),
        ("roundcube", "application/x-www-form-urlencoded", b"_user=a%00"),
        ("roundcube", "multipart/form-data; boundary=x", b"_user=bob"),
        ("exchange", "application/x-www-form-urlencoded", b"username=bob&UserName=alice"),
    ],
)
async def test_a_sign_in_that_names_two_is_refused(
    rig: Rig, product: str, kind: str, body: bytes
) -> None:
    path = {"sogo": "/SOGo/connect", "roundcube": "/", "exchange": "/owa/auth.owa"}[product]
    page = await rig.client(product).ask("GET", "/?_task=login")
    shown = [f"Cookie: {COOKIE[product]}={page.cookie(COOKIE[product])}"] * (product == "roundcube")
    before = len(rig.origin.seen)
    client = rig.client(product)
    assert (
        await client.ask("POST", path, *shown, f"Content-Type: {kind}", body=body)
    ).status == 400
    assert len(rig.origin.seen) == before


async def test_a_form_without_the_sign_in_pages_cookie_signs_nobody_in(rig: Rig) -> None:
    kind = "Content-Type: application/x-www-form-urlencoded"
    reply = await rig.client("roundcube").ask("POST", "/", kind, body=b"_user=bob&_pass=pw")
    assert reply.status == 401
    assert not rig.origin.seen


async def test_a_domain_that_stands_apart_counts(rig: Rig) -> None:
    await rig.enforced(rig.revoke("id-1", "erin@corp.test"))
    body = b'{"userName":"Erin","password":"\\"x\\\\","domain":"CORP.test","rememberLogin":0}'
    client = rig.client("sogo")
    reply = await client.ask("POST", "/SOGo/connect", "Content-Type: application/json", body=body)
    client.close()
    assert reply.status == 403


async def test_a_sign_in_by_another_path_signs_nobody_in(rig: Rig) -> None:
    """A server may take `//connect` for its sign-in: the cookie that comes of it is unknown."""
    his = await rig.session("sogo", "bob")
    client = rig.client("sogo")
    await client.ask("POST", "/SOGo//connect", his, "Content-Type: application/json", body=b"{}")
    client.close()
    assert await rig.status("sogo", "Cookie: 0xHIGHFLYxSOGo=c2", method="POST") == 401


async def test_a_slow_sign_in_that_is_overtaken_by_the_closing_gives_no_session(rig: Rig) -> None:
    rig.origin.slow.clear()
    body = b'{"userName":"alice","password":"pw"}'
    clients = [rig.client("sogo"), rig.client("sogo")]
    for client in clients:
        await client.send("POST", "/SOGo/connect", "Content-Type: application/json", body=body)
    await rig.until(lambda: len(rig.origin.seen) == 2)
    await rig.enforced(rig.revoke("id-1", *FORMS))
    rig.origin.slow.set()
    for client in clients:
        assert await is_ended(client)
    shown = await rig.ask(f"show map {rig.folder}/maps/evict_sogo_cookies.map")
    assert "alice" not in shown


async def test_a_cookie_of_4_kb_is_known(rig: Rig) -> None:
    rig.origin.big = "B" * 4000
    his, hers = await rig.session("sogo", "bob"), await rig.session("sogo", "alice")
    assert await rig.status("sogo", his, method="POST") == 200
    await rig.enforced(rig.revoke("id-1", *FORMS))
    assert await rig.status("sogo", hers, method="POST") == 403
    assert await rig.status("sogo", his, method="POST") == 200
    book = rig.folder / "sogo.cookies"
    await rig.until(book.exists)
    assert "BBBB" not in book.read_text()


async def test_a_restart_refuses_at_once_and_nobody_signs_in_anew(rig: Rig) -> None:
    hers, his = await rig.session("sogo", "alice"), await rig.session("sogo", "bob")
    await rig.enforced(rig.revoke("id-1", *FORMS))
    closed, book = rig.folder / "maps" / "evict_sogo_closed.map", rig.folder / "sogo.cookies"
    await rig.until(lambda: "alice 1\n" in closed.read_text())
    await rig.until(lambda: book.exists() and len(book.read_text().splitlines()) == 2)
    assert book.stat().st_mode & 0o777 == 0o600
    rig.kill_agent()
    rig.kill()
    rig.launch()
    await rig.answering()
    assert await rig.status("sogo", basic("alice")) == 403
    assert await rig.status("sogo", hers, method="POST") == 503
    assert await rig.status("sogo", his, method="POST") == 503
    assert await rig.status("sogo", basic("bob")) == 503
    await rig.start_agent()
    await rig.enforced(rig.replica.seq)
    assert await rig.status("sogo", hers, method="POST") == 403
    assert await rig.status("sogo", his, method="POST") == 200


async def test_a_restart_under_the_agent_is_seen_and_made_good(rig: Rig) -> None:
    his = await rig.session("sogo", "bob")
    await rig.until((rig.folder / "sogo.cookies").exists)
    rig.kill()
    await rig.until(lambda: not any(t.enforcing for t in rig.told.values()))
    seq = rig.revoke("id-1", *FORMS)
    closed = rig.folder / "maps" / "evict_sogo_closed.map"
    await rig.until(lambda: "alice 1\n" in closed.read_text())
    rig.launch()
    await rig.enforced(seq)
    assert await rig.status("sogo", his, method="POST") == 200
    assert await rig.status("sogo", basic("alice")) == 403


async def test_a_reload_keeps_sessions_and_the_old_process_is_not_forgotten(rig: Rig) -> None:
    hers, his = await rig.session("sogo", "alice"), await rig.session("sogo", "bob")
    held, other = rig.client("sogo"), rig.client("sogo")
    await held.send("POST", "/held", hers)
    await other.send("POST", "/held", his)
    await rig.until(lambda: sum(path == "/held" for path, _ in rig.origin.seen) == 2)
    rig.launch()
    await rig.until(lambda: any("reloaded" in why for why in rig.told["sogo"].lapses))
    await rig.enforced(rig.replica.seq)
    assert await rig.status("sogo", his, method="POST") == 200
    await rig.enforced(rig.revoke("id-1", *FORMS))
    assert await is_ended(held)
    assert await rig.status("sogo", hers, method="POST") == 403
    rig.origin.release.set()
    assert (await other.reply()).status == 200
    other.close()
    await rig.until(lambda: all(p.poll() is not None for p in rig.older))


async def test_a_map_file_that_cannot_be_written_is_said_and_the_map_is_right(rig: Rig) -> None:
    folder = rig.folder / "maps"
    folder.rename(rig.folder / "gone")
    await rig.enforced(rig.revoke("id-1", *FORMS))
    assert await rig.status("sogo", basic("alice")) == 403
    keeper = rig.hooks["sogo"].keeper
    await rig.until(lambda: "No such file" in keeper.faults.get("map_file", ""))
    (rig.folder / "gone").rename(folder)
    await rig.until(lambda: not keeper.faults.get("map_file"))
    assert "alice 1\n" in (folder / "evict_sogo_closed.map").read_text()


async def test_what_somebody_else_takes_out_of_the_map_is_put_back(rig: Rig) -> None:
    await rig.enforced(rig.revoke("id-1", *FORMS))
    await rig.ask(f"clear map {rig.folder}/maps/evict_sogo_closed.map")
    await rig.until(lambda: any("somebody else" in why for why in rig.told["sogo"].lapses))
    await rig.enforced(rig.replica.seq)
    assert await rig.status("sogo", basic("alice")) == 403


async def test_an_agent_that_is_killed_lets_nobody_in_after_its_lease(tmp_path: Path) -> None:
    rig = Rig(tmp_path, "127.94.2.2", lease_s=5)
    async with rig.running():
        clients = [rig.client("sogo") for _ in range(200)]
        for n, client in enumerate(clients):
            await client.send("POST", "/held", basic("alice" if n % 20 == 0 else f"user{n}"))
        await rig.until(lambda: len(rig.origin.seen) == 200)
        rig.kill_agent()
        assert await rig.status("sogo", basic("bob")) == 200
        rig.revoke("id-1", *FORMS)
        async with asyncio.timeout(10):
            while await rig.status("sogo", basic("bob")) != 503:
                await asyncio.sleep(0.1)
        await rig.start_agent()
        await rig.enforced(rig.replica.seq)
        assert await rig.status("sogo", basic("bob")) == 200
        rig.revoke("id-2", "nobody-else")
        rig.hooks["sogo"].cut("id-1", 1, FORMS)
        for client in clients[::20]:
            assert await is_ended(client)
        rig.origin.release.set()
        for n, client in enumerate(clients):
            if n % 20:
                assert (await client.reply()).status == 200
                client.close()


async def test_the_agent_that_stops_shuts_the_gate(rig: Rig) -> None:
    assert await rig.status("sogo", basic("bob")) == 200
    await rig.hooks["sogo"].stop()
    assert await rig.status("sogo", basic("bob")) == 503
    await rig.hooks["sogo"].start()
    await rig.until(lambda: rig.told["sogo"].enforcing)
    assert await rig.status("sogo", basic("bob")) == 200


async def test_http_2_is_refused_alike(rig: Rig) -> None:
    hers, his = await rig.session("sogo", "alice"), await rig.session("sogo", "bob")
    crumbs = ("Cookie: a=1", his, "Cookie: b=2")
    at = (rig.host, rig.ports["sogo"])
    assert await http_2(*at, crumbs, (hers,), (basic("carol"),), ()) == [200, 200, 200, 200]
    await rig.enforced(rig.revoke("id-1", *FORMS))
    assert await http_2(*at, (hers,), (basic("ALICE"),), crumbs) == [403, 403, 200]
    assert await http_2(*at, (f"{his}; {hers[8:]}",)) == [400]
    assert await http_2(*at, (his, hers)) == [400]


async def test_of_two_peoples_requests_on_one_connection_the_leavers_alone_is_ended(
    rig: Rig,
) -> None:
    at = (rig.host, rig.ports["sogo"])
    asked = asyncio.create_task(
        http_2(*at, (basic("bob"),), (basic("alice"),), path="/held", together=True)
    )
    await rig.until(lambda: len(rig.origin.seen) == 2)
    seq = rig.revoke("id-1", *FORMS)
    await rig.until(lambda: (seq, "quiet", 0) in rig.told["sogo"].steps)
    assert (seq, "kick", 1) in rig.told["sogo"].steps
    rig.origin.release.set()
    his, hers = await asked
    assert his == 200
    assert hers in (0, 403, 502)


async def test_of_pipelined_requests_each_is_looked_at(rig: Rig) -> None:
    await rig.enforced(rig.revoke("id-1", *FORMS))
    client = rig.client("sogo")
    for name in ("bob", "alice"):
        await client.send("GET", "/mail", basic(name))
    assert (await client.reply()).status == 200
    assert (await client.reply()).status == 403


async def test_a_sign_in_that_expects_to_be_told_to_go_on_is_read(rig: Rig) -> None:
    await rig.enforced(rig.revoke("id-1", *FORMS))
    client = rig.client("sogo")
    kind, body = "Content-Type: application/json", b'{"userName":"alice"}'
    await client.send("GET", "/mail")
    assert (await client.reply()).status == 200
    assert client.writer is not None
    assert client.reader is not None
    head = f"POST /SOGo/connect HTTP/1.1\r\nHost: a\r\n{kind}\r\nContent-Length: {len(body)}\r\n"
    client.writer.write(f"{head}Expect: 100-continue\r\n\r\n".encode())
    async with asyncio.timeout(5):
        assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.writer.write(body)
    assert (await client.reply()).status == 403


async def test_doctor_sees_whether_the_rules_are_in_force(rig: Rig) -> None:
    def codes(found: tuple[Finding, ...]) -> dict[str, Severity]:
        return {f.code: f.severity for f in found}

    fine = codes(await findings("sogo", rig.hook("sogo")))
    assert fine == {
        "haproxy-rules": Severity.OK,
        "haproxy-gate": Severity.OK,
        "haproxy-unidentified": Severity.OK,
        # the rig's other products have the same server
        "haproxy-way-past": Severity.ERROR,
    }
    bare = msgspec.structs.replace(rig.hook("sogo"), backends=("roundcube", "nothing"))
    assert codes(await findings("sogo", bare)) == {"haproxy-rules": Severity.ERROR}
    await rig.hooks["sogo"].stop()
    shut = codes(await findings("sogo", rig.hook("sogo")))
    assert shut["haproxy-gate"] == Severity.ERROR
    rig.kill()
    assert codes(await findings("sogo", rig.hook("sogo"))) == {"haproxy-unread": Severity.WARNING}


async def test_of_100_000_names_and_cookies(tmp_path: Path) -> None:
    """Restarted, HAProxy refuses all of them at once, and is filled within seconds."""
    rig = Rig(tmp_path, "127.94.2.3")
    many = 100_000
    for n in range(many):
        rig.chain.revoke(f"id-{n}", f"gone{n}")
    until = int(time.time()) + 3600
    lines = (f"{n:064X} {until if n % 2 else 1} user{n % 5000}\n" for n in range(many))
    (tmp_path / "sogo.cookies").write_text("".join(lines))
    async with rig.running(products=("sogo",)):
        keeper = rig.hooks["sogo"].keeper
        assert keeper.cookies == many // 2
        closed = tmp_path / "maps" / "evict_sogo_closed.map"
        await rig.until(lambda: len(closed.read_bytes().splitlines()) == many + 1)
        his = await rig.session("sogo", "bob")
        await rig.until(lambda: keeper.cookies == many // 2 + 1)
        rig.kill()
        rig.launch()
        await rig.answering()
        assert await rig.status("sogo", basic("gone0")) == 403
        assert await rig.status("sogo", basic(f"gone{many - 1}")) == 403
        await rig.until(lambda: len(rig.told["sogo"].lapses) > 0)
        await rig.until(lambda: rig.told["sogo"].enforcing)
        assert await rig.status("sogo", his, method="POST") == 200
        held = await rig.ask("show map")
        assert f"entry_cnt={many + 1}" in held
        assert f"entry_cnt={many // 2 + 1}" in held
