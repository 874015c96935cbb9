# SPDX-License-Identifier: Apache-2.0
"""The embedded organisation's directory is watched by the same code."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from anyldap.protocols import pureldap

from evict.config.watch import WatchSection
from evict.systems.active_directory.watch import changes, dirsync
from evict.systems.base import Glimpse
from tests.fault.watch.ad_liar import BASE, PEOPLE, Answer, Scene, scene

_GROUP = f"CN=Leavers,OU=Groups,{BASE}"


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(tmp_path, "127.162.1.6", rules=WatchSection(leavers_groups=(_GROUP,))) as made:
        yield made


async def look(place: Scene, position: bytes) -> tuple[Glimpse, bytes]:
    glimpse = await place.watch.since(position)
    return glimpse, glimpse.position


async def test_what_an_administrator_does_shows_as_a_whole_account(place: Scene) -> None:
    seen, position = await place.everybody()
    assert (len(seen), place.watch.mode) == (PEOPLE + 1, "dirsync")
    state, somebody = place.organisation.directory, place.somebody
    state.disable(somebody.sam)
    glimpse, position = await look(place, position)
    (shown,) = glimpse.presences
    assert shown.account == await place.directory.read(somebody.guid)
    assert not shown.account.enabled

    state.set_password(somebody.sam, "Other-Pass-1", must_change=True)
    glimpse, position = await look(place, position)
    assert glimpse.presences[0].must_change_password

    somebody.addresses.append("late@corp.test")
    somebody.groups.append("Leavers")
    state.touch(somebody)
    glimpse, position = await look(place, position)
    assert "late@corp.test" in glimpse.presences[0].account.addresses
    assert _GROUP in glimpse.presences[0].account.groups
    assert not (await look(place, position))[0].presences


async def test_an_expiry_is_read(place: Scene) -> None:
    _, position = await place.everybody()
    ends = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    ticks = (ends - datetime(1601, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 10
    place.somebody.attributes["accountexpires"] = [str(ticks).encode()]
    place.organisation.directory.touch(place.somebody)
    glimpse, _ = await look(place, position)
    assert glimpse.presences[0].expires_at == ends


async def test_an_expiry_that_is_no_instant_says_nothing_and_hides_nobody_else(
    place: Scene,
) -> None:
    """Whoever may write one account must not end the watch over all of them."""
    _, position = await place.everybody()
    place.somebody.attributes["accountexpires"] = [b"-1"]
    place.organisation.directory.touch(place.somebody)
    place.organisation.directory.disable("person-7")
    glimpse, _ = await look(place, position)
    shown = {p.account.sam: p for p in glimpse.presences}
    assert shown[place.somebody.sam].expires_at is None
    assert not shown["person-7"].account.enabled
    assert len((await place.everybody())[0]) == PEOPLE + 1


async def test_the_position_serves_after_a_restart_of_the_watch(place: Scene) -> None:
    _, position = await place.everybody()
    await place.watch.close()
    place.organisation.directory.disable("person-7")
    again = place.directory.watch(WatchSection(leavers_groups=(_GROUP,)))
    glimpse = await again.since(position)
    assert [p.account.sam for p in glimpse.presences] == ["person-7"]
    await again.close()


async def test_the_position_is_stored_only_with_something_to_deal_with(place: Scene) -> None:
    _, position = await place.everybody()
    position = (await place.watch.since(position)).position
    state = place.organisation.directory
    computer = state.accounts["person-9"]
    for _ in range(5):
        computer.attributes["samaccounttype"] = [b"805306369"]
        state.touch(computer)
        glimpse = await place.watch.since(position)
        assert glimpse == Glimpse(presences=(), position=position)
    state.disable("person-3")
    glimpse = await place.watch.since(position)
    assert [p.account.sam for p in glimpse.presences] == ["person-3"]
    assert glimpse.position != position
    assert not (await place.watch.since(glimpse.position)).presences


async def test_a_directory_that_stands_still_is_not_searched(
    place: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its root is asked, which costs it nothing; a search for changes costs Samba much."""
    searched = 0

    def counting(request: Answer, answer: Answer) -> list[Answer] | None:
        nonlocal searched
        if isinstance(answer.value, pureldap.LDAPSearchResultDone):
            searched += any(oid == dirsync.OID for oid, _, _ in request.controls or ())
        return [answer]

    _, position = await place.everybody()
    position = (await place.watch.since(position)).position
    place.liar.alter = counting
    for _ in range(10):
        assert not (await place.watch.since(position)).presences
    assert searched <= 1
    place.organisation.directory.disable("person-3")
    assert len((await place.watch.since(position)).presences) == 1
    monkeypatch.setattr(changes, "_ASKED_EVERY_S", 0.0)
    before = searched
    for _ in range(10):
        await place.watch.since(position)
    assert searched >= before + 10, "now and then it is searched nevertheless"


async def test_a_directory_that_is_slow_with_it_is_given_time_to_rest(
    place: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The change is seen later; it is not lost."""
    _, position = await place.everybody()
    monkeypatch.setattr(changes, "_SLOW_S", 0.0)
    monkeypatch.setattr(changes, "_REST", 1e6)
    position = (await place.watch.since(position)).position
    place.organisation.directory.disable("person-3")
    assert not (await place.watch.since(position)).presences
    again = place.directory.watch(WatchSection(leavers_groups=(_GROUP,)))
    assert [p.account.sam for p in (await again.since(position)).presences] == ["person-3"]
    await again.close()
