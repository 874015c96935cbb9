# SPDX-License-Identifier: Apache-2.0
"""Each protection taken away: what it kept from happening happens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from evict.control.staying import at_rest, lookback, pace
from evict.control.staying.at_rest import Shown
from evict.core.account import Account
from evict.core.measure import Actor
from evict.systems.base import Connector, Observation, Order
from tests.fault.control.staying.test_reopened import closed, enable, evidence, seen, settled
from tests.fault.control.town import Town, town

HOST = "127.167.9.3"


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Town]:
    async with town(tmp_path, HOST) as made:
        yield made


def _as_this_process_remembers(
    connector: Connector, account: Account, seen: Observation, order: Order
) -> Shown:
    needed = connector.plan(account, seen, order)
    ours = {m.id: m for m in needed if m.actor is Actor.CONTROL}
    return Shown(system=seen.system, needs=ours, open=())


async def test_planned_by_what_the_process_remembers_each_start_is_a_case(
    place: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (at_rest, lookback):
        monkeypatch.setattr(module, "shown", _as_this_process_remembers)
    async with closed(place):
        pass
    async with place.serving() as service:
        await seen(service)
    assert len(evidence(place)) > 1


async def test_without_a_pace_a_quarrel_is_a_case_each_time(
    place: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "STEPS_S", (0.0,))
    monkeypatch.setattr(pace, "BETWEEN_LOOKS_S", 0.0)
    async with closed(place) as service:
        (account,) = service._parts.ledger.standings
        for _ in range(6):
            enable(place)
            await service.staying.look_now(account, "enabled")
            await settled(service)
            assert not place.enabled
    assert len(evidence(place)) == 7


async def test_a_mark_that_is_not_compared_hides_a_password_that_somebody_set(
    place: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(at_rest, "_digest", lambda _: "")
    async with closed(place):
        pass
    place.history.append("Somebody-Else-1")
    place.controller.store.put("CN=bob,DC=corp,DC=test", pwdLastSet="133900000000000000")
    async with place.serving() as service:
        await seen(service)
    assert place.history[-1] == "Somebody-Else-1"
