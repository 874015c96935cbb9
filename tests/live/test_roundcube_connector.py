# SPDX-License-Identifier: Apache-2.0
"""The connector on the estate's Roundcube, without a front that refuses: its rows alone.

Long: one file for one product, so that its estate is made once; the request that is slow stands
beside the test that needs it.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Self
from urllib.parse import urlencode
from uuid import uuid4

import psycopg
import pytest
from msgspec import structs

from estate import layout as at
from estate import people
from estate.clients.https import Https
from estate.clients.lines import Refused
from estate.clients.roundcube import RoundcubeWeb
from estate.layout import Layout
from estate.people import Person
from estate.standin import StandIn
from evict.config.roundcube import RoundcubeSection
from evict.core.errors import RemoteProtocolError
from evict.core.exposure import Severity
from evict.core.measure import Effect, EffectKind
from evict.core.secret import Secret
from evict.core.sighting import Outcome
from evict.systems.base import Observation
from evict.systems.roundcube import php
from evict.systems.roundcube.connector import RoundcubeConnector
from tests.live.accounts import PASSWORDS, account, order

pytestmark = pytest.mark.live

Sql = psycopg.Connection[tuple[object, ...]]


def section(layout: Layout) -> RoundcubeSection:
    return RoundcubeSection(
        url=f"https://{layout.ip}:{at.NGINX}/roundcube/",
        server_name=at.MAIL_HOST,
        ca_file=layout.ca,
        database_file=Path("/nowhere"),
    )


@pytest.fixture
async def roundcube(web_estate: Layout, web_hooks: StandIn) -> AsyncIterator[RoundcubeConnector]:
    assert web_hooks.closed == set()
    made = RoundcubeConnector(section(web_estate), Secret(web_estate.dsn("roundcube")))
    yield made
    await made.close()


@pytest.fixture
def sql(web_estate: Layout) -> Iterator[Sql]:
    with psycopg.connect(web_estate.dsn("roundcube"), autocommit=True) as connection:
        yield connection


@pytest.fixture
def leaver(web_estate: Layout) -> Iterator[Person]:
    made = people.create(web_estate, f"leaver-{uuid4().hex[:10]}")
    yield made
    people.remove(web_estate, made)


@pytest.fixture
def bystander(web_estate: Layout) -> Iterator[Person]:
    """A name that begins with nobody else's."""
    made = people.create(web_estate, f"stays-{uuid4().hex[:10]}")
    yield made
    people.remove(web_estate, made)


async def end(roundcube: RoundcubeConnector, person: Person) -> Effect:
    seen = await roundcube.observe(account(person), order(person))
    (measure,) = roundcube.plan(account(person), seen, order(person))
    return await roundcube.apply(account(person), measure, order(person), PASSWORDS)


async def look(roundcube: RoundcubeConnector, person: Person) -> Observation:
    return await roundcube.observe(account(person), order(person))


def outcome(seen: Observation) -> Outcome:
    (sighting,) = seen.sightings
    return sighting.outcome


async def test_a_leavers_sessions_end_and_nobody_elses(
    roundcube: RoundcubeConnector,
    web_estate: Layout,
    leaver: Person,
    bystander: Person,
    web_sources: Iterator[str],
) -> None:
    """Under each name that the leaver signs in with; a second time nothing is left to do."""
    by_mail = structs.replace(leaver, name=leaver.mail)
    shouted = structs.replace(leaver, name=leaver.name.upper())
    people_in = [leaver, by_mail, shouted, bystander]
    browsers = [
        RoundcubeWeb(web_estate, someone, next(web_sources), at.NGINX) for someone in people_in
    ]
    *mine, other = browsers
    seen = await look(roundcube, leaver)
    assert outcome(seen) is Outcome.PRESENT
    assert seen.facts == ("live sessions in the database: 3",)
    effect = await end(roundcube, leaver)
    assert (effect.kind, effect.detail) == (EffectKind.DONE, "sessions ended: 3; none is left")
    for browser in mine:
        with pytest.raises(Refused):
            browser.beat()
    other.beat()
    assert outcome(await look(roundcube, leaver)) is Outcome.EMPTY
    assert (await end(roundcube, leaver)).kind is EffectKind.UNCHANGED
    other.beat()
    for browser in browsers:
        browser.close()


async def test_a_slow_request_in_flight_brings_its_session_back_and_is_seen(
    roundcube: RoundcubeConnector,
    web_estate: Layout,
    leaver: Person,
    sql: Sql,
    web_sources: Iterator[str],
) -> None:
    """The twin: one delete alone leaves the session open; the measure waits for it and ends it."""
    browser = RoundcubeWeb(web_estate, leaver, next(web_sources), at.NGINX)
    with _Slow(web_estate, sql, browser) as slow:
        assert sql.execute("DELETE FROM session WHERE sess_id = %s", (slow.id,)).rowcount == 1
    browser.beat()
    with _Slow(web_estate, sql, browser) as slow:
        goes_on = threading.Timer(0.2, slow.go_on)
        goes_on.start()
        effect = await end(roundcube, leaver)
        goes_on.join()
    assert (effect.kind, effect.detail) == (EffectKind.DONE, "sessions ended: 2; none is left")
    with pytest.raises(Refused):
        browser.beat()
    browser.close()


class _Slow:
    """A request of the leaver's that waits for a row which this holds.

    Attributes:
        id: of the session.
    """

    def __init__(self, layout: Layout, sql: Sql, browser: RoundcubeWeb) -> None:
        self._holder = psycopg.connect(layout.dsn("roundcube"))
        self._sql = sql
        self._browser: Https = browser._https
        self._person = browser.person
        self._token = ""
        self._thread = threading.Thread(target=self._ask)
        self.id = self._browser.cookies["roundcube_sessid"]

    def __enter__(self) -> Self:
        page = self._browser.request("GET", "/roundcube/?_task=mail").text
        found = re.search(r'"request_token":"([^"]+)"', page)
        assert found is not None
        self._token = found[1]
        mine = "SELECT user_id FROM users WHERE username = %s FOR UPDATE"
        assert self._holder.execute(mine, (self._person.name,)).fetchall()
        self._thread.start()
        try:
            self._until_it_waits()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _until_it_waits(self) -> None:
        deadline = time.monotonic() + 10
        waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE %s"
        while not self._sql.execute(waiting, ("UPDATE%users%",)).fetchall():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(0.6)  # as long as Roundcube goes by what it read at its beginning

    def __exit__(self, *_: object) -> None:
        self.go_on()
        self._thread.join()
        self._holder.close()

    def go_on(self) -> None:
        self._holder.rollback()

    def _ask(self) -> None:
        form = {
            "_name": "collapsed_folders",
            "_value": f"&{uuid4().hex}&",
            "_token": self._token,
            "_remote": "1",
        }
        self._browser.request(
            "POST",
            "/roundcube/?_task=utils&_action=save-pref",
            urlencode(form),
            Content_Type="application/x-www-form-urlencoded",
            X_Roundcube_Request=self._token,
        )


async def test_a_session_that_cannot_be_read_is_not_called_nobodys(
    roundcube: RoundcubeConnector, leaver: Person, sql: Sql
) -> None:
    insert = "INSERT INTO session (sess_id, ip, vars) VALUES (%s, '127.0.0.1', %s)"
    broken = f"broken-{uuid4().hex}"
    sql.execute(insert, (broken, base64.b64encode(b"username|s:9:").decode()))
    try:
        seen = await look(roundcube, leaver)
        assert outcome(seen) is Outcome.UNCLEAR
        assert "nobody can tell whose" in seen.facts[0]
        assert (await end(roundcube, leaver)).kind is EffectKind.UNCHANGED
        codes = {f.code: f.severity for f in await roundcube.findings()}
        assert codes["roundcube-unreadable-sessions"] is Severity.WARNING
        left = sql.execute("SELECT 1 FROM session WHERE sess_id = %s", (broken,)).fetchall()
        assert left
    finally:
        sql.execute("DELETE FROM session WHERE sess_id = %s", (broken,))
    assert outcome(await look(roundcube, leaver)) is Outcome.EMPTY


async def test_sessions_kept_elsewhere_are_never_called_ended(
    web_estate: Layout, web_hooks: StandIn, leaver: Person, sql: Sql
) -> None:
    """The twin: another table of sessions, as a Roundcube with its sessions in redis has."""
    assert web_hooks.closed == set()
    for table in ("session", "users"):
        sql.execute(f"CREATE TABLE IF NOT EXISTS idle_{table} (LIKE {table} INCLUDING ALL)")
    try:
        idle = structs.replace(section(web_estate), table_prefix="idle_")
        connector = RoundcubeConnector(idle, Secret(web_estate.dsn("roundcube")))
        seen = await look(connector, leaver)
        assert outcome(seen) is Outcome.UNCLEAR
        assert "cannot be listed" in seen.sightings[0].detail
        codes = {f.code: f.severity for f in await connector.findings()}
        assert codes["roundcube-session-storage"] is Severity.ERROR
        await connector.close()
    finally:
        sql.execute("DROP TABLE idle_session, idle_users")


async def test_findings_of_a_good_estate(roundcube: RoundcubeConnector, sql: Sql) -> None:
    before = sql.execute("SELECT count(*) FROM session").fetchone()
    found = {f.code: f for f in await roundcube.findings()}
    assert {code: f.severity for code, f in found.items()} == {
        "roundcube-page": Severity.OK,
        "roundcube-database": Severity.OK,
        "roundcube-session-storage": Severity.OK,
        "roundcube-no-front": Severity.WARNING,
    }
    _, session = await roundcube.exposure()
    assert session.value.startswith("600 s")
    assert before is not None


async def test_another_database_is_told(web_estate: Layout, leaver: Person) -> None:
    connector = RoundcubeConnector(section(web_estate), Secret(web_estate.dsn("sogo")))
    (sighting,) = (await look(connector, leaver)).sightings
    assert sighting.outcome is Outcome.UNCLEAR
    assert "table_prefix" in sighting.detail
    with pytest.raises(RemoteProtocolError):
        await end(connector, leaver)


@pytest.mark.skipif(shutil.which("php") is None, reason="PHP is not installed")
def test_phps_own_sessions_are_read() -> None:
    """PHP writes them, with whatever a user may have typed."""
    names = ["alice", "o'neil|x", 'q"uo;te', "žluť@corp.test", ""]
    program = r"""
        ini_set('session.use_cookies', 0); session_start();
        foreach (json_decode(stream_get_contents(STDIN)) as $name) {
            $_SESSION = ['search' => '";username|s:7:"mallory";', 'deep' => [[1.5, [null, true]]],
                'object' => (object)['username' => 'mallory'], 'when' => new DateTime('@0'),
                'username' => $name, 'after' => [-1, 1e300, -INF, "\0\xff"]];
            echo base64_encode(session_encode()), "\n";
        }
    """
    done = subprocess.run(
        ["php", "-d", "session.save_handler=files", "-d", "session.save_path=/tmp", "-r", program],
        input=json.dumps(names).encode(),
        capture_output=True,
        check=True,
        timeout=20,
    )
    stored = done.stdout.decode().split()
    assert [php.read_stored(text).username for text in stored] == names
