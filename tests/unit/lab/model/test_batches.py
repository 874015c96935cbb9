# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from evict.lab.model import moves
from evict.lab.model.words import Denial, ModelError, Principal, Protocol
from tests.unit.lab.model.made import Estate, denial


def test_a_batch_waits_at_its_end_until_it_is_completed() -> None:
    estate = Estate()
    estate.org.add_person("carol", "Carol Chen", "Carol-password-1", "DB01")
    batch = estate.org.batches.start("Out", ["alice", "bob", "carol"], "DB02")
    assert batch.refused == {"bob": "bob is in DB02 already"}
    assert batch.status == "Syncing"
    estate.wait(60)
    assert batch.status == "Synced"
    estate.org.batches.complete("OUT")
    assert batch.status == "Completing"
    with pytest.raises(ModelError):
        estate.org.batches.remove("out")
    estate.wait(15)
    assert batch.status == "CompletedWithErrors"
    with pytest.raises(ModelError):
        estate.org.batches.complete("out")
    estate.org.batches.remove("out")
    assert estate.org.moves.requests == {}
    assert estate.org.mailboxes["alice"].move is None


def test_a_batch_that_completes_by_itself_goes_through_with_a_jump() -> None:
    estate = Estate()
    batch = estate.org.batches.start("Out", ["alice"], "DB02", auto_complete=True)
    estate.wait(3600)
    assert batch.status == "Completed"
    move = estate.org.moves.get("alice")
    assert move.ended == move.started + 2 + 5 + 15


def test_a_batch_whose_only_move_fails_has_failed() -> None:
    estate = Estate()
    estate.org.moves.next_fails_at = 20
    batch = estate.org.batches.start("Out", ["alice"], "DB02")
    estate.wait(60)
    assert batch.status == "Failed"
    with pytest.raises(ModelError):
        estate.org.batches.start("out", [], "DB02")
    with pytest.raises(ModelError):
        estate.org.batches.get("in")


def test_a_move_that_fails_in_its_last_phase_lets_everybody_in_again() -> None:
    estate = Estate()
    session = estate.live(Protocol.IMAP)
    move = estate.org.start_move("alice", "DB02", fails_at=97)
    estate.wait(2 + 5)
    assert move.status == moves.COMPLETING
    assert session.ended == "moved"
    assert denial(estate.org.use(session)) is Denial.WRONG_SERVER
    estate.wait(15)
    assert (move.status, estate.org.mailboxes["alice"].database) == (moves.FAILED, "DB01")
    assert move.failure
    assert estate.access().mailbox.sam == "alice"


def test_a_client_that_knows_the_old_place_is_sent_away_after_the_move() -> None:
    estate = Estate()
    estate.org.start_move("alice", "DB02")
    estate.wait(60)
    who = estate.basic()
    assert isinstance(who, Principal)
    old = estate.org.enter("ex01", Protocol.MAPI, who, home="DB01")
    assert denial(old) is Denial.WRONG_SERVER
    assert denial(estate.org.enter("ex01", Protocol.MAPI, who, home="DB02")) is None


def test_an_archive_goes_with_its_mailbox() -> None:
    estate = Estate()
    estate.org.admin.add_archive("alice", "DB01", "0b2e4b9e-0000-4000-8000-000000000001")
    estate.org.start_move("alice", "DB02")
    estate.wait(60)
    assert estate.org.mailboxes["alice"].archive_database == "DB02"
    with pytest.raises(ModelError):
        estate.org.admin.add_archive("alice", "DB01", "x")


def test_a_quarantined_mailbox_is_moved_only_where_that_was_allowed() -> None:
    estate = Estate()
    estate.org.quarantine("alice")
    with pytest.raises(ModelError, match="quarantined"):
        estate.org.start_move("alice", "DB02")
    estate.org.quarantine("alice", allow_migration=True)
    assert estate.org.start_move("alice", "DB02").status == moves.QUEUED


def test_a_move_is_taken_away_but_not_in_its_last_phase() -> None:
    estate = Estate()
    with pytest.raises(ModelError):
        estate.org.moves.remove("alice")
    with pytest.raises(ModelError, match="no database"):
        estate.org.start_move("alice", "DB99")
    move = estate.org.start_move("alice", "DB02")
    estate.org.moves.remove("alice")
    estate.wait(60)
    assert (move.status, estate.org.mailboxes["alice"].database) == (moves.QUEUED, "DB01")
    estate.org.start_move("alice", "DB02")
    estate.wait(7)
    with pytest.raises(ModelError, match="completing"):
        estate.org.moves.remove("alice")


def test_a_mailbox_that_is_disconnected_is_nobodys() -> None:
    estate = Estate()
    session = estate.live(Protocol.IMAP)
    estate.org.admin.disconnect("alice")
    assert session.ended == "disconnected"
    who = estate.basic()
    assert isinstance(who, Principal)
    assert denial(estate.org.enter("ex01", Protocol.EWS, who)) is Denial.NO_MAILBOX
    estate.org.admin.connect("alice")
    assert denial(estate.org.enter("ex01", Protocol.EWS, who)) is None
