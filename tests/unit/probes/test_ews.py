# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from evict.core.sighting import Outcome
from evict.lab.http.messages import Response
from evict.probes.ews import EwsProber
from tests.unit.probes.conftest import Authority
from tests.unit.probes.fakes import PASSWORD, login
from tests.unit.probes.web_fakes import ENVELOPE, FOLDER, FakeWeb

PATH = "/ews/exchange.asmx"


def soap(code: str, status: int = 200, text: str = "") -> Response:
    inner = f"<m:MessageText>{text}</m:MessageText><m:ResponseCode>{code}</m:ResponseCode>"
    return Response(status, [], ENVELOPE.format(inner).encode())


async def test_the_inbox_lets_in_and_a_wrong_password_does_not(authority: Authority) -> None:
    web = FakeWeb()
    async with web.listening("ews", authority) as endpoint:
        right = await EwsProber().negative_login(endpoint, login())
        wrong = await EwsProber().negative_login(endpoint, login("wrong"))
    assert (right.outcome, wrong.outcome) == (Outcome.LET_IN, Outcome.REFUSED)
    assert wrong.detail == "HTTP 401"
    assert PASSWORD not in "".join(right.transcript)
    assert "Basic ***" in "".join(right.transcript)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (soap("ErrorAccessDenied"), Outcome.REFUSED),
        (soap("ErrorAccountDisabled", 500), Outcome.REFUSED),
        (soap("ErrorMailboxStoreUnavailable", text="The mailbox is quarantined"), Outcome.REFUSED),
        (soap("ErrorMailboxStoreUnavailable"), Outcome.UNCLEAR),
        (soap("ErrorMailboxMoveInProgress"), Outcome.UNCLEAR),
        (soap("NoError"), Outcome.UNCLEAR),
        (Response(403), Outcome.REFUSED),
        (Response(503), Outcome.UNCLEAR),
        (Response(500, [], FOLDER.encode()), Outcome.UNCLEAR),
        (Response(302, [("Location", "/owa/")]), Outcome.UNCLEAR),
        (Response(200, [], b"<html>login</html>"), Outcome.UNCLEAR),
        (
            Response(200, [], b"<!DOCTYPE s [<!ENTITY a 'NoError'>]>" + FOLDER.encode()),
            Outcome.UNCLEAR,
        ),
    ],
)
async def test_what_the_envelope_says_counts(
    authority: Authority, answer: Response, outcome: Outcome
) -> None:
    web = FakeWeb()
    web.instead[PATH] = answer
    async with web.listening("ews", authority) as endpoint:
        sighting = await EwsProber().negative_login(endpoint, login())
    assert sighting.outcome is outcome, sighting.detail


async def test_a_witness_beats_and_is_refused(authority: Authority) -> None:
    web = FakeWeb()
    async with web.listening("ews", authority) as endpoint:
        witness = await EwsProber().open_witness(endpoint, login())
        assert await witness.beat() is Outcome.LET_IN
        web.instead[PATH] = Response(401)
        assert await witness.beat() is Outcome.REFUSED
        web.hang.add(PATH)
        web.instead.clear()
        await witness.close()
    assert witness.endpoint.protocol == "ews"


async def test_a_beat_that_hangs_is_unclear_and_the_next_one_is_asked_anew(
    authority: Authority,
) -> None:
    web = FakeWeb()
    async with web.listening("ews", authority) as endpoint:
        witness = await EwsProber().open_witness(endpoint, login(timeout_s=0.3))
        web.hang.add(PATH)
        assert await witness.beat() is Outcome.UNCLEAR
        web.hang.clear()
        assert await witness.beat() is Outcome.LET_IN
        await witness.close()
