# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from evict.core.door import Credential
from evict.core.errors import Unsupported
from evict.core.sighting import Outcome
from evict.lab.http.messages import Response
from evict.probes.calendar import CalendarProber
from tests.unit.probes.conftest import Authority
from tests.unit.probes.fakes import login
from tests.unit.probes.web_mail_fakes import FakeWebMail

PUBLIC = "/sogo/dav/public/alice@corp.test/"


@pytest.mark.parametrize(
    "published", ["calendar/personal.ics", "calendar/personal.xml", "contacts"]
)
async def test_what_is_published_is_open_to_anybody(authority: Authority, published: str) -> None:
    site = FakeWebMail()
    site.published.add(published)
    async with site.listening("calendar", authority) as endpoint:
        sighting = await CalendarProber().negative_login(endpoint, login())
    assert sighting.outcome is Outcome.LET_IN
    assert (sighting.door.protocol, sighting.door.credential) == ("calendar", Credential.GRANT)


async def test_nobody_signs_in_and_no_calendar_is_read(authority: Authority) -> None:
    site = FakeWebMail()
    async with site.listening("calendar", authority) as endpoint:
        sighting = await CalendarProber().negative_login(endpoint, login())
    assert sighting.outcome is Outcome.REFUSED
    assert "personal" in sighting.detail
    assert {method for method, _ in site.seen} == {"HEAD", "PROPFIND"}
    for request in site.requests:
        assert "Authorization" not in request.headers
        assert "Cookie" not in request.headers


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (401, Outcome.REFUSED),
        (403, Outcome.REFUSED),
        (503, Outcome.UNCLEAR),
        (302, Outcome.UNCLEAR),
    ],
)
async def test_what_answers_mean(authority: Authority, status: int, outcome: Outcome) -> None:
    site = FakeWebMail()
    for name in ("calendar/personal.ics", "calendar/personal.xml"):
        site.instead[f"HEAD {PUBLIC}{name}"] = Response(status)
    async with site.listening("calendar", authority) as endpoint:
        sighting = await CalendarProber().negative_login(endpoint, login())
    assert sighting.outcome is outcome


async def test_one_that_is_open_counts_though_another_is_unclear(authority: Authority) -> None:
    site = FakeWebMail()
    site.instead[f"HEAD {PUBLIC}calendar/personal.ics"] = Response(500)
    site.published.add("contacts")
    async with site.listening("calendar", authority) as endpoint:
        sighting = await CalendarProber().negative_login(endpoint, login())
        with pytest.raises(Unsupported):
            await CalendarProber().open_witness(endpoint, login())
    assert sighting.outcome is Outcome.LET_IN
    gone = await CalendarProber().negative_login(endpoint, login())
    assert gone.outcome is Outcome.UNREACHABLE
