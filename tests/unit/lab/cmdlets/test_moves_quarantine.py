# SPDX-License-Identifier: Apache-2.0
"""Quarantine, moves, batches, statistics, what there is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from evict.lab.cmdlets.registry import PsObject
from evict.lab.model.profile import Version
from evict.lab.model.words import Protocol
from tests.unit.lab.cmdlets.desk import Desk

LONG = 10_000.0
"""Longer than any move here takes."""


def test_a_quarantine_is_seen_and_ends_by_itself_or_is_lifted() -> None:
    desk = Desk()
    assert desk.run("Enable-MailboxQuarantine", "ann", Duration="2.00:00:00").outputs == []
    seen = desk.run("Get-MailboxStatistics", "ann").one
    assert seen["IsQuarantined"] is True
    assert seen["QuarantineEnd"] == datetime.fromtimestamp(desk.now, UTC) + timedelta(days=2)
    desk.wait(2 * 86400)
    assert desk.run("Get-MailboxStatistics", "ann").one["IsQuarantined"] is False
    desk.run("Enable-MailboxQuarantine", "ann")
    assert desk.quiet("Disable-MailboxQuarantine", "ann").outputs == []
    assert desk.ann.quarantine is None


def test_a_quarantine_of_no_time_is_refused() -> None:
    desk = Desk()
    assert desk.run("Enable-MailboxQuarantine", "ann", Duration="00:00:00").errors
    assert desk.ann.quarantine is None


def test_a_move_is_followed_to_its_end_and_removed() -> None:
    desk = Desk()
    made = desk.run("New-MoveRequest", "ann", TargetDatabase="db02", BatchName="leavers").one
    assert made["PercentComplete"] == 0
    again = desk.run("New-MoveRequest", "ann", TargetDatabase="DB02")
    assert "already has a move request" in again.errors[0].message
    assert desk.run("Get-MoveRequest", BatchName="leavers").column("Alias") == ["ann"]
    desk.wait(4)
    seen = desk.run("Get-MoveRequestStatistics", "ann").one
    assert seen["Status"] == "InProgress"
    percent = seen["PercentComplete"]
    assert isinstance(percent, int)
    assert 0 < percent < 95
    desk.wait(LONG)
    seen = desk.run("Get-MoveRequestStatistics", "ann").one
    assert (seen["Status"], seen["PercentComplete"]) == ("Completed", 100)
    target = seen["TargetDatabase"]
    assert isinstance(target, PsObject)
    assert target.to_string == desk.ann.database == "DB02"
    assert "completed move request" in desk.run("New-MoveRequest", "ann").errors[0].message
    assert desk.run("Get-MoveRequest", MoveStatus="completed").objects
    assert desk.quiet("Remove-MoveRequest", "ann").outputs == []
    gone = desk.run("Get-MoveRequest", "ann").errors[0]
    assert gone.reason == "ManagementObjectNotFoundException"
    assert desk.run("New-MoveRequest", "ann").one["Status"] == "Queued"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"TargetDatabase": "DB01"}, "already in the target database"),
        ({"TargetDatabase": "DB99"}, "Couldn't find database"),
    ],
)
def test_where_a_mailbox_cannot_go(given: dict[str, object], says: str) -> None:
    desk = Desk()
    assert says in desk.run("New-MoveRequest", "ann", **given).errors[0].message
    assert desk.org.moves.requests == {}


def test_a_quarantined_mailbox_moves_only_where_that_is_allowed() -> None:
    desk = Desk()
    desk.run("Enable-MailboxQuarantine", "ann")
    assert desk.run("New-MoveRequest", "ann").errors
    desk.run("Enable-MailboxQuarantine", "ann", AllowMigration=True)
    assert desk.run("New-MoveRequest", "ann").errors == []


def test_a_move_that_fails_says_so() -> None:
    desk = Desk()
    desk.org.moves.next_fails_at = 40
    desk.run("New-MoveRequest", "ann")
    desk.wait(LONG)
    seen = desk.run("Get-MoveRequestStatistics", "ann", IncludeReport=True).one
    assert (seen["Status"], seen["PercentComplete"]) == ("Failed", 40)
    assert seen["FailureType"]
    assert desk.ann.database == "DB01"


def test_a_move_waits_until_it_is_resumed() -> None:
    desk = Desk()
    desk.run("New-MoveRequest", "ann", SuspendWhenReadyToComplete=True)
    desk.wait(LONG)
    assert desk.run("Get-MoveRequest", "ann").one["Status"] == "AutoSuspended"
    desk.run("Resume-MoveRequest", "ann")
    assert desk.run("Get-MoveRequest", "ann").one["Status"] == "CompletionInProgress"
    assert desk.quiet("Remove-MoveRequest", "ann").errors
    desk.wait(LONG)
    assert desk.ann.database == "DB02"


def test_a_move_completes_after_an_instant() -> None:
    desk = Desk()
    after = datetime.fromtimestamp(desk.now + 3600, UTC)
    desk.run("New-MoveRequest", "ann", CompleteAfter=after)
    desk.wait(3599)
    assert desk.run("Get-MoveRequest", "ann").one["Status"] == "AutoSuspended"
    desk.wait(1)
    assert desk.run("Get-MoveRequest", "ann").one["Status"] == "CompletionInProgress"
    desk.wait(LONG)
    assert desk.run("Get-MoveRequest", "ann").one["Status"] == "Completed"


def test_a_batch_is_made_started_completed_and_removed() -> None:
    desk = Desk()
    csv = b"EmailAddress\nann@corp.example\nbob@corp.example\n"
    made = desk.run("New-MigrationBatch", Name="Leavers", Local=True, CSVData=csv,
                    TargetDatabases=["DB02"]).one  # fmt: skip
    assert (made["Status"], made["TotalCount"]) == ("Created", 2)
    assert desk.run("New-MigrationBatch", Name="leavers", Local=True, CSVData=csv).errors
    assert desk.quiet("Complete-MigrationBatch", "Leavers").errors
    assert desk.run("Start-MigrationBatch", "Leavers").errors == []
    assert desk.run("Start-MigrationBatch", "Leavers").errors
    seen = desk.run("Get-MigrationBatch", "leavers").one
    assert (seen["Status"], seen["FailedCount"]) == ("Syncing", 1)  # bob is there already
    desk.wait(LONG)
    assert desk.run("Get-MigrationBatch").column("Status") == ["Synced"]
    assert desk.quiet("Complete-MigrationBatch", "Leavers").errors == []
    desk.wait(LONG)
    seen = desk.run("Get-MigrationBatch", "Leavers").one
    assert (seen["Status"], seen["FinalizedCount"]) == ("CompletedWithErrors", 1)
    assert desk.ann.database == "DB02"
    assert desk.quiet("Remove-MigrationBatch", "Leavers").errors == []
    assert desk.run("Get-MigrationBatch").objects == []


def test_a_batch_starts_and_completes_by_itself() -> None:
    desk = Desk()
    csv = list(b"EmailAddress\nann@corp.example\n")
    desk.run("New-MigrationBatch", Name="one", CSVData=csv, TargetDatabases="DB02",
             AutoStart=True, AutoComplete=True)  # fmt: skip
    desk.wait(LONG)
    assert desk.run("Get-MigrationBatch", "one").one["Status"] == "Completed"


@pytest.mark.parametrize(
    ("csv", "says"),
    [
        ("Mail\nann@corp.example\n", "required column"),
        ("EmailAddress\nmallory@corp.example\n", "mallory"),
    ],
)
def test_a_batch_s_file_is_looked_at(csv: str, says: str) -> None:
    desk = Desk()
    said = desk.run("New-MigrationBatch", Name="x", CSVData=csv.encode())
    assert says in said.errors[0].message
    assert desk.run("Get-MigrationBatch").objects == []


def test_statistics_of_one_of_a_database_and_of_a_server() -> None:
    desk = Desk()
    desk.signed_in()
    seen = desk.run("Get-MailboxStatistics", "ann").one
    assert seen["LastLogonTime"] == datetime.fromtimestamp(desk.now, UTC)
    assert seen["LastLoggedOnUserAccount"] == "CORP\\ann"
    assert desk.run("Get-MailboxStatistics", "bob").one["LastLogonTime"] is None
    assert len(desk.run("Get-MailboxStatistics", Database="DB01").objects) == 2
    assert len(desk.run("Get-MailboxStatistics", Server="EX02").objects) == 1
    assert desk.run("Get-MailboxStatistics", Server="EX99").errors


def test_live_logons_are_seen_in_2010() -> None:
    desk = Desk(Version.V2010)
    access = desk.signed_in()
    desk.org.sessions.open(access, pool=None, on_end=lambda _: None)
    seen = desk.run("Get-LogonStatistics", "ann").one
    assert seen["Windows2000Account"] == "CORP\\ann"
    assert seen["ApplicationId"] == f"Client={Protocol.IMAP.value.upper()}"
    assert desk.run("Get-LogonStatistics", "bob").objects == []


@pytest.mark.parametrize(
    ("version", "shown"), [(Version.V2010, "Version 14.3"), (Version.SE, "Version 15.2")]
)
def test_servers_and_databases(version: Version, shown: str) -> None:
    desk = Desk(version)
    servers = desk.run("Get-ExchangeServer")
    assert servers.column("Name") == ["EX01", "EX02"]
    assert str(servers.column("AdminDisplayVersion")[0]).startswith(shown)
    assert desk.run("Get-ExchangeServer", "ex02.corp.example").column("Fqdn") == [
        "ex02.corp.example"
    ]
    assert desk.run("Get-MailboxDatabase").column("Name") == ["DB01", "DB02"]
    assert desk.run("Get-MailboxDatabase", "db02", Status=True).one["Mounted"] is True
