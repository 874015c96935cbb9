# SPDX-License-Identifier: Apache-2.0
"""Probes of MAPI over HTTP, with Basic: a session context that is opened, kept alive, left."""

from __future__ import annotations

import uuid

from evict.core.endpoint import Endpoint
from evict.core.sighting import Sighting
from evict.probes import http
from evict.probes.base import Login, Witness
from evict.probes.web import ENDED, Visit, WebProber
from evict.wire import mapihttp
from evict.wire.reading import Reading, Says


class MapiProber:
    """A `Prober`: each visit has a session of its own."""

    async def negative_login(self, endpoint: Endpoint, login: Login) -> Sighting:
        return await _MapiSession().negative_login(endpoint, login)

    async def open_witness(self, endpoint: Endpoint, login: Login) -> Witness:
        return await _MapiSession().open_witness(endpoint, login)


class _MapiSession(WebProber):
    """One session context. Its cookies name it; the credentials go along with each request.

    The mailbox is named by the leaver's address where its distinguished name belongs: a server
    that insists on the latter answers `unknown user`, which is neither yes nor no.
    """

    def __init__(self) -> None:
        self._guid = str(uuid.uuid4()).upper()
        self._count = 0
        self._open = False

    async def come_in(self, visit: Visit) -> Reading:
        name = visit.login.address or visit.login.name
        reading = await self._ask(visit, mapihttp.CONNECT, mapihttp.connect_body(name))
        self._open = reading.says is Says.IN
        return reading

    async def use(self, visit: Visit) -> Reading:
        return await self._ask(visit, mapihttp.PING, b"")

    async def leave(self, visit: Visit) -> None:
        if not self._open:
            return
        self._open = False
        await self._ask(visit, mapihttp.DISCONNECT, mapihttp.disconnect_body())

    async def _ask(self, visit: Visit, kind: str, body: bytes) -> Reading:
        self._count += 1
        answer = await visit.ask(
            "POST",
            mapihttp.PATH,
            headers={
                **mapihttp.headers(kind, self._guid, self._count),
                "Authorization": http.basic(visit.login),
            },
            body=body,
            shown=f"{kind} (authenticates) Basic ***",
        )
        if answer is None:
            return ENDED
        return mapihttp.read(answer.status, answer.header("x-responsecode"), answer.body, kind)
