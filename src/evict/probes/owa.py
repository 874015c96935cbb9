# SPDX-License-Identifier: Apache-2.0
"""Probes of Outlook on the web: a browser that logs in by the form and stays."""

from __future__ import annotations

from typing import Final

from evict.probes.web import ENDED, Visit, WebProber
from evict.wire import owa
from evict.wire.reading import Reading, Says

_FORM: Final = {
    "Content-Type": "application/x-www-form-urlencoded",
    "Accept": "text/html",
}
_HOPS: Final = 4


class OwaProber(WebProber):
    """A login counts once the mailbox itself answered: what the form says is half of it."""

    async def come_in(self, visit: Visit) -> Reading:
        login = visit.login
        form = owa.login_form(login.name, login.password.reveal(), owa.START)
        answer = await visit.ask(
            "POST", owa.LOGIN, headers=_FORM, body=form, shown="(login form) ***"
        )
        if answer is None:
            return ENDED
        reading = owa.read_login(
            answer.status, answer.header("location"), visit.host, visit.cookies
        )
        if reading.says is not Says.GO_ON:
            return reading
        return await self._look(visit, reading.path)

    async def use(self, visit: Visit) -> Reading:
        """By the service where it is there, else by the page: what a page left open does."""
        return await self._call(visit) or await self._look(visit, owa.START)

    async def _look(self, visit: Visit, path: str) -> Reading:
        """Follow to a page, and ask the service whether it is what it looks like."""
        reading = Reading(says=Says.GO_ON, words="", path=path)
        for _ in range(_HOPS):
            answer = await visit.ask("GET", reading.path, headers={"Accept": "text/html"})
            if answer is None:
                return ENDED
            reading = owa.read_page(
                status=answer.status,
                location=answer.header("location"),
                host=visit.host,
                error=answer.header("x-owa-error"),
                body=answer.body,
                cookies=visit.cookies,
            )
            if reading.says is not Says.GO_ON:
                break
        if reading.says is Says.GO_ON:
            return Reading(says=Says.UNCLEAR, words="sent on and on")
        if reading.says is Says.IN:
            return await self._call(visit) or reading
        return reading

    async def _call(self, visit: Visit) -> Reading | None:
        canary = visit.cookie(owa.CANARY)
        if not canary:
            return None
        answer = await visit.ask(
            "POST",
            owa.SERVICE,
            headers=owa.service_headers(canary),
            body=owa.service_body(),
        )
        if answer is None:
            return ENDED
        return owa.read_service(
            answer.status,
            answer.header("location"),
            visit.host,
            answer.header("x-owa-error"),
            answer.body,
        )

    async def leave(self, visit: Visit) -> None:
        """Sign out; the server drops what it keeps."""
        await visit.ask("GET", owa.LOGOFF, again=False)
