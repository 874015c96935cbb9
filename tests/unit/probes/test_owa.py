# SPDX-License-Identifier: Apache-2.0
"""A browser is in when the mailbox itself answered, whatever a status says."""

from __future__ import annotations

import pytest

from evict.core.door import Credential
from evict.core.errors import AccessRefused, Uncertain
from evict.core.sighting import Method, Outcome
from evict.lab.http.messages import Response
from evict.probes.owa import OwaProber
from tests.unit.probes.conftest import Authority
from tests.unit.probes.fakes import PASSWORD, SOURCE, login
from tests.unit.probes.web_fakes import (
    COOKIE,
    INBOX,
    LOGIN_PAGE,
    FakeWeb,
    found,
    page,
    sent_to,
)

ERROR_PAGE = (
    b"<html><div class='errorHeader'>Quarantined</div><div>mailbox is quarantined</div></html>"
)
MOVED_PAGE = b"<html><div id='errMsg'>The mailbox is being moved; access denied</div></html>"
CANARY = ("Set-Cookie", "X-OWA-CANARY=canary-1; path=/")


async def test_the_form_lets_in_and_signs_out(authority: Authority) -> None:
    web = FakeWeb()
    async with web.listening("owa", authority) as endpoint:
        sighting = await OwaProber().negative_login(endpoint, login())
    assert sighting.outcome is Outcome.LET_IN
    assert (sighting.door.protocol, sighting.door.credential) == ("owa", Credential.PASSWORD)
    assert sighting.method is Method.NEGATIVE_LOGIN
    assert [path for _, path in web.seen] == [
        "/owa/auth.owa",
        "/owa/",
        "/owa/service.svc",
        "/owa/logoff.owa",
    ]
    assert web.peers == {SOURCE}
    assert web.requests[0].headers.get("Host").startswith("mail.corp.test:")


async def test_a_wrong_password_is_refused_and_no_secret_is_kept(authority: Authority) -> None:
    web = FakeWeb()
    async with web.listening("owa", authority) as endpoint:
        sighting = await OwaProber().negative_login(endpoint, login("Wrong+pass/1"))
        right = await OwaProber().negative_login(endpoint, login())
    assert sighting.outcome is Outcome.REFUSED
    assert "reason 2" in sighting.detail
    text = "\n".join((*sighting.transcript, *right.transcript))
    assert "cadata=***" in text
    for secret in (PASSWORD, COOKIE, "Wrong+pass/1", "Wrong%2Bpass%2F1", "canary-1"):
        assert secret not in text


@pytest.mark.parametrize(
    ("path", "answer", "outcome"),
    [
        ("/owa/", page(LOGIN_PAGE), Outcome.REFUSED),
        ("/owa/", page(LOGIN_PAGE, 200, CANARY), Outcome.REFUSED),
        ("/owa/", page(ERROR_PAGE), Outcome.REFUSED),
        ("/owa/", page(ERROR_PAGE, 500), Outcome.REFUSED),
        ("/owa/", page(MOVED_PAGE), Outcome.UNCLEAR),
        ("/owa/", page(INBOX, 200, ("X-OWA-Error", "OwaDisabledException")), Outcome.REFUSED),
        ("/owa/", page(INBOX, 500, CANARY), Outcome.LET_IN),
        ("/owa/", page(INBOX, 403, CANARY), Outcome.LET_IN),
        ("/owa/", page(INBOX), Outcome.UNCLEAR),
        ("/owa/", page(b"", 503), Outcome.UNCLEAR),
        ("/owa/", sent_to("/owa/auth/errorfe.aspx?owaError=AccountDisabledX"), Outcome.REFUSED),
        ("/owa/", sent_to("/owa/auth/errorfe.aspx?httpCode=500"), Outcome.UNCLEAR),
        ("/owa/", sent_to("/owa/"), Outcome.UNCLEAR),
        ("/owa/", sent_to("https://elsewhere.test/"), Outcome.UNCLEAR),
        ("/owa/service.svc", Response(200, [], found("ErrorAccessDenied")), Outcome.REFUSED),
        ("/owa/service.svc", Response(440), Outcome.REFUSED),
        ("/owa/service.svc", Response(200, [], found("ErrorServerBusy")), Outcome.UNCLEAR),
        ("/owa/service.svc", Response(200, [], b"<html>"), Outcome.UNCLEAR),
        ("/owa/service.svc", Response(404), Outcome.LET_IN),
        ("/owa/auth.owa", sent_to("/owa/"), Outcome.UNCLEAR),
        ("/owa/auth.owa", sent_to("/owa/auth/logon.aspx?reason=0"), Outcome.UNCLEAR),
        ("/owa/auth.owa", sent_to("/owa/auth/expiredpassword.aspx"), Outcome.UNCLEAR),
        ("/owa/auth.owa", page(LOGIN_PAGE), Outcome.UNCLEAR),
        ("/owa/auth.owa", Response(401), Outcome.REFUSED),
    ],
)
async def test_what_a_page_shows_counts_and_not_its_status(
    authority: Authority, path: str, answer: Response, outcome: Outcome
) -> None:
    web = FakeWeb()
    web.instead[path] = answer
    async with web.listening("owa", authority) as endpoint:
        sighting = await OwaProber().negative_login(endpoint, login())
    assert sighting.outcome is outcome, sighting.detail


async def test_a_witness_sees_its_session_end(authority: Authority) -> None:
    web = FakeWeb()
    async with web.listening("owa", authority) as endpoint:
        witness = await OwaProber().open_witness(endpoint, login())
        assert await witness.beat() is Outcome.LET_IN
        web.cut.append("/owa/service.svc")
        assert await witness.beat() is Outcome.LET_IN
        web.instead["/owa/service.svc"] = sent_to("/owa/auth/logon.aspx?reason=0")
        assert await witness.beat() is Outcome.REFUSED
        web.instead["/owa/service.svc"] = Response(503)
        assert await witness.beat() is Outcome.UNCLEAR
        assert COOKIE not in "".join(witness.transcript())
        await witness.close()
        await witness.close()
    assert ("GET", "/owa/logoff.owa") in web.seen


async def test_no_witness_where_the_login_does_not_open_the_mailbox(authority: Authority) -> None:
    web = FakeWeb()
    async with web.listening("owa", authority) as endpoint:
        with pytest.raises(AccessRefused):
            await OwaProber().open_witness(endpoint, login("wrong"))
        web.instead["/owa/"] = page(b"", 503)
        with pytest.raises(Uncertain):
            await OwaProber().open_witness(endpoint, login())


async def test_a_server_that_hangs_or_cuts_is_neither_yes_nor_no(authority: Authority) -> None:
    web = FakeWeb()
    async with web.listening("owa", authority) as endpoint:
        web.cut += ["/owa/auth.owa", "/owa/auth.owa"]
        cut = await OwaProber().negative_login(endpoint, login())
        web.hang.add("/owa/auth.owa")
        hung = await OwaProber().negative_login(endpoint, login(timeout_s=0.2))
    assert (cut.outcome, hung.outcome) == (Outcome.UNCLEAR, Outcome.UNCLEAR)
    assert "in time" in hung.detail
    gone = await OwaProber().negative_login(endpoint, login())
    assert gone.outcome is Outcome.UNREACHABLE


async def test_a_certificate_of_another_name_shuts_nothing(authority: Authority) -> None:
    web = FakeWeb()
    bad = authority._replace(good=authority.other_name)
    async with web.listening("owa", bad) as endpoint:
        sighting = await OwaProber().negative_login(endpoint, login())
    assert sighting.outcome is Outcome.UNREACHABLE
    assert "certificate" in sighting.detail
    assert web.seen == []
