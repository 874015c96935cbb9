# SPDX-License-Identifier: Apache-2.0
"""Phones, inbox rules, published calendars, unified messaging, roles."""

from __future__ import annotations

import pytest

from evict.lab.cmdlets.assignments import IMPERSONATION
from evict.lab.cmdlets.registry import CmdletError, PsObject
from evict.lab.cmdlets.state import state_of
from evict.lab.model.mailbox import InboxRule
from evict.lab.model.profile import Version
from tests.unit.lab.cmdlets.desk import Desk


def acts(rule: InboxRule) -> bool:
    return rule.enabled


@pytest.mark.parametrize(
    ("version", "noun"), [(Version.V2010, "ActiveSyncDevice"), (Version.SE, "MobileDevice")]
)
def test_a_partnership_is_seen_under_its_version_s_name_and_removed(
    version: Version, noun: str
) -> None:
    desk = Desk(version)
    desk.phone(desk.ann)
    desk.phone(desk.bob, "XYZ")
    seen = desk.run(f"Get-{noun}", Mailbox="ann").one
    identity = seen["Identity"]
    assert isinstance(identity, PsObject)
    folder = "ExchangeActiveSyncDevices"
    assert identity.to_string == f"corp.example/People/Ann Archer/{folder}/iPhone\u00a7ABC123"
    assert (seen["DeviceId"], seen["DeviceAccessState"]) == ("ABC123", "Allowed")
    assert len(desk.run(f"Get-{noun}").objects) == 2
    assert desk.quiet(f"Remove-{noun}", identity.to_string).errors == []
    assert desk.ann.devices == {}
    assert desk.quiet(f"Remove-{noun}", identity.to_string).errors


@pytest.mark.parametrize("key", ["DeviceId", "Guid", "Identity", "DistinguishedName"])
def test_a_device_has_several_names(key: str) -> None:
    desk = Desk()
    desk.phone(desk.ann)
    value = desk.run("Get-MobileDevice", Mailbox="ann").one[key]
    assert desk.run("Get-MobileDevice", value).one["DeviceId"] == "ABC123"


def test_a_phone_that_two_people_have_is_not_one() -> None:
    desk = Desk()
    desk.phone(desk.ann)
    desk.phone(desk.bob)
    said = desk.quiet("Clear-MobileDevice", "ABC123")
    assert [e.reason for e in said.errors] == ["ManagementObjectAmbiguousException"]


def test_a_wipe_is_ordered_seen_in_the_statistics_and_cancelled() -> None:
    desk = Desk()
    device = desk.phone(desk.ann)
    desk.quiet("Clear-MobileDevice", "ABC123", AccountOnly=True)
    assert device.wipe == "pending"
    seen = desk.run("Get-MobileDeviceStatistics", Mailbox="ann").one
    assert seen["DeviceWipeRequestTime"] is not None
    assert (seen["DeviceWipeAckTime"], seen["Status"]) == (None, "AccountOnlyDeviceWipePending")
    assert seen["LastDeviceWipeRequestor"] == "admin@corp.example"
    assert "DeviceWipeRequestTime" not in desk.run("Get-MobileDevice", Mailbox="ann").one
    desk.quiet("Clear-MobileDevice", "ABC123", Cancel=None)
    assert device.wipe == ""
    assert desk.run("Get-MobileDeviceStatistics", Mailbox="ann").one["Status"] == "DeviceOk"


def test_a_wipe_that_was_taken_cannot_be_cancelled() -> None:
    desk = Desk()
    device = desk.phone(desk.ann)
    desk.quiet("Clear-MobileDevice", "ABC123", AccountOnly=True)
    assert desk.org.mobile.acknowledge_wipe(desk.ann, "ABC123")
    seen = desk.run("Get-MobileDeviceStatistics", "ABC123").one
    assert seen["DeviceWipeAckTime"] is not None
    said = desk.quiet("Clear-MobileDevice", "ABC123", Cancel=True)
    assert "can't be canceled" in said.errors[0].message
    assert device.wipe == "acknowledged"


def test_a_whole_phone_is_wiped_where_nothing_else_was_asked() -> None:
    desk = Desk(Version.V2013)
    device = desk.phone(desk.ann)
    desk.quiet("Clear-MobileDevice", "ABC123")
    assert device.wipe == "pending"
    assert desk.run("Get-MobileDeviceStatistics", "ABC123").one["Status"] == "DeviceWipePending"


def test_rules_are_shown_hidden_ones_when_asked_for() -> None:
    desk = Desk()
    desk.rule(desk.ann, "to me")
    desk.rule(desk.ann, "hidden", hidden=True)
    assert desk.run("Get-InboxRule", Mailbox="ann").column("Name") == ["to me"]
    every = desk.run("Get-InboxRule", Mailbox="ann", IncludeHidden=True)
    assert every.column("Name") == ["to me", "hidden"]
    assert every.column("RedirectTo") == [['"spy@evil.example" [SMTP:spy@evil.example]']] * 2
    assert desk.piped(["ann"], "Get-InboxRule").column("Priority") == [1]


@pytest.mark.parametrize("name", ["to me", "100", "corp.example/People/Ann Archer\\100"])
def test_a_rule_is_disabled_and_enabled(name: str) -> None:
    desk = Desk()
    rule = desk.rule(desk.ann, "to me")
    assert desk.quiet("Disable-InboxRule", name, Mailbox="ann").outputs == []
    assert not acts(rule)
    assert desk.run("Enable-InboxRule", name, Mailbox="ann").outputs == []
    assert acts(rule)
    desk.quiet("Remove-InboxRule", name, Mailbox="ann")
    assert desk.ann.rules == []


def test_a_rule_names_its_mailbox_itself() -> None:
    desk = Desk()
    rule = desk.rule(desk.ann, "to me")
    identity = desk.run("Get-InboxRule", Mailbox="ann").one["Identity"]
    desk.quiet("Disable-InboxRule", identity)
    assert not acts(rule)


def test_outlook_s_own_rules_are_asked_about() -> None:
    desk = Desk()
    rule = desk.rule(desk.ann, "to me")
    desk.ann.outlook_rules_blob = True
    with pytest.raises(CmdletError, match="does not support user interaction"):
        desk.quiet("Disable-InboxRule", "to me", Mailbox="ann")
    assert acts(rule)
    given = {"Mailbox": "ann", "AlwaysDeleteOutlookRulesBlob": True}
    assert desk.quiet("Disable-InboxRule", "to me", **given).errors == []
    assert not acts(rule)
    assert desk.ann.outlook_rules_blob is not True


def test_two_rules_of_one_name() -> None:
    desk = Desk()
    desk.rule(desk.ann, "twice")
    desk.rule(desk.ann, "twice")
    said = desk.quiet("Disable-InboxRule", "twice", Mailbox="ann")
    assert [e.reason for e in said.errors] == ["ManagementObjectAmbiguousException"]


def test_a_calendar_is_published_and_no_more_and_its_address_is_renewed() -> None:
    desk = Desk()
    path = "ann:\\Calendar"
    assert desk.run("Get-MailboxCalendarFolder", path).one["PublishedCalendarUrl"] is None
    desk.run("Set-MailboxCalendarFolder", path, PublishEnabled=True, DetailLevel="fulldetails")
    seen = desk.run("Get-MailboxCalendarFolder", path).one
    assert (seen["PublishEnabled"], seen["DetailLevel"]) == (True, "FullDetails")
    first = seen["PublishedCalendarUrl"]
    assert str(first).endswith("/calendar.html")
    assert str(seen["PublishedICalUrl"]).endswith("/calendar.ics")
    desk.run("Set-MailboxCalendarFolder", path, PublishEnabled=False)
    assert not desk.ann.calendar.enabled
    assert desk.run("Set-MailboxCalendarFolder", path, PublishEnabled=False).warnings
    desk.run("Set-MailboxCalendarFolder", path, PublishEnabled=True, ResetUrl=True)
    assert desk.run("Get-MailboxCalendarFolder", path).one["PublishedCalendarUrl"] != first


def test_what_is_no_calendar() -> None:
    desk = Desk()
    assert (
        "isn't a calendar" in desk.run("Get-MailboxCalendarFolder", "ann:\\Inbox").errors[0].message
    )
    said = desk.run("Set-MailboxCalendarFolder", "ann:\\Calendar", DetailLevel="Everything")
    assert said.errors[0].reason == "TaskInvalidOperationException"


def test_unified_messaging_is_off_and_its_pin_locked() -> None:
    desk = Desk(Version.V2016)
    assert "isn't enabled" in desk.run("Get-UMMailbox", "ann").errors[0].message
    desk.ann.um_enabled = True
    assert desk.run("Get-UMMailbox").column("DisplayName") == ["Ann Archer"]
    assert desk.run("Get-UMMailboxPIN", "ann").one["LockedOut"] is False
    desk.run("Set-UMMailboxPIN", "ann", LockedOut=True)
    assert desk.run("Get-UMMailboxPIN", "ann").one["LockedOut"] is True
    desk.quiet("Disable-UMMailbox", "ann", KeepProperties=True)
    assert not desk.ann.um_enabled


def test_roles_and_who_may_impersonate() -> None:
    desk = Desk()
    state_of(desk.org).impersonators.append("bob")
    held = desk.run("Get-ManagementRoleAssignment", Role=IMPERSONATION)
    assert held.column("RoleAssigneeName") == ["Bob Baker"]
    assert desk.run("Get-ManagementRoleAssignment", RoleAssignee="bob").column("Name") == [
        f"{IMPERSONATION}-Bob Baker"
    ]
    groups = desk.run("Get-ManagementRoleAssignment", RoleAssignee="helpdesk")
    assert set(groups.column("RoleAssigneeName")) == {"Recipient Management"}
    assert desk.run("Get-ManagementRoleAssignment", RoleAssignee="mallory").errors
    desk.quiet("Remove-ManagementRoleAssignment", f"{IMPERSONATION}-Bob Baker")
    assert state_of(desk.org).impersonators == []
    assert desk.quiet("Remove-ManagementRoleAssignment", f"{IMPERSONATION}-Bob Baker").errors
