# SPDX-License-Identifier: Apache-2.0
"""Probes of Roundcube: a browser that logs in by the form and stays."""

from __future__ import annotations

from typing import Final
from weakref import WeakKeyDictionary

from evict.probes.web import ENDED, Visit, WebProber
from evict.wire import roundcube
from evict.wire.reading import Reading, Says
from evict.wire.roundcube import RoundcubeEndpoint

_PAGE: Final = {"Accept": "text/html", "Accept-Language": "en"}
_FORM: Final = {**_PAGE, "Content-Type": "application/x-www-form-urlencoded"}


class RoundcubeWebProber(WebProber):
    """A login counts once the session itself was answered."""

    def __init__(self) -> None:
        self._tokens: WeakKeyDictionary[Visit, str] = WeakKeyDictionary()

    async def come_in(self, visit: Visit) -> Reading:
        path = _path(visit) + roundcube.LOGIN
        answer = await visit.ask("GET", path, headers=_PAGE)
        if answer is None:
            return ENDED
        form = roundcube.read_form(answer.status, answer.body)
        if form.says is not Says.GO_ON:
            return form
        login = visit.login
        body = roundcube.login_form(login.name, login.password.reveal(), form.token)
        answer = await visit.ask(
            "POST", path, headers=_FORM, body=body, shown="(login form) ***", again=False
        )
        if answer is None:
            return ENDED
        where = answer.header("location")
        reading = roundcube.read_login(answer.status, where, visit.host, answer.body)
        if reading.says is not Says.GO_ON:
            return reading
        self._tokens[visit] = reading.token
        return await self.use(visit)

    async def use(self, visit: Visit) -> Reading:
        answer = await visit.ask(
            "GET", _path(visit) + roundcube.ALIVE, headers={"Accept": "application/json"}
        )
        if answer is None:
            return ENDED
        where = answer.header("location")
        return roundcube.read_alive(answer.status, where, visit.host, answer.body)

    async def leave(self, visit: Visit) -> None:
        """Sign out; the server drops the session's row."""
        headers = {roundcube.TOKEN_HEADER: self._tokens.pop(visit, "")}
        await visit.ask("POST", _path(visit) + roundcube.LOGOUT, headers=headers, again=False)


def _path(visit: Visit) -> str:
    endpoint = visit.endpoint
    return endpoint.path if isinstance(endpoint, RoundcubeEndpoint) else "/"
