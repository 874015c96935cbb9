# SPDX-License-Identifier: Apache-2.0
"""The embedded Exchange organisation behind nginx and Caddy, which ask the agent's hook."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from evict.lab.estate import control
from evict.lab.estate.layout import DOMAIN
from evict.wire import ews
from tests.lab.place import BOB, CAROL
from tests.live.exchange_rig import (
    AUTODISCOVER,
    HALF_LIFE_S,
    Behind,
    basic,
    behind_asker,
    integrated,
)

XML = {"Content-Type": ews.CONTENT_TYPE}
PATHS = (
    ("GET", "/owa/"),
    ("POST", ews.PATH),
    ("POST", AUTODISCOVER),
    ("POST", "/mapi/emsmdb/"),
    ("OPTIONS", "/Microsoft-Server-ActiveSync"),
)


@pytest.fixture(params=["nginx", "caddy"])
async def here(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Behind]:
    async with behind_asker(tmp_path, request.param) as behind:
        yield behind


async def test_cookie_basic_and_sign_in_are_refused_and_the_bystander_goes_on(here: Behind) -> None:
    async with here.serving() as service:
        hers, his = await here.browser(BOB), await here.browser(CAROL)
        client = await here.client()
        mine, theirs = (basic(p.upn(DOMAIN), p.password) for p in (BOB, CAROL))
        for browser in (hers, his):
            assert (await browser.get("/owa/")).status_code == 200
        for method, path in PATHS:
            assert (await client.request(method, path, headers=mine)).status_code != 403
        await here.place.revoke(service, BOB)
        for method, path in PATHS:
            assert (await client.request(method, path, headers=mine)).status_code == 403, path
            assert (await client.request(method, path, headers=theirs)).status_code != 403, path
        assert (await hers.post("/owa/service.svc")).status_code == 401
        assert (await his.get("/owa/")).status_code == 200
        form = {"destination": "/owa/", "flags": "4", "username": BOB.sam}
        answer = await client.post("/owa/auth.owa", data={**form, "password": BOB.password})
        assert "reason=2" in answer.headers["location"]
        assert not answer.headers.get_list("set-cookie")


async def test_a_connection_that_somebody_signed_in_is_lent_to_nobody(here: Behind) -> None:
    """A front gives a kept connection to whoever comes next, and NTLM signs in a connection."""
    async with here.serving():
        his, hers = await here.client(), await here.client()
        answer = await integrated(his, CAROL, ews.PATH, ews.get_inbox(), **XML)
        other = await hers.post(ews.PATH, content=ews.get_inbox(), headers=XML)
        assert other.status_code == 401, "read with somebody else's sign-in"
        assert answer.status_code == 401, "and so nobody can sign in by NTLM there"


async def test_a_cookie_that_owa_renews_is_signed_in_once_more(here: Behind) -> None:
    """The front cannot tell the agent of an answer: the renewed cookie is nobody's."""
    async with here.serving():
        his = await here.browser(CAROL)
        assert (await his.get("/owa/")).status_code == 200
        here.place.lab.answer(control.Advance(seconds=HALF_LIFE_S))
        before = his.cookies["cadata"]
        assert (await his.get("/owa/")).status_code == 200
        assert his.cookies["cadata"] != before
        assert (await his.post("/owa/service.svc")).status_code == 401
        assert (await here.browser(CAROL)).cookies["cadata"]
