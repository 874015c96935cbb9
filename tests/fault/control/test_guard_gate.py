# SPDX-License-Identifier: Apache-2.0
"""The guard before every closing, over restarts, full disks, clocks that jump and many sources."""

from __future__ import annotations

import asyncio
import itertools
import time as clock_of_the_test
from collections.abc import Iterable
from pathlib import Path

import apsw
import pytest
from msgspec import structs

from evict.config.guard import GuardSection
from evict.control.audit.record import Result
from evict.control.guard.demand import Admission, Demand
from evict.control.guard.gate import Gate
from evict.control.guard.spending import Spending
from evict.control.notices.news import NewsKind
from evict.core.access import Asker
from evict.core.account import Account
from evict.core.errors import LedgerFull
from tests.fault.control.guarded import CORP, ERIKA, Time, account, accounts, guarded
from tests.fault.ledger.disk import plugged_in

TEN = GuardSection(an_hour=10, a_minute=10, all_sources_an_hour=15, singles_an_hour=12)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


async def test_ten_thousand_at_once_one_allowance_passes_one_alarm_names_the_source(
    path: Path, time: Time
) -> None:
    async with guarded(path, time, TEN) as here:
        many = accounts(10_000)
        begun = clock_of_the_test.perf_counter()
        demand = Demand(asker=CORP, request="r")
        admission = await here.gate.admit(many, demand)
        took = clock_of_the_test.perf_counter() - begun
        assert [a.sam for a in admission.passed] == [a.sam for a in many[:10]]
        assert len(admission.held) == 9_990
        (alarm,) = here.news
        assert alarm.kind is NewsKind.ALARM
        assert "directory:corp" in alarm.subject
        assert "9,990" in alarm.subject
        await here.gate.announce(admission, demand)
        noted = [name for record in here.records for name in record.on]
        assert (len(noted), {r.result for r in here.records}) == (9_990, {Result.HELD})
        assert took < 2.0


async def test_ten_thousand_one_by_one_are_one_alarm_too(path: Path, time: Time) -> None:
    async with guarded(path, time, TEN) as here:
        for one in accounts(60):
            time.up += 10
            await here.ask([one])
        assert len(here.labels) == 50
        assert len(here.news) == 1


async def test_what_comes_after_all_was_dealt_with_is_told_anew(path: Path, time: Time) -> None:
    async with guarded(path, time, TEN) as here:
        await here.ask(accounts(12))
        await here.gate.waiting.remove(here.gate.waiting.all)
        time.up += 60
        await here.ask(accounts(3, "next"))
        assert len(here.news) == 2


async def test_two_orders_at_once_hold_an_account_once(path: Path, time: Time) -> None:
    async with guarded(path, time, TEN) as here:
        await asyncio.gather(*(here.ask(accounts(14)) for _ in range(4)))
        assert here.labels == ["u10", "u11", "u12", "u13"]
        assert len(here.news) == 1


async def test_the_oldest_are_shown_first_and_an_id_is_never_twice(path: Path, time: Time) -> None:
    async with guarded(path, time, TEN) as here:
        await here.ask(accounts(12))
        await here.ask(accounts(2, "later"))
        assert here.labels == ["u10", "u11", "later0", "later1"]
    async with guarded(path, time, TEN) as here:
        await here.ask(accounts(1, "last"))
        assert here.labels == ["u10", "u11", "later0", "later1", "last0"]
        assert len({h.id for h in here.gate.waiting.all}) == 5


async def test_no_two_things_have_one_id(
    path: Path, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch is numbered before any of it is kept."""
    few = itertools.cycle(["aaaaaa", "aaaaaa", "bbbbbb", "cccccc"])
    monkeypatch.setattr("evict.control.guard.waiting.new_id", lambda: next(few))
    async with guarded(path, time, TEN) as here:
        await here.ask(accounts(13))
        assert here.labels == ["u10", "u11", "u12"]
        assert {h.id for h in here.gate.waiting.all} == {"aaaaaa", "bbbbbb", "cccccc"}


async def test_a_restart_opens_no_allowance(path: Path, time: Time) -> None:
    passed = 0
    for run in range(5):
        async with guarded(path, time, TEN) as here:
            time.up += 61
            passed += len((await here.ask(accounts(4, f"run{run}-"))).passed)
    assert passed == 10


async def test_a_restart_with_a_memory_that_was_lost_would_open_it(
    path: Path, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin: without what is kept, each restart is an allowance."""

    async def keep_nothing(*_: object) -> None:
        pass

    monkeypatch.setattr(Spending, "keep", keep_nothing)
    passed = 0
    for run in range(5):
        async with guarded(path, time, TEN) as here:
            passed += len((await here.ask(accounts(4, f"run{run}-"))).passed)
    assert passed == 20


async def test_it_is_not_split_over_sources(path: Path, time: Time) -> None:
    async with guarded(path, time, TEN) as here:
        passed = 0
        for n in range(8):
            asker = Asker(name=f"directory:{n}")
            passed += len((await here.ask(accounts(5, f"s{n}-"), asker)).passed)
        assert passed == 15
        assert "for all sources together" in here.gate.waiting.all[-1].why


async def test_one_person_has_one_allowance_by_however_many_tokens(path: Path, time: Time) -> None:
    async with guarded(path, time, TEN) as here:
        passed = 0
        for n in range(4):
            asker = Asker(name=f"token:{n}", person="uid:1000", roles=ERIKA.roles)
            passed += len((await here.ask(accounts(5, f"t{n}-"), asker)).passed)
        assert passed == 10


@pytest.mark.parametrize("jump", [-40 * 86400.0, 40 * 86400.0])
async def test_a_clock_that_jumps_opens_nothing(path: Path, time: Time, jump: float) -> None:
    async with guarded(path, time, TEN) as here:
        await here.ask(accounts(10))
        time.wrong = jump
        time.up += 120
        assert (await here.ask(accounts(1, "x"))).passed == ()
    async with guarded(path, time, TEN) as here:
        assert (await here.ask(accounts(1, "y"))).passed == ()


async def test_a_machine_that_starts_again_with_a_wrong_clock_opens_nothing(
    path: Path, time: Time
) -> None:
    async with guarded(path, time, TEN) as here:
        await here.ask(accounts(10))
    time.boot, time.up, time.wrong = "two", 30.0, 90_000.0
    async with guarded(path, time, TEN) as here:
        assert (await here.ask(accounts(1, "x"))).passed == ()
        time.up = 3700.0
        assert len((await here.ask(accounts(1, "y"))).passed) == 1


async def test_a_single_order_passes_whatever_is_held_and_takes_it_off(
    path: Path, time: Time
) -> None:
    async with guarded(path, time, TEN) as here:
        await here.ask(accounts(12))
        assert here.labels == ["u10", "u11"]
        assert len((await here.ask([account("u11")], ERIKA, single=True)).passed) == 1
        assert here.labels == ["u10"]


async def test_a_loop_of_single_orders_stops_and_a_machine_has_none(path: Path, time: Time) -> None:
    async with guarded(path, time, TEN) as here:
        passed = [await here.ask([a], ERIKA, single=True) for a in accounts(20)]
        assert sum(len(p.passed) for p in passed) == 12
    async with guarded(path, Time(up=9999), TEN) as here:
        passed = [await here.ask([a], CORP, single=True) for a in accounts(20, "m")]
        assert sum(len(p.passed) for p in passed) == 10


async def test_what_is_held_stays_held_when_it_is_asked_for_again(path: Path, time: Time) -> None:
    async with guarded(path, time, TEN) as here:
        await here.ask(accounts(12))
        time.up += 7200
        again = await here.ask(accounts(12))
        assert [a.sam for a in again.passed] == [f"u{n}" for n in range(10)]  # closed before
        assert [h.account.sam for h in again.held] == ["u10", "u11"]
        assert len(here.gate.waiting.all) == 2


async def test_who_is_closed_already_takes_nothing(path: Path, time: Time) -> None:
    async with guarded(path, time, TEN) as here:
        await here.ask(accounts(10))
        time.up += 3700
        await here.ask(accounts(10))
        assert len((await here.ask(accounts(10, "x"))).passed) == 10


async def test_a_crash_after_it_was_counted_costs_nothing_the_second_time(
    path: Path, time: Time
) -> None:
    async with guarded(path, time, TEN) as here:
        demand = Demand(asker=CORP, request="r")
        assert len((await here.gate.admit(accounts(10), demand)).passed) == 10
    async with guarded(path, time, TEN) as here:  # nothing of it was appended
        time.up += 5
        again = await here.ask(accounts(11))
        assert len(again.passed) == 10
        assert here.labels == ["u10"]


async def test_on_a_full_disk_nothing_passes(path: Path, time: Time) -> None:
    with plugged_in() as disk:
        async with guarded(path, time, TEN) as here:
            disk.break_from_now_on(apsw.FullError)
            with pytest.raises(LedgerFull):
                await here.ask(accounts(12))
            assert here.labels == []
            assert here.news == []
            disk.mend()
            assert len((await here.ask(accounts(12))).passed) == 10
            assert here.labels == ["u10", "u11"]


async def test_an_audit_log_that_fails_stops_no_closing_and_is_told(path: Path, time: Time) -> None:
    async with guarded(path, time, TEN) as here:
        time.audit_fails = True
        assert len((await here.ask(accounts(12))).passed) == 10
        assert {n.key.split("/")[0] for n in here.news} == {"held", "audit-not-written"}


async def test_what_waits_is_told_again_after_a_restart_under_the_same_key(
    path: Path, time: Time
) -> None:
    async with guarded(path, time, TEN) as here:
        await here.ask(accounts(12))
    time.up += 600
    async with guarded(path, time, TEN) as here:
        assert len({n.key for n in here.news}) == 1
        assert len(here.news) == 2


async def test_limits_and_lists_change_with_the_configuration(path: Path, time: Time) -> None:
    async with guarded(path, time, TEN) as here:
        settings = here.gate._parts.settings
        guard = GuardSection(an_hour=1, break_glass=("u5",))
        settings._take(structs.replace(settings.current, guard=guard))
        admission = await here.ask(accounts(6))
        assert (len(admission.passed), len(admission.held), len(admission.refused)) == (1, 4, 1)


async def test_the_same_order_without_the_guard_closes_everybody(
    path: Path, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin of all of these."""

    def let_pass(_: Gate, who: Iterable[Account], __: Demand) -> tuple[Admission, tuple[str, ...]]:
        return Admission(passed=tuple(who)), ()

    monkeypatch.setattr(Gate, "_judge", let_pass)
    async with guarded(path, time, TEN) as here:
        assert len((await here.ask(accounts(100))).passed) == 100
