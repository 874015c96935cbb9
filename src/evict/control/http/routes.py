# SPDX-License-Identifier: Apache-2.0
"""What is answered over HTTP: /healthz, /readyz, /metrics, and one request of `api` a POST."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import msgspec
import structlog

from evict.control import api
from evict.control.access.server import INTERRUPTED, Answerer
from evict.control.http.messages import JSON, Answer, Request, plain
from evict.core.access import Asker
from evict.core.errors import Bug, EvictError, ExitCode, NotAllowed, UsageError

log = structlog.get_logger()

LINES: Final = "application/jsonl"
REQUESTS: Final = "/v1/requests"
STATUS: Final = {
    ExitCode.USAGE: 400,
    ExitCode.NO_PERMISSION: 403,
    ExitCode.GUARD_REFUSED: 409,
    ExitCode.UNAVAILABLE: 503,
    ExitCode.TEMPORARY: 503,
    ExitCode.PROTOCOL: 502,
    ExitCode.BUG: 500,
}
"""Of a request that fails before anything came of it; 500 for every other."""

ByToken = Callable[[str, str], Awaitable[Asker]]
"""Whom a token stands for, asked from an address. Raises `NotAllowed`."""


class Routes:
    """The handler of `HttpServer`.

    Args:
        by_token: None: nobody has tokens; every order is refused.
        missing: what keeps the service from being ready, in words without names.
        metrics: the text for a monitoring system, and its type.
        refused: told of each request that was refused before it was asked.
    """

    def __init__(
        self,
        *,
        answer: Answerer,
        by_token: ByToken | None,
        missing: Callable[[], Awaitable[list[str]]],
        metrics: Callable[[], Awaitable[tuple[str, bytes]]],
        refused: Callable[[str, str], None],
    ) -> None:
        self._answer = answer
        self._by_token = by_token
        self._missing = missing
        self._metrics = metrics
        self._told_refused = refused

    async def __call__(self, request: Request) -> Answer:
        match request.path:
            case "/healthz" | "/readyz" | "/metrics" if request.method in ("GET", "HEAD"):
                return await self._look(request.path)
            case "/v1/requests" if request.method == "POST":
                return await self._order(request)
            case "/healthz" | "/readyz" | "/metrics" | "/v1/requests":
                allowed = "POST" if request.path == REQUESTS else "GET, HEAD"
                refused = plain(405)
                return msgspec.structs.replace(refused, fields=(("Allow", allowed),))
            case _:
                return plain(404)

    async def _look(self, path: str) -> Answer:
        if path == "/healthz":
            return plain(200, "alive")
        if path == "/metrics":
            kind, text = await self._metrics()
            return Answer(kind=kind, body=text)
        missing = await self._missing()
        body = msgspec.json.encode({"ready": not missing, "missing": missing})
        return Answer(status=503 if missing else 200, kind=JSON, body=body + b"\n")

    async def _order(self, request: Request) -> Answer:
        try:
            asker = await self._asker(request)
        except NotAllowed as error:
            self._ended(error)
            challenge = (("WWW-Authenticate", 'Bearer realm="evict"'),)
            return _refused(error, status=401, fields=challenge)
        try:
            order = api.decode_request(request.body)
        except UsageError as error:
            self._ended(error)
            return _refused(error, status=400)
        try:
            lines = self._lines(order, asker)
            first = await anext(lines)
        except EvictError as error:
            log.info("http.refused", code=error.code)
            return _refused(error, status=STATUS.get(error.exit_code, 500))
        except StopAsyncIteration:
            return _refused(Bug("nothing came of the request"), status=500)
        except Exception:  # the edge: the client is told that it is ours, the log says what
            log.exception("http.fault")
            return _refused(_OURS, status=500)
        return Answer(kind=LINES, pieces=self._told(first, lines), last=_INTERRUPTED)

    async def _asker(self, request: Request) -> Asker:
        """Spec: RFC 6750 section 2.1."""
        scheme, _, token = request.fields.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise NotAllowed("a token is needed: Authorization: Bearer evict_...")
        if self._by_token is None:
            raise NotAllowed("there are no tokens here")
        return await self._by_token(token.strip(), request.peer)

    async def _lines(self, order: api.Request, asker: Asker) -> AsyncIterator[api.Line]:
        async for line in self._answer(order, asker):
            yield line

    async def _told(self, first: api.Line, rest: AsyncIterator[api.Line]) -> AsyncIterator[bytes]:
        yield api.encode(first)
        try:
            async for line in rest:
                yield api.encode(line)
        except EvictError as error:
            log.info("http.refused", code=error.code)
            yield api.encode(api.failed(error))
        except Exception:  # the edge, as above
            log.exception("http.fault")
            yield api.encode(api.failed(_OURS))

    def _ended(self, error: EvictError) -> None:
        """The text may hold names, which the log must not."""
        log.info("http.refused", code=error.code)
        self._told_refused("http", error.code)


_OURS: Final = Bug("a fault of `evict serve` itself: its log says where")
_INTERRUPTED: Final = api.encode(api.failed(INTERRUPTED))


def _refused(error: EvictError, *, status: int, fields: tuple[tuple[str, str], ...] = ()) -> Answer:
    body = api.encode(api.failed(error))
    return Answer(status=status, kind=LINES, body=body, fields=fields, close=status == 401)
