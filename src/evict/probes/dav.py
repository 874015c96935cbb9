# SPDX-License-Identifier: Apache-2.0
"""What the probes of CalDAV and CardDAV share: each request is a sign-in of its own."""

from __future__ import annotations

from typing import ClassVar

from evict.probes import http
from evict.probes.web import ENDED, Visit, WebProber
from evict.wire import dav
from evict.wire.reading import Reading


class DavProber(WebProber):
    """A use and a login are the same request, with Basic.

    Attributes:
        place: the server's word for what is asked for.
    """

    place: ClassVar[str]

    async def come_in(self, visit: Visit) -> Reading:
        answer = await visit.ask(
            "PROPFIND",
            dav.home(visit.login.name, self.place),
            headers={
                "Content-Type": dav.CONTENT_TYPE,
                "Depth": "0",
                "Authorization": http.basic(visit.login),
            },
            body=dav.WHO,
            shown="(authenticates) Basic ***",
        )
        return ENDED if answer is None else dav.read_who(answer.status, answer.body)

    async def use(self, visit: Visit) -> Reading:
        return await self.come_in(visit)
