# SPDX-License-Identifier: Apache-2.0
"""Looks, without any sign-in, whether calendars or address books of somebody are published.

What is looked at is a grant: nobody's password is sent, and nothing of a calendar is read.
"""

from __future__ import annotations

from typing import Final

from evict.core.door import Credential
from evict.core.endpoint import Endpoint
from evict.core.errors import Unsupported
from evict.core.sighting import Method, Sighting
from evict.probes.base import Login, Witness
from evict.probes.line import Seen, look, transcript_of
from evict.probes.web import ENDED, Visit, outcome_of
from evict.wire import dav
from evict.wire.reading import Reading, Says

_GRANT: Final = (Credential.GRANT, Method.NEGATIVE_LOGIN)
_FIRST: Final = "personal"
"""Everybody's first calendar at SOGo."""
_FORMS: Final = (".ics", ".xml")


class CalendarProber:
    """A `Prober`.

    Quirk: SOGo 5.8 lists published address books to anybody, but no calendar: those are answered by
    name alone. So the first calendar is asked for by name, and others are not seen here.
    """

    async def negative_login(self, endpoint: Endpoint, login: Login) -> Sighting:
        """LET_IN: something is published. Of `login` only the name is used."""
        transcript = transcript_of(login)

        async def attempt() -> Seen:
            async with Visit(endpoint, login) as visit:
                visit.transcript = transcript
                reading = visit.found(await _published(visit))
                return Seen(outcome_of(reading), visit.say(reading))

        return await look(endpoint, _GRANT, transcript, attempt)

    async def open_witness(self, endpoint: Endpoint, login: Login) -> Witness:
        """Raises `Unsupported`: where nobody signs in, there is no session."""
        del login
        raise Unsupported("what is published has no session", system=endpoint.system)


async def _published(visit: Visit) -> Reading:
    """The first that is open; else the first that is unclear; else that all are shut."""
    name = visit.login.name
    looks = [
        *(("HEAD", dav.published(name, "Calendar") + _FIRST + form) for form in _FORMS),
        *(("PROPFIND", dav.published(name, place)) for place in ("Calendar", "Contacts")),
    ]
    unclear: Reading | None = None
    for method, path in looks:
        reading = await _ask(visit, method, path)
        if reading.says is Says.IN:
            return reading
        if reading.says is Says.UNCLEAR:
            unclear = unclear or reading
    words = f"neither the calendar {_FIRST!r} nor any address book is published"
    return unclear or Reading(says=Says.REFUSED, words=words)


async def _ask(visit: Visit, method: str, path: str) -> Reading:
    if method == "HEAD":
        answer = await visit.ask(method, path)
        return ENDED if answer is None else dav.read_file(answer.status)
    headers = {"Content-Type": dav.CONTENT_TYPE, "Depth": "1"}
    answer = await visit.ask(method, path, headers=headers, body=dav.KINDS)
    return ENDED if answer is None else dav.read_published(answer.status, answer.body)
