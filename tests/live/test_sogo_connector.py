# SPDX-License-Identifier: Apache-2.0
"""The connector on the estate's SOGo, without a front that refuses: the narrow measures alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

import psycopg
import pytest
from msgspec import structs
from psycopg.sql import SQL, Identifier

from estate import layout as at
from estate import mailbox, people, services
from estate.clients.lines import Ended, Refused
from estate.clients.live import Live
from estate.clients.phone import Phone, PhonePing
from estate.clients.sogo import CalDav, SogoWeb
from estate.layout import Layout
from estate.people import Person
from evict.core.errors import SystemFault, Unreachable
from evict.core.exposure import Severity
from evict.core.sighting import Outcome
from evict.systems.sogo.connector import SogoConnector
from evict.systems.sogo.memcached import Memcached
from tests.live.accounts import PASSWORDS, account, order
from tests.live.sogo_rig import (
    DONE,
    UNCHANGED,
    Browser,
    carry_out,
    look,
    outcomes,
    profile_of,
    rows_of,
)

pytestmark = pytest.mark.live


POLLED_WITHIN_S = 12.0

"""A held Ping looks each 5 s, whatever SOGoInternalSyncInterval below that is set."""


@pytest.fixture
def leaver(someone: Callable[[], Person]) -> Person:
    return someone()


async def refused(session: Live) -> None:
    """Wait until the next beat is refused, and fail where it never is."""
    async with asyncio.timeout(2.0):
        while True:
            try:
                await asyncio.to_thread(session.beat)
            except (Refused, Ended):
                return


async def test_no_door_of_a_disabled_leaver_takes_the_cached_password_any_more(
    web_estate: Layout,
    sogo: SogoConnector,
    someone: Callable[[], Person],
    web_sources: Iterator[str],
) -> None:
    leaver, bystander = someone(), someone()
    web = SogoWeb(web_estate, leaver, next(web_sources))
    phone = Phone(web_estate, leaver, next(web_sources))
    calendar = CalDav(web_estate, leaver, next(web_sources))
    other = SogoWeb(web_estate, bystander, next(web_sources))
    by_mail = structs.replace(leaver, name=leaver.mail)
    shouted = structs.replace(leaver, name=leaver.name.upper())
    sessions: list[Live] = [web, phone, calendar]
    sessions += [Phone(web_estate, p, next(web_sources)) for p in (by_mail, shouted)]
    assert outcomes(await look(sogo, leaver))["cache/grant"] is Outcome.PRESENT
    people.disable(web_estate, leaver)
    for session in sessions:
        session.beat()  # SOGo asks nobody while it has the password
    effects, _ = await carry_out(sogo, leaver, "forget")
    assert [effect.kind for effect in effects] == [DONE]
    await asyncio.gather(*(refused(session) for session in sessions))
    other.beat()
    seen = await look(sogo, leaver)
    assert outcomes(seen)["cache/grant"] is Outcome.EMPTY
    assert any("whose they are cannot be told" in fact for fact in seen.facts)
    for session in (*sessions, other):
        session.close()


async def test_the_uids_own_entry_alone_would_leave_the_others(
    web_estate: Layout, sogo: SogoConnector, leaver: Person, web_sources: Iterator[str]
) -> None:
    """Why every spelling is looked for: the twin of the test above."""
    by_mail = Phone(web_estate, structs.replace(leaver, name=leaver.mail), next(web_sources))
    people.disable(web_estate, leaver)
    server = Memcached(f"{web_estate.ip}:{at.MEMCACHED}", system="sogo")
    async with server.open() as line:
        await line.delete(f"{leaver.name}+attributes".encode())
    assert outcomes(await look(sogo, leaver))["cache/grant"] is Outcome.PRESENT
    by_mail.beat()
    by_mail.close()


async def test_a_ping_in_flight_ends_without_a_front_and_tells_of_no_mail(
    web_estate: Layout, sogo: SogoConnector, leaver: Person, web_sources: Iterator[str]
) -> None:
    phone = PhonePing(web_estate, leaver, next(web_sources))
    people.disable(web_estate, leaver)
    effects, images = await carry_out(sogo, leaver)
    assert {effect.kind for effect in effects} == {DONE}
    mailbox.deliver(web_estate, leaver, "After the disable")
    async with asyncio.timeout(POLLED_WITHIN_S):
        while not phone._https.waiting():
            await asyncio.sleep(0.05)
    await refused(phone)
    assert phone.received == []
    phone.close()
    # What was kept for the phone comes back as it was, so that it goes on where it stopped.
    kept = [row for row in rows_of(web_estate, _phones(leaver)) if str(row[0]).startswith("/!")]
    assert kept
    for image in images:
        assert (await sogo.undo(account(leaver), image, overwrite=False)).kind is DONE
        assert (await sogo.undo(account(leaver), image, overwrite=False)).kind is UNCHANGED
    back = rows_of(web_estate, _phones(leaver))
    assert sorted(("/" + str(row[0])[2:], *row[1:]) for row in kept) == sorted(back)


async def test_a_phone_whose_rows_are_only_deleted_keeps_its_ping(
    web_estate: Layout, sogo: SogoConnector, leaver: Person, web_sources: Iterator[str]
) -> None:
    """Why a row is put in their place: the twin of the test above."""
    phone = PhonePing(web_estate, leaver, next(web_sources))
    await carry_out(sogo, leaver, "forget")
    with psycopg.connect(web_estate.dsn("sogo"), autocommit=True) as connection:
        connection.execute(SQL("DELETE FROM {}").format(Identifier(_phones(leaver))))
    ended = time.monotonic() + POLLED_WITHIN_S
    while time.monotonic() < ended:
        assert not phone._https.waiting()
        await asyncio.sleep(0.2)
    phone.close()


def _phones(person: Person) -> str:
    return f"sogo_cache_folder_{person.name.replace('-', '_')}"


async def test_memcached_that_is_down_is_a_sighting_and_what_is_owed_is_paid_later(
    web_estate: Layout, sogo: SogoConnector, leaver: Person, web_sources: Iterator[str]
) -> None:
    browser = Browser(web_estate, leaver, next(web_sources))
    browser.prefer(Forward={"enabled": 1, "forwardAddress": ["a@b.example"], "keepCopy": 0})
    browser.close()
    services.stop(web_estate, "memcached")
    try:
        seen = await look(sogo, leaver)
        assert outcomes(seen)["cache/grant"] is Outcome.UNREACHABLE
        assert outcomes(seen)["forward/grant"] is Outcome.PRESENT
        planned = sogo.plan(account(leaver), seen, order(leaver))
        stop = next(m for m in planned if ":stop-forward:" in m.id)
        effect = await sogo.apply(account(leaver), stop, order(leaver), PASSWORDS)
        assert effect.kind is DONE
        assert "SOGo may go on with what it has cached" in effect.detail
    finally:
        services.start(web_estate, "memcached")
    effects, _ = await carry_out(sogo, leaver, "forget")
    assert effects  # planned, since it is owed, though nothing is cached: it was started anew
    assert not await _planned(sogo, leaver, "forget")


async def test_a_cache_that_somebody_else_flushed_is_nothing_to_do(
    web_estate: Layout, sogo: SogoConnector, leaver: Person, web_sources: Iterator[str]
) -> None:
    phone = Phone(web_estate, leaver, next(web_sources))
    assert await _planned(sogo, leaver, "forget")
    server = Memcached(f"{web_estate.ip}:{at.MEMCACHED}", system="sogo")
    async with server.open() as line:
        assert await line._ask(b"flush_all") == b"OK"
    assert not await _planned(sogo, leaver, "forget")
    phone.beat()
    assert await _planned(sogo, leaver, "forget")
    phone.close()


async def _planned(sogo: SogoConnector, person: Person, verb: str) -> bool:
    seen = await look(sogo, person)
    return any(f":{verb}" in m.id for m in sogo.plan(account(person), seen, order(person)))


async def test_a_database_that_is_down_is_a_fault_and_nothing_is_half_done(
    web_estate: Layout, sogo: SogoConnector, leaver: Person, web_sources: Iterator[str]
) -> None:
    browser = Browser(web_estate, leaver, next(web_sources))
    browser.prefer(Forward={"enabled": 1, "forwardAddress": ["a@b.example"], "keepCopy": 0})
    browser.close()
    before = profile_of(web_estate, leaver)
    seen = await look(sogo, leaver)
    planned = sogo.plan(account(leaver), seen, order(leaver))
    stop = next(m for m in planned if ":stop-forward:" in m.id)
    services.stop(web_estate, "postgresql")
    try:
        with pytest.raises(Unreachable):
            await sogo.apply(account(leaver), stop, order(leaver), PASSWORDS)
        seen = await look(sogo, leaver)
        assert outcomes(seen)["forward/grant"] is Outcome.UNREACHABLE
        assert outcomes(seen)["cache/grant"] is Outcome.PRESENT
        findings = {f.code: f for f in await sogo.findings()}
        assert findings["sogo-database"].severity is Severity.ERROR
        assert at.SQL_ROLES["sogo"] not in repr(findings)
    finally:
        services.start(web_estate, "postgresql")
        services.restart(web_estate, "sogo")  # each worker answers 501 once after a lost database
    assert profile_of(web_estate, leaver) == before
    effect = await sogo.apply(account(leaver), stop, order(leaver), PASSWORDS)
    assert effect.kind is DONE


async def test_a_row_that_somebody_holds_is_a_fault_in_time_and_stays_as_it_is(
    web_estate: Layout, sogo: SogoConnector, leaver: Person, web_sources: Iterator[str]
) -> None:
    browser = Browser(web_estate, leaver, next(web_sources))
    browser.prefer(Forward={"enabled": 1, "forwardAddress": ["a@b.example"], "keepCopy": 0})
    browser.close()
    before = profile_of(web_estate, leaver)
    query = "SELECT 1 FROM sogo_user_profile WHERE c_uid = %s FOR UPDATE"
    async with await psycopg.AsyncConnection.connect(web_estate.dsn("sogo")) as holder:
        await holder.execute(query.encode(), (leaver.name,))
        with pytest.raises(SystemFault, match="somebody holds a lock"):
            await carry_out(sogo, leaver, "stop-forward")
    assert profile_of(web_estate, leaver) == before


async def test_doctor_and_exposure_read_the_running_settings(sogo: SogoConnector) -> None:
    findings = {f.code: f for f in await sogo.findings()}
    good = {code for code, f in findings.items() if f.severity is Severity.OK}
    assert good == {"sogo-memcached", "sogo-database", "sogo-password-cache"}
    assert set(findings) - good == {"sogo-no-hook", "sogo-public-access"}
    lines = {e.door.name: e for e in await sogo.exposure()}
    assert lines["sogo/caldav/password"].closes_after_s == 300.0
    assert lines["sogo/sogo-web/password"].closes_after_s == 0.0
    assert lines["sogo/delegate/grant"].closes_after_s is None
