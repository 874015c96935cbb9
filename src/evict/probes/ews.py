# SPDX-License-Identifier: Apache-2.0
"""Probes of Exchange Web Services, with Basic."""

from __future__ import annotations

from evict.probes import http
from evict.probes.web import ENDED, Visit, WebProber
from evict.wire import ews
from evict.wire.reading import Reading


class EwsProber(WebProber):
    """There is no session but the credentials: a use and a login are the same request."""

    async def come_in(self, visit: Visit) -> Reading:
        answer = await visit.ask(
            "POST",
            ews.PATH,
            headers={
                "Content-Type": ews.CONTENT_TYPE,
                "Accept": "text/xml",
                "Authorization": http.basic(visit.login),
            },
            body=ews.get_inbox(),
            shown="GetFolder inbox (authenticates) Basic ***",
        )
        return ENDED if answer is None else ews.read(answer.status, answer.body)

    async def use(self, visit: Visit) -> Reading:
        return await self.come_in(visit)
