# SPDX-License-Identifier: Apache-2.0
"""A door that is open past its promise is told once, looked at again, and taken back when shut."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec import structs

from evict.control import api
from evict.control.notices.news import NewsKind
from evict.control.service import ControlService
from evict.core.errors import ExitCode
from tests.contract.fake_controller import Fault
from tests.fault.control.staying.test_reopened import closed, seen, told
from tests.fault.control.town import ASKER, NAME, UPN, Town, town

HOST = "127.167.9.2"


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Town]:
    async with town(tmp_path, HOST) as made:
        yield made


async def aged(service: ControlService, by: timedelta) -> None:
    """As if the last case had ended so long ago."""
    rests = service.staying._rests
    for account, rest in (await rests.all()).items():
        await rests.change({account: structs.replace(rest, at=rest.at - by)})


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(15):
        while not true():
            await asyncio.sleep(0.01)


async def test_it_is_told_tried_again_and_taken_back(place: Town) -> None:
    place.controller.fault = Fault.NO_RIGHT
    async with place.serving() as service:
        done = await place.revoke(service)
        assert done.code is ExitCode.FAILED
        await service.staying.remembered()
        await service.notices.flushed()
        (key,) = told(service)
        assert key.startswith("overdue/")
        assert told(service)[key].kind is NewsKind.OVERDUE
        cases = len(list(place.config.evidence.folder.iterdir()))

        await seen(service)
        assert len(list(place.config.evidence.folder.iterdir())) == cases
        assert told(service)[key].again == 1

        place.controller.fault = Fault.NONE
        await aged(service, timedelta(hours=2))
        await seen(service)
        assert not place.enabled
        assert told(service) == {}


async def test_a_reinstatement_takes_it_back(place: Town) -> None:
    place.controller.fault = Fault.NO_RIGHT
    async with place.serving() as service:
        await place.revoke(service)
        await service.staying.remembered()
        await service.notices.flushed()
        assert len(told(service)) == 1
        place.controller.fault = Fault.NONE
        request = api.Reinstate(name=UPN, request="back")
        async for line in service.answer(request, ASKER):
            assert not isinstance(line, api.Failed)
        await service.staying.remembered()
        await service.notices.flushed()
        assert told(service) == {}
        assert await service.staying._rests.all() == {}


async def test_what_was_never_brought_to_rest_is_run_once_more(place: Town) -> None:
    async with closed(place) as service:
        (account,) = service._parts.ledger.standings
        await service.staying._rests.change(remove=[account])
        await seen(service)
        assert len(list(place.config.evidence.folder.iterdir())) == 2
        assert told(service) == {}
        await seen(service)
        assert len(list(place.config.evidence.folder.iterdir())) == 2


async def test_a_reinstated_account_is_left_alone(place: Town) -> None:
    async with closed(place) as service:
        (account,) = service._parts.ledger.standings
        await service._parts.cases.cancel(account)
        async with service._parts.cases.held(account):
            place.controller.store.put(f"CN={NAME},DC=corp,DC=test", userAccountControl="512")
            await service.staying.look_now(account, "a test")
            await until(lambda: not service.staying.busy)
            assert place.enabled
