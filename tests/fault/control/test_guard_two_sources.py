# SPDX-License-Identifier: Apache-2.0
"""What two sources ask for: what becomes of one's order takes nothing from the other's."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from evict.config.guard import GuardSection
from evict.control import api
from evict.control.guard.approving import Approving
from evict.core.access import Asker, Role
from tests.fault.control.guarded import CORP, ROOT, Guarded, Time, account, accounts, guarded

ONE = GuardSection(an_hour=1, a_minute=1, all_sources_an_hour=1)
STOLEN = Asker(name="token:hr", person="uid:1001", roles=frozenset({Role.OPERATOR}))
LEAVER = account("u1")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


async def dismiss(here: Guarded, **what: Any) -> list[str]:
    approving = Approving(here.gate._parts, here.gate, cast("Any", None))
    call = api.Dismiss(reason="a stolen token", **what)
    return [row["label"] for row in (await approving.dismiss(call, ROOT))["dismissed"]]


async def test_dismissing_a_stolen_tokens_orders_leaves_what_the_directory_asked_for(
    path: Path,
) -> None:
    time = Time()
    async with guarded(path, time, ONE) as here:
        await here.ask(accounts(3), STOLEN)
        assert here.labels == ["u1", "u2"]
        await here.ask([LEAVER], CORP)
    async with guarded(path, time, ONE) as here:
        assert await dismiss(here, source="token:hr") == ["u2@corp.test"]
        (held,) = here.gate.waiting.all
        assert (held.account.sam, held.source) == ("u1", "directory:corp")
        assert "directory:corp asked for" in time.told[-1].subject
    async with guarded(path, time, ONE) as here:
        assert here.labels == ["u1"]
        (held,) = here.gate.waiting.all
        assert await dismiss(here, ids=(held.id,)) == ["u1@corp.test"]
        assert here.labels == []


async def test_a_directory_that_takes_it_back_leaves_what_a_person_asked_for(path: Path) -> None:
    time = Time()
    async with guarded(path, time, ONE) as here:
        await here.ask(accounts(2), CORP)
        await here.ask([LEAVER, account("u5")], STOLEN)
        assert here.labels == ["u1", "u5"]
        await here.gate.withdraw(LEAVER, CORP)
        assert [held.source for held in here.gate.waiting.all] == ["token:hr", "token:hr"]
        await here.gate.withdraw(LEAVER, CORP)
        assert here.labels == ["u1", "u5"]
