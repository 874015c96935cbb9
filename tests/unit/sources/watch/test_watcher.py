# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec import structs

from evict.config.watch import WatchSection
from evict.core.errors import LedgerFull, RemoteProtocolError, Unreachable
from tests.unit.sources.watch.people import deleted, somebody
from tests.unit.sources.watch.town import Place

GONE = Unreachable("it is down", system="directory")


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    made = Place(tmp_path, WatchSection(enabled=True, poll_ms=20))
    for name in ("alice", "bob", "carol"):
        made.directory.put(somebody(name))
    made.directory.put(somebody("old", enabled=False))
    await made.start()
    await made.turn(8)
    yield made
    await made.stop()


async def test_who_had_left_before_the_first_start_is_remembered_and_closed_by_nothing(
    place: Place,
) -> None:
    await place.restart()
    await place.turn(8)
    assert place.intake.told == []


async def test_the_first_comparison_closes_where_the_estate_wishes_it(tmp_path: Path) -> None:
    settings = WatchSection(enabled=True, poll_ms=20, first_comparison="close")
    place = Place(tmp_path, settings)
    place.directory.put(somebody("old", enabled=False))
    await place.start()
    await place.turn(4)
    assert place.intake.told == [("disabled", "old")]
    await place.stop()


async def test_a_disable_is_handed_on_once(place: Place) -> None:
    place.directory.put(somebody("bob", enabled=False))
    await place.turn()
    assert place.intake.told == [("disabled", "bob")]
    await place.restart()
    await place.turn(8)
    assert place.intake.told == [("disabled", "bob")]


async def test_what_happened_while_the_watch_was_away_is_seen_when_it_is_back(
    place: Place,
) -> None:
    await place.stop()
    place.directory.put(somebody("bob", enabled=False))
    await place.start()
    await place.turn()
    assert place.intake.told == [("disabled", "bob")]


async def test_a_lost_cookie_means_a_comparison_of_everything(place: Place) -> None:
    await place.stop()
    place.directory.server = "dc2"
    place.directory.put(somebody("carol", enabled=False))
    await place.start()
    await place.turn(10)
    assert place.intake.told == [("disabled", "carol")]


async def test_a_lost_cookie_is_no_first_start_even_where_nobody_had_ever_left(
    tmp_path: Path,
) -> None:
    place = Place(tmp_path, WatchSection(enabled=True, poll_ms=20))
    place.directory.put(somebody("carol"))
    await place.start()
    await place.turn(6)
    place.directory.server = "dc2"
    place.directory.put(somebody("carol", enabled=False))
    await place.turn(8)
    assert place.intake.told == [("disabled", "carol")]
    await place.stop()


@pytest.mark.parametrize("fault", [GONE, RemoteProtocolError("half an answer", system="directory")])
async def test_a_directory_that_fails_closes_nobody_and_loses_nothing(
    place: Place, fault: Exception
) -> None:
    place.directory.fault = fault  # type: ignore[assignment]
    place.directory.put(somebody("bob", enabled=False))
    await place.turn(3)
    place.now += timedelta(minutes=5)
    await place.turn(2)
    assert place.intake.told == []
    assert "for 300 s" in place.intake.troubles["watch directory blind"]
    place.directory.fault = None
    await place.turn(3)
    assert place.intake.told == [("disabled", "bob")]
    assert place.intake.troubles == {}


async def test_an_empty_directory_closes_nobody(place: Place) -> None:
    place.directory.records.clear()
    place.directory.server = "dc2"
    await place.turn(8)
    assert place.intake.told == []


async def test_an_order_that_was_not_stored_is_given_again(place: Place) -> None:
    place.intake.fault = LedgerFull("the disk is full")
    place.directory.put(somebody("bob", enabled=False))
    await place.turn(3)
    assert place.intake.told == []
    place.intake.fault = None
    await place.turn(3)
    assert place.intake.told == [("disabled", "bob")]


async def test_a_tombstone_is_closed_by_the_names_it_had_alive(place: Place) -> None:
    place.directory.put(deleted(somebody("bob")))
    await place.turn()
    assert place.intake.told == [("deleted", "bob")]
    assert "bob.mail@corp.test" in place.intake.closed["id-bob"]


async def test_an_expiry_passes_by_our_clock_for_the_directory_says_nothing(place: Place) -> None:
    ends = place.now + timedelta(hours=1)
    place.directory.put(structs.replace(somebody("bob"), expires_at=ends))
    await place.turn()
    place.now = ends - timedelta(seconds=1)
    await place.turn()
    assert place.intake.told == []
    place.now = ends
    await place.turn()
    assert place.intake.told == [("expired", "bob")]


async def test_an_expiry_that_was_put_off_before_it_passed_closes_nobody(place: Place) -> None:
    ends = place.now + timedelta(hours=1)
    place.directory.put(structs.replace(somebody("bob"), expires_at=ends))
    await place.turn()
    await place.stop()
    place.directory.put(structs.replace(somebody("bob"), expires_at=ends + timedelta(days=9)))
    place.now = ends + timedelta(hours=1)
    await place.start()
    await place.turn(8)
    assert place.intake.told == []


async def test_a_name_added_to_somebody_revoked_is_refused_as_well(place: Place) -> None:
    place.directory.put(somebody("bob", enabled=False))
    await place.turn()
    place.directory.put(somebody("bob", enabled=False, addresses=("bobby@corp.test",)))
    await place.turn()
    assert place.intake.told[1:] == [("renamed", "bob"), ("touched", "bob")]
    assert "bobby@corp.test" in place.intake.closed["id-bob"]


async def test_an_enable_of_somebody_revoked_is_told_and_never_reopens(place: Place) -> None:
    place.directory.put(somebody("bob", enabled=False))
    await place.turn()
    place.directory.put(somebody("bob"))
    await place.turn()
    assert ("opened", "bob") in place.intake.told
    assert "id-bob" in place.intake.closed


async def test_while_somebody_is_reinstated_nothing_is_said_of_it(place: Place) -> None:
    place.directory.put(somebody("bob", enabled=False))
    await place.turn()
    place.intake.reinstating.add("id-bob")
    place.directory.put(somebody("bob"))
    await place.turn()
    del place.intake.closed["id-bob"]
    place.intake.reinstating.clear()
    place.now += timedelta(seconds=2)
    await place.turn()
    assert ("opened", "bob") not in place.intake.told
    place.directory.put(somebody("bob", enabled=False))
    await place.turn()
    assert place.intake.told[-1] == ("disabled", "bob")


async def test_somebody_enabled_before_the_order_was_approved_is_told_as_back(
    place: Place,
) -> None:
    place.directory.put(somebody("bob", enabled=False))
    await place.turn()
    del place.intake.closed["id-bob"]  # held by the guard, and never revoked
    place.directory.put(somebody("bob"))
    await place.turn()
    assert place.intake.told[-1] == ("returned", "bob")


async def test_an_order_that_can_never_be_given_is_told_although_the_directory_answers(
    place: Place,
) -> None:
    place.intake.fault = LedgerFull("the disk is full")
    place.directory.put(somebody("bob", enabled=False))
    await place.turn(3)
    place.now += timedelta(minutes=5)
    await place.turn(3)
    assert "the disk is full" in place.intake.troubles["watch directory blind"]
    place.intake.fault = None
    await place.turn(3)
    assert place.intake.troubles == {}


async def test_a_clock_that_ran_ahead_for_a_while_puts_off_no_comparison(place: Place) -> None:
    place.now += timedelta(days=400)
    await place.turn(6)
    place.now -= timedelta(days=400)
    await place.turn(6)
    assert place.watcher is not None
    assert place.watcher.state.compared_at == place.now


async def test_an_expiry_that_passes_while_somebody_is_not_to_be_found_is_not_forgotten(
    place: Place,
) -> None:
    ends = place.now + timedelta(hours=1)
    place.directory.put(structs.replace(somebody("bob"), expires_at=ends))
    await place.turn()
    kept = place.directory.records.pop("id-bob")
    place.now = ends
    await place.turn()
    assert place.intake.told == []
    place.directory.records["id-bob"] = kept
    place.now += timedelta(minutes=10)
    await place.turn()
    assert place.intake.told == [("expired", "bob")]


async def test_somebody_opened_whose_case_ran_is_judged_again_also_after_a_fault(
    place: Place,
) -> None:
    place.directory.put(somebody("bob", enabled=False))
    await place.turn()
    place.intake.reinstating.add("id-bob")
    place.directory.put(somebody("bob"))
    await place.turn()
    place.intake.reinstating.clear()
    place.intake.open_fault = LedgerFull("the disk is full")
    place.now += timedelta(seconds=2)
    await place.turn()
    place.intake.open_fault = None
    await place.turn()
    assert ("opened", "bob") in place.intake.told
