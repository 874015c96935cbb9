# SPDX-License-Identifier: Apache-2.0
"""Whom the guard holds or refuses whatever the allowance says, and what takes it back."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from evict.config.guard import GuardSection
from evict.config.model import Protected
from evict.control.guard.held import HeldKind
from evict.control.notices.news import NewsKind
from evict.core.access import Asker
from evict.core.revocation import Kind
from tests.fault.control.guarded import CORP, ERIKA, ROOT, Time, account, accounts, guarded

TEN = GuardSection(an_hour=10, a_minute=10, all_sources_an_hour=15, singles_an_hour=12)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


async def test_break_glass_is_refused_to_everybody_and_before_anything_else(
    path: Path, time: Time
) -> None:
    glass = account("glass")
    for entry in (glass.id, f"{{{glass.id.upper()}}}", "GLASS@corp.test", "CORP\\glass"):
        guard = GuardSection(break_glass=(entry,), approvers=2)
        async with guarded(path, time, guard, Protected(names=("glass",))) as here:
            for asker in (CORP, ROOT):
                admission = await here.ask([glass], asker, single=True)
                ((refused, why),) = admission.refused
                assert (refused.id, admission.held) == (glass.id, ())
                assert "break-glass" in why
    assert [n.kind for n in time.told] == [NewsKind.ALARM] * 4  # what the directory asked for


async def test_protected_is_refused_by_one_approver_and_held_for_two(
    path: Path, time: Time
) -> None:
    protected = Protected(names=("boss",))
    async with guarded(path, time, TEN, protected) as here:
        admission = await here.ask([account("boss")], ERIKA, single=True)
        assert (len(admission.refused), admission.held) == (1, ())
    async with guarded(path, time, GuardSection(approvers=2), protected) as here:
        admission = await here.ask([account("boss")], ERIKA, single=True)
        (held,) = admission.held
        assert (admission.refused, held.kind) == ((), HeldKind.PROTECTED)
        assert "protected by its name" in held.why


async def test_a_name_of_somebody_who_left_is_held_for_so_many_days(path: Path, time: Time) -> None:
    async with guarded(path, time, TEN) as here:
        await here.ask([account("alice")])
        namesake = structs.replace(account("other"), sam="alice")
        time.up += 86400
        (held,) = (await here.ask([namesake], ERIKA, single=True)).held
        assert (held.kind, "2026-11-24" in held.why) == (HeldKind.NAME, True)
        await here.gate.waiting.remove([held])
        time.up += 30 * 86400
        assert len((await here.ask([namesake], ERIKA, single=True)).passed) == 1


async def test_more_days_after_a_reload_know_more_names(path: Path, time: Time) -> None:
    async with guarded(path, time, TEN) as here:
        await here.append((account("alice"),))
    time.up += 40 * 86400
    async with guarded(path, time, TEN) as here:
        namesake = structs.replace(account("other"), sam="alice")
        settings = here.gate._parts.settings
        guard = structs.replace(TEN, name_reuse_days=60)
        settings._take(structs.replace(settings.current, guard=guard))
        assert len((await here.ask([namesake])).held) == 1


async def test_a_name_is_remembered_over_a_restart(path: Path, time: Time) -> None:
    async with guarded(path, time, TEN) as here:
        await here.append((account("alice"),))
    async with guarded(path, time, TEN) as here:
        other = structs.replace(account("alice"), id=account("x").id)
        assert len((await here.ask([other])).held) == 1
        await here.append((account("alice"),), Kind.REINSTATEMENT)
        assert len((await here.ask([account("y")])).held) == 0


async def test_a_directory_withdraws_what_it_asked_for_and_no_other_does(
    path: Path, time: Time
) -> None:
    async with guarded(path, time, TEN) as here:
        await here.ask(accounts(12))
        await here.gate.withdraw(account("u10"), Asker(name="directory:b"))
        assert here.labels == ["u10", "u11"]
        await here.gate.withdraw(account("u10"), CORP)
        assert here.labels == ["u11"]
        assert here.records[-1].what == "withdraw"
    async with guarded(path, time, TEN) as here:
        assert here.labels == ["u11"]


async def test_a_reinstatement_is_offered_once_however_often_it_is_seen(
    path: Path, time: Time
) -> None:
    async with guarded(path, time, TEN) as here:
        alice = account("alice")
        await here.gate.hold_reinstatement(alice, source=CORP, why="enabled")
        assert here.labels == []  # it is not revoked
        await here.ask([alice])
        for _ in range(20):
            await here.gate.hold_reinstatement(alice, source=CORP, why="enabled")
        assert here.labels == ["alice"]
        assert [n.kind for n in here.news] == [NewsKind.HELD]
