# SPDX-License-Identifier: Apache-2.0
"""What needs no database of its own; the rest is in tests/live/test_roundcube_connector.py."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec import structs

from evict.config.forward_auth import ForwardAuthHook
from evict.config.haproxy import HaproxyHook
from evict.config.roundcube import RoundcubeSection
from evict.core.account import Account
from evict.core.door import Credential
from evict.core.endpoint import Tls
from evict.core.errors import Bug
from evict.core.exposure import Severity, Source
from evict.core.measure import Actor, BeforeImage, Stage
from evict.core.secret import Secret
from evict.core.sighting import Outcome
from evict.lab.http.messages import Response
from evict.systems.base import Order, Passwords
from evict.systems.roundcube.connector import RoundcubeConnector
from evict.wire.roundcube import RoundcubeEndpoint
from tests.unit.systems.fake_postgres import FakePostgres
from tests.unit.systems.roundcube.conftest import HOST, Serving
from tests.unit.wire.test_roundcube import LOGIN_PAGE

SECTION = RoundcubeSection(url="https://mail.corp.test/roundcube")
HOOK = ForwardAuthHook(listen="127.0.0.1:1")
ENDING_HOOK = structs.replace(HOOK, runtime="/run/balancer.sock")
HAPROXY = HaproxyHook(runtime="/run/x.sock", map_folder=Path("/x"), state_file=Path("/x/cookies"))
DSN = Secret(f"postgresql://roundcube:S3cret@{HOST}:9/roundcube")
ORDER = Order(generation=1, commit_at=datetime.now(UTC), forms=("alice",))
PASSWORDS = Passwords(first=Secret("first"), second=Secret("second"))


def page(body: bytes = LOGIN_PAGE) -> Response:
    return Response(200, [("Content-Type", "text/html")], body)


def with_database(section: RoundcubeSection) -> RoundcubeSection:
    return structs.replace(section, database_file=Path("/nowhere"))


def test_where_it_is_tried() -> None:
    (at,) = RoundcubeConnector(SECTION, None).endpoints()
    assert isinstance(at, RoundcubeEndpoint)
    assert (at.host, at.port, at.tls, at.path) == (
        "mail.corp.test",
        443,
        Tls.IMPLICIT,
        "/roundcube/",
    )
    plain = structs.replace(SECTION, url="http://[::1]:8080", server_name="mail.corp.test")
    (at,) = RoundcubeConnector(plain, None).endpoints()
    assert isinstance(at, RoundcubeEndpoint)
    assert (at.host, at.port, at.tls, at.path) == ("::1", 8080, Tls.NONE, "/")
    assert at.server_name == "mail.corp.test"


@pytest.mark.parametrize("front", [{"hook": ENDING_HOOK}, {"haproxy": HAPROXY}])
async def test_a_front_shuts_the_gate_before_rows_are_deleted(
    alice: Account, front: dict[str, ForwardAuthHook | HaproxyHook]
) -> None:
    section = with_database(structs.replace(SECTION, **front))
    connector = RoundcubeConnector(section, None)
    seen = await connector.observe(alice, ORDER)
    measures = connector.plan(alice, seen, ORDER)
    assert [(m.id, m.actor, m.stage) for m in measures] == [
        ("roundcube:refuse", Actor.AGENT, Stage.REFUSE),
        ("roundcube:kick", Actor.AGENT, Stage.KICK),
        ("roundcube:end-sessions", Actor.CONTROL, Stage.KICK),
    ]
    assert {e.door.name: e.predicted_s for e in seen.expectations} == {
        "roundcube/roundcube-web/password": 0.05,
        "roundcube/roundcube-web/session": 0.05,
    }


async def test_no_kick_is_awaited_at_a_front_that_can_end_nothing(alice: Account) -> None:
    connector = RoundcubeConnector(structs.replace(SECTION, hook=HOOK), None)
    seen = await connector.observe(alice, ORDER)
    assert [m.id for m in connector.plan(alice, seen, ORDER)] == ["roundcube:refuse"]


async def test_without_a_front_rows_are_deleted_after_the_directory_refuses(
    alice: Account,
) -> None:
    connector = RoundcubeConnector(with_database(SECTION), None)
    seen = await connector.observe(alice, ORDER)
    (only,) = connector.plan(alice, seen, ORDER)
    assert only.id == "roundcube:end-sessions"
    assert only.stage > Stage.MAIL_FLOW
    assert (only.image, only.undo) == (None, "")
    session = next(e for e in seen.expectations if e.door.credential is Credential.SESSION)
    assert "in flight" in session.note
    bare = RoundcubeConnector(SECTION, None)
    nothing = await bare.observe(alice, None)
    assert bare.plan(alice, nothing, None) == ()
    assert (nothing.sightings, nothing.facts) == ((), ())
    assert all(e.note for e in nothing.expectations)


async def test_a_database_that_is_down_is_a_door_that_nobody_could_look_at(
    alice: Account,
) -> None:
    connector = RoundcubeConnector(with_database(SECTION), DSN)
    seen = await connector.observe(alice, ORDER)
    (sighting,) = seen.sightings
    assert sighting.outcome is Outcome.UNREACHABLE
    assert sighting.where == f"{HOST}:9/roundcube"
    assert len(seen.expectations) == 2
    await connector.close()


async def test_a_refused_password_is_told_without_it(alice: Account) -> None:
    fake = FakePostgres()
    fake.no_login = "28P01", 'password authentication failed for user "roundcube"'
    async with fake.listening(HOST) as where:
        dsn = Secret(f"postgresql://roundcube:S3cret@{where}/roundcube")
        connector = RoundcubeConnector(with_database(SECTION), dsn)
        (sighting,) = (await connector.observe(alice, ORDER)).sightings
    assert sighting.outcome is Outcome.UNCLEAR
    assert "does not take the user, the password" in sighting.detail
    assert "S3cret" not in repr(sighting) + repr(connector)


async def test_only_its_own_measures_are_carried_out(alice: Account) -> None:
    connector = RoundcubeConnector(with_database(SECTION), DSN)
    (measure,) = connector.plan(alice, await connector.observe(alice, ORDER), ORDER)
    with pytest.raises(Bug):
        await connector.apply(alice, structs.replace(measure, id="x:y"), ORDER, PASSWORDS)
    image = BeforeImage(measure="roundcube:x", system="roundcube", target="", before={}, after={})
    with pytest.raises(Bug):
        await connector.undo(alice, image, overwrite=False)


async def test_what_the_login_page_tells_is_read(serving: Serving) -> None:
    async with serving(page()) as section:
        password, session = await RoundcubeConnector(section, None).exposure()
    assert (session.source, session.closes_after_s) == (Source.READ, None)
    assert session.value.startswith("600 s")
    assert password.closes_after_s == 3600
    gone = await RoundcubeConnector(section, None).exposure()
    assert gone[1].source is Source.ASSUMED


async def test_findings_without_a_database(serving: Serving) -> None:
    async with serving(page()) as section:
        found = await RoundcubeConnector(section, None).findings()
    assert {f.code: f.severity for f in found} == {
        "roundcube-page": Severity.OK,
        "roundcube-database": Severity.WARNING,
        "roundcube-no-front": Severity.WARNING,
    }
    assert all(f.remedy for f in found if f.severity is not Severity.OK)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (LOGIN_PAGE.replace(b"10605", b"10700"), "roundcube-version"),
        (LOGIN_PAGE.replace(b":600,", b":86400,"), "roundcube-session-lifetime"),
        (LOGIN_PAGE.replace(b":600,", b":0,"), "roundcube-session-lifetime"),
    ],
)
async def test_findings_of_the_page(serving: Serving, body: bytes, code: str) -> None:
    async with serving(page(body)) as section:
        hooked = structs.replace(section, hook=HOOK)
        found = {f.code: f.severity for f in await RoundcubeConnector(hooked, None).findings()}
    assert found.pop(code) is Severity.WARNING
    assert set(found) == {"roundcube-page", "roundcube-database"}


@pytest.mark.parametrize("answer", [Response(502), Response(200, [], b"<html>a portal")])
async def test_what_is_no_login_page_is_an_error(serving: Serving, answer: Response) -> None:
    async with serving(answer) as section:
        connector = RoundcubeConnector(with_database(section), DSN)
        found = {f.code: f.severity for f in await connector.findings()}
    assert found["roundcube-page"] is Severity.ERROR
    assert found["roundcube-database"] is Severity.ERROR
