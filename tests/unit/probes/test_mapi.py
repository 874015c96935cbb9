# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import struct

import pytest

from evict.core.sighting import Outcome
from evict.lab.http.messages import Response
from evict.probes.mapi import MapiProber
from evict.wire import mapihttp
from tests.unit.probes.conftest import Authority
from tests.unit.probes.fakes import PASSWORD, login
from tests.unit.probes.web_fakes import FakeWeb

PATH = "/mapi/emsmdb/"


def answer(
    code: int | None, *numbers: int, meta: bytes = b"PROCESSING\r\nDONE\r\n\r\n"
) -> Response:
    headers = [] if code is None else [("X-ResponseCode", str(code))]
    return Response(200, headers, meta + struct.pack(f"<{len(numbers)}I", *numbers))


async def test_a_context_is_opened_and_left(authority: Authority) -> None:
    web = FakeWeb()
    async with web.listening("mapi", authority) as endpoint:
        right = await MapiProber().negative_login(endpoint, login())
        wrong = await MapiProber().negative_login(endpoint, login("wrong"))
    assert (right.outcome, wrong.outcome) == (Outcome.LET_IN, Outcome.REFUSED)
    kinds = [request.headers.get("X-RequestType") for request in web.requests]
    assert kinds == ["Connect", "Disconnect", "Connect"]
    assert mapihttp.parse_connect(web.requests[0].body) == "alice@corp.test"
    assert web.contexts == set()
    text = "".join(right.transcript)
    assert PASSWORD not in text
    assert "MapiContext=***" in text


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        (answer(0, 0, 0x80070005), Outcome.REFUSED),
        (answer(0, 0, 0x96C), Outcome.REFUSED),
        (answer(0, 0, 0x50C), Outcome.UNCLEAR),
        (answer(0, 0, 0x3EB), Outcome.UNCLEAR),
        (answer(0, 1), Outcome.UNCLEAR),
        (answer(0), Outcome.UNCLEAR),
        (answer(0, 0, 0, meta=b"PROCESSING\r\n"), Outcome.UNCLEAR),
        (answer(11), Outcome.REFUSED),
        (answer(18), Outcome.UNCLEAR),
        (answer(None, 0, 0), Outcome.UNCLEAR),
        (Response(403), Outcome.REFUSED),
        (Response(503), Outcome.UNCLEAR),
    ],
)
async def test_codes_in_an_answer_with_200_count(
    authority: Authority, said: Response, outcome: Outcome
) -> None:
    web = FakeWeb()
    web.instead[PATH] = said
    async with web.listening("mapi", authority) as endpoint:
        sighting = await MapiProber().negative_login(endpoint, login())
    assert sighting.outcome is outcome, sighting.detail


async def test_a_witness_is_cut_when_its_context_is_gone(authority: Authority) -> None:
    web = FakeWeb()
    async with web.listening("mapi", authority) as endpoint:
        witness = await MapiProber().open_witness(endpoint, login())
        assert await witness.beat() is Outcome.LET_IN
        web.cut.append(PATH)
        assert await witness.beat() is Outcome.LET_IN
        web.contexts.clear()
        assert await witness.beat() is Outcome.CUT
        web.instead[PATH] = Response(401)
        assert await witness.beat() is Outcome.REFUSED
        await witness.close()
        await witness.close()
