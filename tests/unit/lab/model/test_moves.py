# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from evict.lab.model import moves
from evict.lab.model.store import Access
from evict.lab.model.words import Denial, Denied, ModelError, Principal, Protocol
from tests.unit.lab.model.made import Estate


def enter(estate: Estate) -> Access | Denied:
    who = estate.basic()
    assert isinstance(who, Principal)
    return estate.org.enter("ex01", Protocol.EWS, who)


def test_people_work_while_it_copies_are_turned_away_at_the_end_and_come_in_after() -> None:
    estate = Estate()
    ended: list[str] = []
    estate.org.open_session(estate.access(), pool=None, on_end=ended.append)
    move = estate.org.moves.start("alice", "DB02")
    assert (move.status, estate.org.moves.percent(move)) == (moves.QUEUED, 0)
    estate.wait(2 + 2.5)
    assert isinstance(enter(estate), Access)
    assert 40 <= estate.org.moves.percent(move) <= 50
    estate.wait(2.5)
    assert move.status == moves.COMPLETING
    assert ended == ["moved"]
    denied = enter(estate)
    assert isinstance(denied, Denied)
    assert denied.denial is Denial.IN_TRANSIT
    estate.wait(15)
    assert move.status == moves.COMPLETED
    assert estate.org.mailboxes["alice"].database == "DB02"
    assert isinstance(enter(estate), Access)


def test_one_that_fails_half_way_leaves_the_mailbox_where_it_was() -> None:
    estate = Estate()
    estate.org.moves.next_fails_at = 50
    move = estate.org.moves.start("alice", "DB02")
    estate.wait(60)
    assert (move.status, estate.org.moves.percent(move)) == (moves.FAILED, 50)
    assert estate.org.mailboxes["alice"].database == "DB01"


def test_one_that_waits_for_its_end_is_completed_when_told() -> None:
    estate = Estate()
    move = estate.org.moves.start("alice", "DB02", suspend=True)
    estate.wait(60)
    assert move.status == moves.AUTO_SUSPENDED
    estate.org.moves.complete(move)
    estate.wait(15)
    assert move.status == moves.COMPLETED


def test_a_second_request_and_a_move_to_where_it_is_are_refused() -> None:
    estate = Estate()
    with pytest.raises(ModelError, match="in DB01"):
        estate.org.moves.start("alice", "DB01")
    estate.org.moves.start("alice", "DB02")
    with pytest.raises(ModelError, match="already"):
        estate.org.moves.start("alice", "DB02")
