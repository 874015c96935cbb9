# SPDX-License-Identifier: Apache-2.0
"""The embedded Exchange organisation behind Debian's HAProxy, which refuses by the agent's maps.

Long: the doors of one organisation behind one front; what the front cannot name stands beside what
it can.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from evict.cli.demo.clients import Clients
from evict.control.service import ControlService
from evict.core.errors import ExitCode
from evict.core.exposure import Severity
from evict.core.sighting import Outcome
from evict.lab.estate import control
from evict.lab.estate.layout import DOMAIN, NETBIOS
from evict.systems.exchange.naming import NOT_NAMED
from evict.systems.haproxy.findings import findings
from evict.wire import ews
from evict.wire.reading import Says
from tests.lab.place import BOB, CAROL
from tests.live.exchange_rig import (
    AUTODISCOVER,
    CLOSED,
    HALF_LIFE_S,
    Behind,
    basic,
    behind_haproxy,
    integrated,
)
from tests.live.haproxy_rig import needs_haproxy

pytestmark = needs_haproxy
WEB = ("owa", "activesync", "ews", "mapi")
PATHS = (
    ("GET", "/owa/"),
    ("POST", "/EWS/Exchange.asmx"),
    ("POST", AUTODISCOVER),
    ("POST", "/mapi/emsmdb/?MailboxId=x"),
    ("POST", "/mapi/nspi/"),
    ("OPTIONS", "/Microsoft-Server-ActiveSync"),
    ("GET", "/OAB/x/oab.xml"),
)


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Behind]:
    async with behind_haproxy(tmp_path) as behind:
        yield behind


@pytest.fixture
async def passing(tmp_path: Path) -> AsyncIterator[Behind]:
    """NTLM and Kerberos pass the front."""
    async with behind_haproxy(tmp_path, unidentified="pass") as behind:
        yield behind


async def in_use(*clients: Clients) -> None:
    async with asyncio.timeout(20):
        while not all(t.successes for each in clients for t in each.tracks):
            await asyncio.sleep(0.02)


async def reads(browser: httpx2.AsyncClient) -> int:
    return (await browser.get("/owa/", headers={"Accept": "text/html"})).status_code


async def test_every_web_door_refuses_the_leaver_and_the_bystander_goes_on(here: Behind) -> None:
    async with here.serving() as service:
        mine, others = await here.clients(BOB), await here.clients(CAROL)
        mine.keep_using(0.05)
        others.keep_using(0.2)
        await in_use(mine, others)
        done = await here.place.revoke(service, BOB)
        assert done.report is not None
        assert done.failures == ""
        for protocol in WEB:
            for credential in ("password", "session"):
                assert done.doors[f"exchange/{protocol}/{credential}"] == "shut", done.doors
        async with asyncio.timeout(10):
            while not all(t.outcome.shut for t in mine.tracks):
                await asyncio.sleep(0.02)
        phone = next(t for t in mine.tracks if t.door == "exchange/activesync/session")
        assert phone.outcome is Outcome.CUT, "the held Ping goes on"
        await others.use_all()
        assert [t.door for t in others.tracks if t.refusals or not t.outcome.open] == []
        assert (await here.place.reinstate(service, BOB)).code is ExitCode.OK


async def test_disabled_alone_the_same_clients_go_on(here: Behind) -> None:
    """What is missing above without Evict: so the test above can fail."""
    async with here.serving():
        mine = await here.clients(BOB, anew=False)
        await mine.use_all()
        here.place.lab.answer(control.Disable(name=BOB.sam))
        await mine.use_all()
        assert [t.successes for t in mine.tracks] == [2] * len(WEB)


async def test_it_is_the_front_that_refuses_and_no_server_hears_of_it(here: Behind) -> None:
    async with here.serving() as service:
        hers, his = await here.browser(BOB), await here.browser(CAROL)
        assert (await reads(hers), await reads(his)) == (200, 200)
        client = await here.client()
        before = {name: basic(name, BOB.password) for name in _spellings()}
        for method, path in PATHS:
            answer = await client.request(method, path, headers=before[BOB.upn(DOMAIN)])
            assert CLOSED not in answer.text, path
        await here.place.revoke(service, BOB)
        heard = _heard(here)
        for method, path in PATHS:
            for name, header in before.items():
                answer = await client.request(method, path, headers=header)
                assert (answer.status_code, CLOSED in answer.text) == (403, True), (path, name)
            answer = await hers.request(method, path, headers={"X-Requested-With": "x"})
            assert (answer.status_code, CLOSED in answer.text) == (403, True), path
        form = {"destination": "/owa/", "flags": "4", "password": BOB.password}
        for name in _spellings():
            answer = await client.post("/owa/auth.owa", data={**form, "username": name})
            assert (answer.status_code, CLOSED in answer.text) == (403, True), name
        assert _heard(here) == heard
        page = await hers.get("/owa/", headers={"Accept": "text/html"})
        assert page.status_code == 302, "the next page of a person is the sign-in"
        assert "logon.aspx" in page.headers["location"]
        assert await reads(his) == 200


def _spellings() -> tuple[str, ...]:
    return (
        BOB.upn(DOMAIN),
        BOB.sam.upper(),
        f"{NETBIOS}\\{BOB.sam}",
        f"{NETBIOS.lower()}/{BOB.sam}",
        f".\\{BOB.sam}",
    )


def _heard(here: Behind) -> int:
    """Requests of the leaver that any server has in its log."""
    servers = here.place.lab.model.servers.values()
    return sum(line.sam == BOB.sam for server in servers for line in server.log)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_cookie_that_owa_renews_is_known_as_the_one_before(
    here: Behind, method: str
) -> None:
    async with here.serving() as service:
        hers, his = await here.browser(BOB), await here.browser(CAROL)
        for browser in (hers, his):
            assert await reads(browser) == 200
        here.place.lab.answer(control.Advance(seconds=HALF_LIFE_S))
        for browser in (hers, his):
            before = browser.cookies["cadata"]
            path = "/owa/" if method == "GET" else "/owa/service.svc?action=FindItem"
            canary = browser.cookies.get("X-OWA-CANARY") or ""
            answer = await browser.request(method, path, headers={"X-OWA-CANARY": canary})
            assert answer.status_code == 200
            assert browser.cookies["cadata"] != before, "nothing was renewed"
            assert await reads(browser) == 200
        await here.place.revoke(service, BOB)
        answer = await hers.post("/owa/service.svc?action=FindItem")
        assert (answer.status_code, CLOSED in answer.text) == (403, True)
        assert await reads(his) == 200


@pytest.mark.parametrize("path", ["/owa/x/auth.owa", "/owa/x/AUTH%2Eowa", "/owa//auth.owa"])
async def test_a_sign_in_by_another_path_borrows_nobodys_name(here: Behind, path: str) -> None:
    """It comes with somebody's cookie, so that what is issued could be taken for a renewed one."""
    async with here.serving():
        his = await here.browser(CAROL)
        form = {"destination": "/owa/", "flags": "4", "username": BOB.upn(DOMAIN)}
        answer = await his.post(path, data={**form, "password": BOB.password})
        hers = await here.client()
        hers.cookies.update(dict(his.cookies))
        answer = await hers.post("/owa/service.svc?action=FindItem")
        assert answer.status_code == 401
        assert (await reads(hers)) == 302


async def test_2010_signs_in_by_a_session_of_one_server(tmp_path: Path) -> None:
    async with behind_haproxy(tmp_path, version="2010") as here, here.serving() as service:
        hers, his = await here.browser(BOB), await here.browser(CAROL)
        assert (await reads(hers), await reads(his)) == (200, 200)
        await here.place.revoke(service, BOB)
        answer = await hers.get("/owa/", headers={"Accept": "*/*"})
        assert (answer.status_code, CLOSED in answer.text) == (403, True)
        assert await reads(his) == 200


async def test_where_ntlm_is_refused_nobody_comes_in_by_it(here: Behind) -> None:
    async with here.serving():
        client = await here.client()
        answer = await integrated(client, CAROL, ews.PATH, ews.get_inbox())
        assert answer.status_code == 401
        assert not any(v.startswith("NTLM ") for v in answer.headers.get_list("www-authenticate"))
        assert _heard(here) == 0
        (found,) = await told(here)
        assert found[0] == Severity.OK
        assert "refused at the front" in found[1]


async def test_where_ntlm_passes_it_is_said_and_other_measures_end_it(passing: Behind) -> None:
    async with passing.serving() as service:
        hers, his = await passing.client(), await passing.client()
        for client, person in ((hers, BOB), (his, CAROL)):
            answer = await integrated(client, person, ews.PATH, ews.get_inbox(), **XML)
            assert answer.status_code == 200
            assert await shows_inbox(client), "the connection is signed in"
        strangers = [await passing.client() for _ in range(4)]
        assert not any([await shows_inbox(c) for c in strangers for _ in range(3)])
        (found,) = await told(passing)
        assert found[0] == Severity.WARNING
        assert "NTLM and Kerberos" in found[1]
        assert await said_in_plan_and_exposure(passing, service) == ({"ews", "mapi"}, True)
        going_on = asyncio.create_task(until_refused(hers))
        done = await passing.place.revoke(service, BOB)
        assert done.report is not None
        assert done.failures == ""
        async with asyncio.timeout(10):
            await going_on
        for verb in ("directory:disable", "exchange:features", "exchange:take-permission"):
            assert any(measure.startswith(verb) for measure in done.effects), done.effects
        assert not await shows_inbox(hers)
        answer = await integrated(his, CAROL, ews.PATH, ews.get_inbox(), **XML)
        assert answer.status_code == 200
        answer = await integrated(hers, BOB, ews.PATH, ews.get_inbox(), **XML)
        assert answer.status_code == 401


async def said_in_plan_and_exposure(here: Behind, service: ControlService) -> tuple[set[str], bool]:
    """Which doors' lines say that a name may be missing, and whether the plan does."""
    connector = next(c for c in service._parts.systems.all if c.name == "exchange")
    lines = {e.door.protocol for e in await connector.exposure() if NOT_NAMED in e.remedy}
    account = here.place.account(BOB)
    seen = await connector.observe(account, None)
    (refuse,) = [m for m in connector.plan(account, seen, None) if m.id == "exchange:refuse"]
    return lines - {"activesync"}, NOT_NAMED in refuse.why


XML = {"Content-Type": ews.CONTENT_TYPE}


async def shows_inbox(client: httpx2.AsyncClient) -> bool:
    """On a connection that is signed in already; a refusal may come as 200 with an error in it."""
    answer = await client.post(ews.PATH, content=ews.get_inbox(), headers=XML)
    return ews.read(answer.status_code, answer.content).says is Says.IN


async def until_refused(client: httpx2.AsyncClient) -> None:
    """Go on over the connection that is signed in."""
    while await shows_inbox(client):
        await asyncio.sleep(0.05)


async def told(here: Behind) -> list[tuple[Severity, str]]:
    """What the doctor says of who cannot be named."""
    (section,) = here.place.config.exchange
    assert section.haproxy is not None
    found = await findings(section.name, section.haproxy)
    return [(f.severity, f.text) for f in found if f.code == "haproxy-unidentified"]
