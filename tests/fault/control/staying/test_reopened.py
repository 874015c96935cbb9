# SPDX-License-Identifier: Apache-2.0
"""What somebody opens after an account was closed is seen, closed again, told and proven."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec import structs

from evict.config.staying import StayingSection
from evict.control.notices.news import NewsKind
from evict.control.notices.notice import Lasting
from evict.control.service import ControlService
from evict.core.errors import ExitCode
from evict.core.measure import BeforeImage
from evict.evidence.keys import load_public_key
from evict.evidence.statement import REOPENED_TYPE
from evict.evidence.verify import verify
from tests.contract.fake_controller import Fault
from tests.contract.fake_entries import BASE_DN, now_filetime
from tests.fault.control.town import NAME, Town, town

HOST = "127.167.9.1"
DN = f"CN={NAME},{BASE_DN}"


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Town]:
    async with town(tmp_path, HOST) as made:
        made.config = structs.replace(made.config, staying=StayingSection(flapping_minutes=1))
        yield made


@asynccontextmanager
async def closed(place: Town) -> AsyncIterator[ControlService]:
    """An account that was closed, whose case is at rest."""
    async with place.serving() as service:
        done = await place.revoke(service)
        assert (done.code, done.failures) == (ExitCode.OK, "")
        await service.staying.remembered()
        yield service


def enable(place: Town) -> None:
    place.controller.store.put(DN, userAccountControl="512")


async def seen(service: ControlService) -> None:
    """Look, and wait until what was seen is closed and remembered."""
    (account,) = service._parts.ledger.standings
    await service.staying.look_now(account, "a test")
    await settled(service)


async def settled(service: ControlService) -> None:
    """Until nothing is looked at; who waits for a later look does not count."""
    async with asyncio.timeout(15):
        while service.staying.busy or service._parts.cases.counts() != (0, 0):
            await asyncio.sleep(0.01)
        await service.staying.remembered()
    await service.notices.flushed()


def told(service: ControlService) -> dict[str, Lasting]:
    """What lasts, but for what is held."""
    lasting = service.notices._outbox.lasting
    return {key: one for key, one in lasting.items() if one.kind is not NewsKind.HELD}


def evidence(place: Town) -> list[Path]:
    return sorted((place.config.evidence.folder).iterdir())


async def test_a_look_at_what_is_shut_writes_nothing_and_starts_no_case(place: Town) -> None:
    async with closed(place) as service:
        before = place.controller.writes
        await seen(service)
        assert place.controller.writes == before
        assert len(evidence(place)) == 1
        assert told(service) == {}


async def test_an_enable_is_closed_again_told_offered_and_proven(place: Town) -> None:
    async with closed(place) as service:
        (account,) = service._parts.ledger.standings
        first = await service._parts.ledger.journal.images(account, 1)
        enable(place)
        await seen(service)
        assert not place.enabled
        (key,) = told(service)
        assert key == f"reopened/{account}"
        assert told(service)[key].kind is NewsKind.REOPENED
        held = service._revoking.gate.waiting.of(account, closes=False)
        assert held is not None
        assert "enabled in the directory" in held.why
        assert await service._parts.ledger.journal.images(account, 1) == first
    old, new = evidence(place)
    key_file = place.config.keys.signing_key_file
    assert key_file is not None
    public = load_public_key(key_file.with_suffix(".pub"))
    assert verify(old.read_bytes(), public).statement.predicateType != REOPENED_TYPE
    proven = verify(new.read_bytes(), public)
    assert proven.statement.predicateType == REOPENED_TYPE
    assert isinstance(proven.statement.predicate.reopened, tuple)
    assert [r.what for r in proven.statement.predicate.reopened] == ["directory:disable"]
    assert proven.overall == "shut"


async def test_a_password_that_somebody_sets_is_seen_also_after_a_restart(place: Town) -> None:
    async with closed(place):
        pass
    assert len(place.history) == 3
    place.controller.store.put(DN, pwdLastSet=str(now_filetime()))
    place.history.append("Somebody-Else-1")
    async with place.serving() as service:
        await seen(service)
    assert len(place.history) == 6
    assert place.history[-2:] == place.history[1:3]
    assert place.history[3] == "Somebody-Else-1"
    assert len(evidence(place)) == 2


async def test_a_restart_alone_is_no_reason_for_a_case(place: Town) -> None:
    async with closed(place):
        pass
    binds, writes = place.controller.binds, place.controller.writes
    async with place.serving() as service:
        await seen(service)
        assert told(service) == {}
    assert place.controller.writes == writes
    assert place.controller.binds - binds <= 3
    assert len(evidence(place)) == 1


async def test_a_live_session_is_closed_again(place: Town) -> None:
    async with closed(place) as service:
        place.dovecot.sessions.append((NAME, "imap"))
        await seen(service)
        assert place.dovecot.sessions == [("carol", "imap")]
        assert [x.kind for x in told(service).values()] == [NewsKind.REOPENED]


async def test_a_directory_that_is_away_hides_no_live_session(place: Town) -> None:
    async with closed(place) as service:
        place.controller.fault = Fault.BUSY
        place.dovecot.sessions.append((NAME, "imap"))
        (account,) = service._parts.ledger.standings
        await service.staying.look_now(account, "a test")
        async with asyncio.timeout(15):
            while (NAME, "imap") in place.dovecot.sessions:
                await asyncio.sleep(0.01)


async def test_twenty_enables_are_one_alarm_one_held_reinstatement_and_few_cases(
    place: Town,
) -> None:
    async with closed(place) as service:
        (account,) = service._parts.ledger.standings
        for _ in range(20):
            enable(place)
            await service.staying.look_now(account, "enabled")
            await asyncio.sleep(0.1)
        async with asyncio.timeout(30):
            while place.enabled:
                await asyncio.sleep(0.05)
        await settled(service)
        assert [x.kind for x in told(service).values()] == [NewsKind.REOPENED]
        assert len(service._revoking.gate.waiting.all) == 1
        assert len(evidence(place)) <= 4


async def test_what_is_opened_in_the_last_moment_of_a_case_is_closed_too(place: Town) -> None:
    """Enabled right after each disable: whoever is quicker than the case's end is seen after it."""
    async with closed(place) as service:
        (account,) = service._parts.ledger.standings
        enable(place)
        await service.staying.look_now(account, "enabled")
        for _ in range(3):
            async with asyncio.timeout(20):
                while place.enabled:
                    await asyncio.sleep(0)
            enable(place)
        async with asyncio.timeout(40):
            while place.enabled or service._parts.cases.counts() != (0, 0):
                await asyncio.sleep(0.05)
        await service.staying.remembered()
        assert not any(key.startswith("overdue") for key in told(service))


async def test_the_first_before_image_is_kept(place: Town) -> None:
    """A measure of the same name later finds another value: what is put back is the first."""
    async with closed(place) as service:
        (account,) = service._parts.ledger.standings
        place.controller.store.put(DN, userAccountControl="66048")
        await seen(service)
        images = await service._parts.ledger.journal.images(account, 1)
    disable = next(i for i in images if i.measure == "directory:disable")
    assert isinstance(disable, BeforeImage)
    assert disable.before == {"userAccountControl": "512"}
