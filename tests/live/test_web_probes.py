# SPDX-License-Identifier: Apache-2.0
"""The probes of the web and phone doors on the estate's SOGo and Roundcube, through both fronts."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from uuid import uuid4

import psycopg
import pytest

from estate import layout as at
from estate import people
from estate.clients.https import Https, expect
from estate.layout import Layout
from estate.people import Person
from estate.standin import StandIn
from evict.core.endpoint import Endpoint, Tls
from evict.core.secret import Secret
from evict.core.sighting import Outcome
from evict.probes.activesync import ActiveSyncProber
from evict.probes.base import Login, Prober, Witness
from evict.probes.caldav import CalDavProber
from evict.probes.calendar import CalendarProber
from evict.probes.carddav import CardDavProber
from evict.probes.roundcube_web import RoundcubeWebProber
from evict.probes.sogo_web import SogoWebProber
from evict.wire.roundcube import RoundcubeEndpoint

pytestmark = pytest.mark.live

DOORS: dict[str, Callable[[], Prober]] = {
    "sogo-web": SogoWebProber,
    "activesync": ActiveSyncProber,
    "caldav": CalDavProber,
    "carddav": CardDavProber,
    "roundcube-web": RoundcubeWebProber,
}
FRONTS = {"haproxy": at.HAPROXY, "nginx": at.NGINX}


def endpoint(layout: Layout, protocol: str, port: int = at.HAPROXY) -> Endpoint:
    return RoundcubeEndpoint(
        system="web",
        protocol=protocol,
        host=layout.ip,
        port=port,
        tls=Tls.IMPLICIT,
        server_name=at.MAIL_HOST,
        ca_file=layout.ca,
        path="/roundcube/",
    )


@pytest.fixture(scope="module")
def addresses(web_estate: Layout) -> Iterator[str]:
    return (str(address) for address in web_estate.network(252, 24).hosts())


@pytest.fixture
def web(web_estate: Layout, web_hooks: StandIn) -> Layout:
    """The estate, with its servers' questions answered."""
    assert web_hooks.closed == set()
    return web_estate


@pytest.fixture
def someone(web: Layout) -> Iterator[Person]:
    made = people.create(web, f"probed-{uuid4().hex[:10]}")
    yield made
    people.remove(web, made)


def login(person: Person, source: str, *, name: str = "", password: str = "") -> Login:
    return Login(
        name=name or person.name,
        password=Secret(password or person.password),
        source=source,
        timeout_s=15,
    )


@pytest.mark.parametrize("port", FRONTS.values(), ids=FRONTS)
@pytest.mark.parametrize("protocol", DOORS)
async def test_a_right_password_is_let_in_and_a_wrong_one_is_not(
    web: Layout, someone: Person, addresses: Iterator[str], protocol: str, port: int
) -> None:
    prober, where = DOORS[protocol](), endpoint(web, protocol, port)
    right = await prober.negative_login(where, login(someone, next(addresses)))
    assert right.outcome is Outcome.LET_IN, right.detail
    mail = login(someone, next(addresses), name=someone.mail)
    assert (await prober.negative_login(where, mail)).outcome is Outcome.LET_IN
    wrong = login(someone, next(addresses), password="Wrong-pw-1")
    refused = await prober.negative_login(where, wrong)
    assert refused.outcome is Outcome.REFUSED, refused.detail
    kept = "\n".join((*right.transcript, *refused.transcript))
    assert someone.password not in kept
    assert "Wrong-pw-1" not in kept


@asynccontextmanager
async def witnesses(
    web: Layout, person: Person, addresses: Iterator[str]
) -> AsyncIterator[dict[str, Witness]]:
    opened: dict[str, Witness] = {}
    try:
        for protocol, prober in DOORS.items():
            where = endpoint(web, protocol)
            opened[protocol] = await prober().open_witness(where, login(person, next(addresses)))
        yield opened
    finally:
        for witness in opened.values():
            await witness.close()


async def beats(opened: dict[str, Witness]) -> dict[str, Outcome]:
    return {protocol: await witness.beat() for protocol, witness in opened.items()}


def forget(layout: Layout, person: Person) -> None:
    """What shuts these doors where no front does: the cached password, and Roundcube's rows."""
    with socket.create_connection((layout.ip, at.MEMCACHED), 5) as memcached:
        memcached.sendall(f"delete {person.name}+attributes\r\n".encode())
        assert memcached.recv(64) in (b"DELETED\r\n", b"NOT_FOUND\r\n")
    with psycopg.connect(layout.dsn("roundcube"), autocommit=True) as sql:
        name = f'username|s:{len(person.name)}:"{person.name}";'
        sql.execute(
            "DELETE FROM session WHERE position(%s::bytea in decode(vars, 'base64')) > 0",
            (name.encode(),),
        )


async def test_witnesses_see_doors_stay_open_and_then_shut(
    web: Layout, someone: Person, addresses: Iterator[str]
) -> None:
    """A plain disable leaves all five open; so the probes say nothing that is not so."""
    async with (
        witnesses(web, someone, addresses) as mine,
        witnesses(web, people.person("grace"), addresses) as others,
    ):
        assert set((await beats(mine)).values()) == {Outcome.LET_IN}
        await asyncio.to_thread(people.disable, web, someone)
        assert set((await beats(mine)).values()) == {Outcome.LET_IN}
        await asyncio.to_thread(forget, web, someone)
        seen = await beats(mine)
        assert set(seen.values()) == {Outcome.REFUSED}, seen
        assert set((await beats(others)).values()) == {Outcome.LET_IN}


async def test_nothing_of_mail_or_calendar_is_asked_for(
    web: Layout, someone: Person, addresses: Iterator[str]
) -> None:
    async with witnesses(web, someone, addresses) as opened:
        await beats(opened)
        asked = {protocol: witness.transcript() for protocol, witness in opened.items()}
    for protocol, lines in asked.items():
        text = "\n".join(line for line in lines if line.startswith("C: "))
        assert text, protocol
        assert not any(word in text for word in ("/view", "_uid", ".ics", "REPORT", "Sync\n"))


class _Owner:
    """Shares with everybody, as the owner does in the browser."""

    def __init__(self, layout: Layout, person: Person, source: str) -> None:
        self._https = Https(layout, at.HAPROXY, source)
        self._name = person.name
        document = {"userName": person.name, "password": person.password}
        self._post("/SOGo/connect", document)
        self._https.headers["X-XSRF-TOKEN"] = self._https.cookies["XSRF-TOKEN"]

    def share(self, folder: str, **rights: str | int) -> None:
        entry = {"uid": "anonymous", "userClass": "public-user", "rights": rights}
        self._post(f"/SOGo/so/{self._name}/{folder}/saveUserRights", [entry])

    def _post(self, path: str, document: object) -> None:
        body = json.dumps(document)
        expect(self._https.request("POST", path, body, Content_Type="application/json"), 200)

    def close(self) -> None:
        self._https.close()


async def test_what_is_published_is_seen_and_outlives_a_disable(
    web: Layout, someone: Person, addresses: Iterator[str]
) -> None:
    owner = await asyncio.to_thread(_Owner, web, someone, next(addresses))
    where = endpoint(web, "calendar")

    async def look() -> Outcome:
        nobody = login(someone, next(addresses), password="nobody's")
        return (await CalendarProber().negative_login(where, nobody)).outcome

    try:
        assert await look() is Outcome.REFUSED
        for folder, yes, no in (
            ("Calendar/personal", {"Public": "Viewer"}, {"Public": "None"}),
            ("Contacts/personal", {"canViewObjects": 1}, {"canViewObjects": 0}),
        ):
            await asyncio.to_thread(owner.share, folder, **yes)
            assert await look() is Outcome.LET_IN, folder
            await asyncio.to_thread(owner.share, folder, **no)
            assert await look() is Outcome.REFUSED
        await asyncio.to_thread(owner.share, "Calendar/personal", Public="DAndTViewer")
        await asyncio.to_thread(people.disable, web, someone)
        await asyncio.to_thread(forget, web, someone)
        assert await look() is Outcome.LET_IN
    finally:
        owner.close()
