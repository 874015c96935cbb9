# SPDX-License-Identifier: Apache-2.0
"""SOGo's and Roundcube's browsers, calendar and address book programs: in is who was answered."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from evict.core.door import Credential
from evict.core.errors import AccessRefused, Uncertain
from evict.core.sighting import Method, Outcome
from evict.lab.http.messages import Response
from evict.probes.base import Prober
from evict.probes.caldav import CalDavProber
from evict.probes.carddav import CardDavProber
from evict.probes.roundcube_web import RoundcubeWebProber
from evict.probes.sogo_web import SogoWebProber
from tests.unit.probes.conftest import Authority
from tests.unit.probes.fakes import PASSWORD, login
from tests.unit.probes.web_mail_fakes import COOKIE, DEAD, FakeWebMail
from tests.unit.wire.test_roundcube import LOGIN_PAGE, told
from tests.unit.wire.test_sogo import BROWSERS_LOGIN

Make = Callable[[], Prober]
DOORS: list[tuple[str, Make]] = [
    ("sogo-web", SogoWebProber),
    ("roundcube-web", RoundcubeWebProber),
    ("caldav", CalDavProber),
    ("carddav", CardDavProber),
]


@pytest.mark.parametrize(("protocol", "prober"), DOORS)
async def test_a_right_password_is_let_in_and_a_wrong_one_is_not(
    authority: Authority, protocol: str, prober: Make
) -> None:
    site = FakeWebMail()
    async with site.listening(protocol, authority) as endpoint:
        wrong = await prober().negative_login(endpoint, login("Wrong+pass/1"))
        right = await prober().negative_login(endpoint, login())
    assert (wrong.outcome, right.outcome) == (Outcome.REFUSED, Outcome.LET_IN)
    assert (right.door.protocol, right.door.credential) == (protocol, Credential.PASSWORD)
    assert right.method is Method.NEGATIVE_LOGIN
    text = "\n".join((*wrong.transcript, *right.transcript, wrong.detail, right.detail))
    for secret in (PASSWORD, COOKIE, "Wrong+pass/1", "Wrong%2Bpass%2F1", "xsrf-1"):
        assert secret not in text


@pytest.mark.parametrize(("protocol", "prober"), DOORS[:2])
async def test_who_was_let_in_signs_out(authority: Authority, protocol: str, prober: Make) -> None:
    site = FakeWebMail()
    async with site.listening(protocol, authority) as endpoint:
        assert (await prober().negative_login(endpoint, login())).outcome is Outcome.LET_IN
    assert site.alive is False


@pytest.mark.parametrize(("protocol", "prober"), DOORS)
async def test_a_witness_sees_its_session_end(
    authority: Authority, protocol: str, prober: Make
) -> None:
    site = FakeWebMail()
    async with site.listening(protocol, authority) as endpoint:
        witness = await prober().open_witness(endpoint, login())
        assert witness.endpoint == endpoint
        assert [await witness.beat() for _ in range(3)] == [Outcome.LET_IN] * 3
        site.cut.append(f"{site.seen[-1][0]} {site.seen[-1][1]}")
        assert await witness.beat() is Outcome.LET_IN
        assert site.cut == []
        site.alive = False
        assert await witness.beat() is Outcome.REFUSED
        assert COOKIE not in "".join(witness.transcript())
        await witness.close()


@pytest.mark.parametrize(("protocol", "prober"), DOORS)
async def test_trouble_is_neither_yes_nor_no(
    authority: Authority, protocol: str, prober: Make
) -> None:
    site = FakeWebMail()
    async with site.listening(protocol, authority) as endpoint:
        witness = await prober().open_witness(endpoint, login())
        for method, path in set(site.seen):
            site.instead[f"{method} {path}"] = Response(503)
        assert await witness.beat() is Outcome.UNCLEAR
        assert (await prober().negative_login(endpoint, login())).outcome is Outcome.UNCLEAR
        with pytest.raises(Uncertain):
            await prober().open_witness(endpoint, login())
        await witness.close()
    gone = await prober().negative_login(endpoint, login())
    assert gone.outcome is Outcome.UNREACHABLE


@pytest.mark.parametrize(("protocol", "prober"), DOORS)
@pytest.mark.parametrize("status", [401, 403])
async def test_a_front_that_refuses_is_a_refusal(
    authority: Authority, protocol: str, prober: Make, status: int
) -> None:
    site = FakeWebMail()
    async with site.listening(protocol, authority) as endpoint:
        witness = await prober().open_witness(endpoint, login())
        for method, path in set(site.seen):
            if (method, path) != ("GET", "/roundcube/") or protocol != "roundcube-web":
                site.instead[f"{method} {path}"] = Response(status)
        seen = await prober().negative_login(endpoint, login())
        assert seen.outcome is Outcome.REFUSED
        site.instead["GET /roundcube/"] = Response(status)
        assert await witness.beat() is Outcome.REFUSED
        await witness.close()


@pytest.mark.parametrize(("protocol", "prober"), DOORS)
async def test_no_witness_for_somebody_who_is_refused(
    authority: Authority, protocol: str, prober: Make
) -> None:
    site = FakeWebMail()
    async with site.listening(protocol, authority) as endpoint:
        with pytest.raises(AccessRefused):
            await prober().open_witness(endpoint, login("wrong"))


@pytest.mark.parametrize(
    ("prober", "what", "answer", "outcome"),
    [
        (SogoWebProber, "GET /sogo/", Response(200, [], BROWSERS_LOGIN), Outcome.REFUSED),
        (SogoWebProber, "GET /sogo/so/alice/date", Response(200, [], b"<html>"), Outcome.UNCLEAR),
        (SogoWebProber, "POST /sogo/connect", Response(202), Outcome.UNCLEAR),
        (SogoWebProber, "GET /sogo/so/alice/logoff", Response(500), Outcome.LET_IN),
        (RoundcubeWebProber, "GET /roundcube/", Response(200, [], DEAD), Outcome.UNCLEAR),
        (
            RoundcubeWebProber,
            "POST /roundcube/",
            Response(401, [], told("Connection to storage server failed.")),
            Outcome.UNCLEAR,
        ),
        (RoundcubeWebProber, "POST /roundcube/", Response(200, [], LOGIN_PAGE), Outcome.UNCLEAR),
    ],
)
async def test_a_200_is_read(
    authority: Authority, prober: Make, what: str, answer: Response, outcome: Outcome
) -> None:
    site = FakeWebMail()
    site.instead[what] = answer
    async with site.listening("web", authority) as endpoint:
        sighting = await prober().negative_login(endpoint, login())
    assert sighting.outcome is outcome, sighting.detail


async def test_roundcubes_login_is_sent_once_though_it_is_cut(authority: Authority) -> None:
    """Its token is used up by the first."""
    site = FakeWebMail()
    site.cut.append("POST /roundcube/")
    async with site.listening("roundcube-web", authority) as endpoint:
        sighting = await RoundcubeWebProber().negative_login(endpoint, login())
    assert sighting.outcome is Outcome.UNCLEAR
    assert site.seen.count(("POST", "/roundcube/")) == 1
