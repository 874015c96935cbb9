# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from evict.config.guard import GuardSection
from evict.config.model import Protected
from evict.control import api
from evict.core.access import Asker
from evict.core.errors import ExitCode, UsageError
from evict.sources.batch import Line
from tests.fault.control.town import UPN, Town, town
from tests.unit.control.desk import LATER, NOON, Desk, desk, line
from tests.unit.control.test_scheduling import add, leaver

HOST = "127.164.1.2"


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Town]:
    async with town(tmp_path, HOST) as made:
        made.controller.store.put("CN=boss,DC=corp,DC=test")
        add(made, "boss", "carol", "dave", "erin")
        protected = Protected(names=("boss@corp.test",))
        guard = GuardSection(an_hour=3, a_minute=3, all_sources_an_hour=6)
        made.config = structs.replace(made.config, protected=protected, guard=guard)
        yield made


def fates(lines: list[dict[str, Any]]) -> list[str]:
    return [line["fate"] for line in lines]


EVERY_KIND = (
    line(UPN),
    line("carol@corp.test", LATER),
    line("CORP\\carol", LATER),
    line("dave", LATER),
    line("dave@corp.test", LATER + timedelta(seconds=1)),
    line("boss"),
    line("nobody@corp.test"),
    line("erin", "2030-10-27T02:30 Europe/Berlin"),
    line("erin", NOON - timedelta(hours=1)),
    line("a*b"),
    Line(number=0, bad="names no account"),
)
THEIR_FATES = [
    "would close now",
    "would close at its instant",
    "duplicate",
    "contradiction",
    "contradiction",
    "protected",
    "unknown",
    "bad instant",
    "bad instant",
    "unknown",
    "bad line",
]


async def nothing_is_written(at: Desk) -> None:
    assert await at.entries() == 0
    assert at.planned.schedules.all == ()
    assert at.service._revoking.gate.waiting.all == ()


async def test_a_dry_run_tells_every_lines_fate_and_writes_nothing(place: Town) -> None:
    async with desk(place) as at:
        lines, code = await at.order(*EVERY_KIND, dry_run=True)
        assert [f if f != "bad name" else "unknown" for f in fates(lines)] == THEIR_FATES
        assert code is ExitCode.USAGE
        assert lines[2]["text"] == "the same as line 2"
        assert "2030-10-27T00:30:00Z" in lines[7]["text"]
        await nothing_is_written(at)
        assert at.service._revoking.gate._spending._spent == {}


async def test_one_line_that_makes_no_sense_stops_them_all(place: Town) -> None:
    async with desk(place) as at:
        lines, code = await at.order(*EVERY_KIND)
        assert fates(lines)[:2] == ["not done", "not done"]
        assert code is ExitCode.USAGE
        await nothing_is_written(at)


async def test_with_skip_bad_the_others_are_done(place: Town) -> None:
    async with desk(place) as at:
        lines, code = await at.order(*EVERY_KIND, skip_bad=True)
        assert fates(lines)[:3] == ["closed", "scheduled", "duplicate"]
        assert code is ExitCode.NOT_PROVEN
        await at.closed(leaver(place))
        assert await at.entries() == 1
        (schedule,) = at.planned.schedules.all
        assert schedule.account.upn == "carol@corp.test"


async def test_who_is_revoked_already_is_passed_over(place: Town) -> None:
    async with desk(place) as at:
        await at.order(line(UPN))
        lines, code = await at.order(line(UPN, LATER), line("bob"), request="r2")
        assert fates(lines) == ["contradiction", "contradiction"]
        lines, code = await at.order(line(UPN, LATER), request="r3")
        assert (fates(lines), code) == (["already revoked"], ExitCode.OK)
        assert at.planned.schedules.all == ()


async def test_what_is_more_than_the_allowance_is_asked_again_at_the_instant(place: Town) -> None:
    names = [UPN, "carol@corp.test", "dave@corp.test", "erin@corp.test"]
    orders = [line(name, LATER) for name in names]
    async with desk(place) as at:
        foreseen, code = await at.order(*orders, dry_run=True)
        assert fates(foreseen)[-1] == "held by the guard at its instant"
        assert code is ExitCode.GUARD_REFUSED
        lines, code = await at.order(*orders)
        assert fates(lines) == ["scheduled"] * 3 + ["held by the guard at its instant"]
        assert code is ExitCode.GUARD_REFUSED
        assert [s.counted for s in at.planned.schedules.all] == [True, True, True, False]
        assert not at.service._revoking.gate.waiting.all
        at.clock.go(hours=1)
        await at.emptied()
        assert await at.entries() == 3
        (held,) = at.service._revoking.gate.waiting.all
        assert held.account.upn == "erin@corp.test"


async def test_the_allowance_is_spent_when_it_is_ordered(place: Town) -> None:
    async with desk(place) as at:
        names = [UPN, "carol@corp.test", "dave@corp.test"]
        await at.order(*(line(name, LATER) for name in names))
        lines, _ = await at.order(line("erin"), line("nobody"), skip_bad=True, request="r2")
        assert fates(lines) == ["held by the guard", "unknown"]


async def test_the_single_order_of_a_person_is_not_held(place: Town) -> None:
    async with desk(place) as at:
        for name in (UPN, "carol@corp.test", "dave@corp.test", "erin@corp.test"):
            await at.schedule(name)


async def test_the_same_order_again_changes_nothing(place: Town) -> None:
    async with desk(place) as at:
        first, _ = await at.order(line(UPN, LATER), line("carol"))
        again, code = await at.order(line(UPN, LATER), line("carol"))
        assert fates(first) == ["scheduled", "closed"]
        assert fates(again) == ["already scheduled", "already revoked"]
        assert code is ExitCode.OK
        assert await at.entries() == 1


async def test_two_lines_cannot_have_one_number(place: Town) -> None:
    async with desk(place) as at:
        same = (Line(number=1, account="bob"), Line(number=1, account="carol"))
        with pytest.raises(UsageError, match="the number 1"):
            await at.ask(api.Batch(lines=same, request="r1"))
        with pytest.raises(UsageError, match="names nobody"):
            await at.ask(api.Batch(lines=(), request="r1"))


async def test_a_directory_that_is_away_leaves_the_file_undone(place: Town) -> None:
    async with desk(place) as at:
        await place.controller.stop()
        lines, code = await at.order(line(UPN), line("carol", LATER))
        assert fates(lines) == ["not looked up", "not looked up"]
        assert code is ExitCode.TEMPORARY
        await nothing_is_written(at)


async def test_ten_thousand_lines_each_have_a_fate(place: Town) -> None:
    rows = [line(UPN, LATER), *(line(f"nobody{n}*", LATER) for n in range(9_999))]
    async with desk(place) as at:
        lines, code = await at.order(*rows, dry_run=True)
        assert len(lines) == 10_000
        assert fates(lines)[0] == "would close at its instant"
        assert code is ExitCode.USAGE


async def test_a_machine_that_orders_has_the_allowance_of_a_machine(place: Town) -> None:
    async with desk(place) as at:
        machine = Asker(name="token:personnel", person="token:personnel")
        lines, _ = await at.order(line(UPN, LATER), asker=machine)
        assert fates(lines) == ["scheduled"]
        (schedule,) = at.planned.schedules.all
        assert (schedule.by, schedule.person) == ("token:personnel", "token:personnel")


async def test_with_two_approvers_a_protected_account_is_held_not_refused(place: Town) -> None:
    guard = structs.replace(place.config.guard, approvers=2)
    place.config = structs.replace(place.config, guard=guard)
    async with desk(place) as at:
        lines, code = await at.order(line("boss"), line(UPN, LATER))
        assert fates(lines) == ["held by the guard", "scheduled"]
        assert code is ExitCode.GUARD_REFUSED
        lines, _ = await at.order(line("boss", LATER), request="r2")
        assert fates(lines) == ["held by the guard at its instant"]


async def test_an_order_of_too_many_lines_is_refused(place: Town) -> None:
    async with desk(place) as at:
        with pytest.raises(UsageError, match="are the most"):
            await at.ask(api.Batch(lines=(Line(account="bob"),) * 20_001, request="r1"))
