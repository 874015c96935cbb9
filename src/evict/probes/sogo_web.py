# SPDX-License-Identifier: Apache-2.0
"""Probes of SOGo's web mail: a browser that logs in and stays."""

from __future__ import annotations

from evict.probes.web import ENDED, Visit, WebProber
from evict.wire import sogo
from evict.wire.reading import Reading, Says


class SogoWebProber(WebProber):
    """A login counts once the session itself was answered."""

    async def come_in(self, visit: Visit) -> Reading:
        login = visit.login
        answer = await visit.ask(
            "POST",
            sogo.LOGIN,
            headers={"Content-Type": "application/json", "Accept": "application/json"},
            body=sogo.login_body(login.name, login.password.reveal()),
            shown="(login) ***",
        )
        if answer is None:
            return ENDED
        reading = sogo.read_login(answer.status, answer.body, visit.cookie(sogo.COOKIE))
        return await self.use(visit) if reading.says is Says.GO_ON else reading

    async def use(self, visit: Visit) -> Reading:
        """Where it is sent tells whose session it is; the date is asked with that session."""
        answer = await visit.ask("GET", sogo.START)
        if answer is None:
            return ENDED
        where = answer.header("location")
        reading = sogo.read_start(answer.status, where, visit.host, answer.body)
        if reading.says is not Says.GO_ON:
            return reading
        answer = await visit.ask("GET", reading.path, headers=_token(visit))
        if answer is None:
            return ENDED
        return sogo.read_date(answer.status, answer.header("location"), visit.host, answer.body)

    async def leave(self, visit: Visit) -> None:
        """Sign out; the server drops what it keeps."""
        answer = await visit.ask("GET", sogo.START, again=False)
        if answer is None:
            return
        where = answer.header("location")
        reading = sogo.read_start(answer.status, where, visit.host, answer.body)
        if reading.says is Says.GO_ON:
            path = reading.path.removesuffix("/date") + "/logoff"
            await visit.ask("GET", path, headers=_token(visit), again=False)


def _token(visit: Visit) -> dict[str, str]:
    return {sogo.XSRF_HEADER: visit.cookie(sogo.XSRF_COOKIE), "Accept": "application/json"}
