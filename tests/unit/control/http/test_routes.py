# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from evict.control import api
from evict.control.http.routes import Routes
from evict.core.access import Asker
from evict.core.errors import EvictError, ExitCode, LedgerFull, NotAllowed, UsageError
from tests.unit.control.http.browsing import Answered, get, post, site

TOKEN = "Authorization: Bearer evict_good"
LOOK = json.dumps({"type": "look", "what": "status"}).encode()
END = api.End(exit_code=ExitCode.OK)


class Plane:
    """What stands behind the routes, as far as they see it."""

    def __init__(self, *lines: api.Line | Exception) -> None:
        self.lines = lines
        self.missing: list[str] = []
        self.ended: list[str] = []
        self.askers: list[Asker] = []
        self.routes = Routes(
            answer=self._answer,
            by_token=self._by_token,
            missing=self._missing,
            metrics=self._metrics,
            refused=lambda way, outcome: self.ended.append(f"{way} {outcome}"),
        )

    async def _answer(self, _: api.Request, asker: Asker) -> AsyncIterator[api.Line]:
        self.askers.append(asker)
        for line in self.lines:
            if isinstance(line, Exception):
                raise line
            yield line

    async def _by_token(self, text: str, where: str) -> Asker:
        if text != "evict_good":
            raise NotAllowed("no such token")
        return Asker(name="token:t", where=where)

    async def _missing(self) -> list[str]:
        return self.missing

    async def _metrics(self) -> tuple[str, bytes]:
        return "application/openmetrics-text", b"# EOF\n"

    async def one(self, raw: bytes) -> Answered:
        async with site(self.routes) as place:
            return await place.one(raw)


def lines(answered: Answered) -> list[dict[str, Any]]:
    return [json.loads(line) for line in answered.body.splitlines()]


async def test_health_is_that_the_process_answers_and_readiness_what_is_missing() -> None:
    plane = Plane()
    plane.missing = ["hooks: 0 of 2 acknowledged"]
    assert (await plane.one(get("/healthz"))).status == 200
    ready = await plane.one(get("/readyz"))
    assert (ready.status, lines(ready)[0]) == (503, {"ready": False, "missing": plane.missing})
    assert (await plane.one(get("/metrics"))).body == b"# EOF\n"


@pytest.mark.parametrize(
    ("raw", "status", "allow"),
    [
        (get("/"), 404, None),
        (get("/healthz/x"), 404, None),
        (get("/v1/requests"), 405, "post"),
        (post(b"", path="/metrics"), 405, "get, head"),
    ],
)
async def test_other_places_and_methods(raw: bytes, status: int, allow: str | None) -> None:
    answered = await Plane().one(raw)
    assert (answered.status, answered.fields.get("allow")) == (status, allow)


async def test_an_answer_comes_line_by_line_as_it_is_made() -> None:
    plane = Plane(api.Answer(data={"a": 1}), END)
    answered = await plane.one(post(LOOK, TOKEN))
    assert answered.status == 200
    assert answered.fields["transfer-encoding"] == "chunked"
    assert [line["type"] for line in lines(answered)] == ["answer", "end"]
    assert plane.ended == []
    assert plane.askers == [Asker(name="token:t", where="127.0.0.1")]


@pytest.mark.parametrize(
    "field",
    [
        "X: y",
        "Authorization: Basic ZXZpY3Q6Z29vZA==",
        "Authorization: Bearer",
        "Authorization: Bearer evict_bad",
        "Authorization: Bearer evict_good, Bearer evict_good",
    ],
)
async def test_without_a_good_token_nothing_is_asked(field: str) -> None:
    plane = Plane(END)
    answered = await plane.one(post(LOOK, field))
    assert answered.status == 401
    assert answered.fields["www-authenticate"].startswith("bearer")
    assert answered.fields["connection"] == "close"
    assert plane.askers == []
    assert plane.ended == ["http not-allowed"]


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[1]", b'{"type":"revoke"}', b"\xff\xfe", b"[" * 100_000]
)
async def test_what_is_no_request_is_a_bad_one(body: bytes) -> None:
    plane = Plane(END)
    answered = await plane.one(post(body, TOKEN))
    assert (answered.status, lines(answered)[0]["code"]) == (400, "usage")
    assert plane.askers == []


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotAllowed("not yours"), 403),
        (UsageError("nobody"), 400),
        (LedgerFull("disk full"), 503),
        (RuntimeError("inside"), 500),
    ],
)
async def test_what_fails_before_anything_came_of_it_has_a_status(
    error: Exception, status: int
) -> None:
    answered = await Plane(error).one(post(LOOK, TOKEN))
    assert answered.status == status
    code = error.code if isinstance(error, EvictError) else "bug"
    assert lines(answered)[0]["code"] == code
    assert b"inside" not in answered.body


@pytest.mark.parametrize("error", [LedgerFull("disk full"), RuntimeError("inside")])
async def test_what_fails_later_is_the_last_line(error: Exception) -> None:
    plane = Plane(api.Answer(data={}), error)
    answered = await plane.one(post(LOOK, TOKEN))
    assert answered.status == 200
    code = error.code if isinstance(error, EvictError) else "bug"
    assert lines(answered)[-1]["code"] == code
    assert b"inside" not in answered.body


async def test_where_there_are_no_tokens_every_order_is_refused() -> None:
    plane = Plane(END)
    plane.routes._by_token = None
    assert (await plane.one(post(LOOK, TOKEN))).status == 401


async def test_a_client_that_goes_away_stops_listening_and_nothing_else() -> None:
    going = asyncio.Event()
    done = asyncio.Event()

    async def answer(_: api.Request, __: Asker) -> AsyncIterator[api.Line]:
        yield api.Answer(data={})
        going.set()
        await asyncio.sleep(0.05)
        done.set()
        yield END

    plane = Plane()
    plane.routes._answer = answer
    async with site(plane.routes) as place:
        client = await place.client()
        client.send(post(LOOK, TOKEN))
        await going.wait()
        client.writer.transport.abort()
        async with asyncio.timeout(5):
            await done.wait()
            while place.server.connections:
                await asyncio.sleep(0.01)
        assert (await place.one(get("/healthz"))).status == 200
