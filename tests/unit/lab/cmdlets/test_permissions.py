# SPDX-License-Identifier: Apache-2.0
"""Full access, Send-As, folders."""

from __future__ import annotations

import pytest

from evict.lab.cmdlets.registry import PsObject
from evict.lab.model.mailbox import SELF, PermissionEntry
from evict.lab.model.profile import Version
from evict.lab.model.store import Access
from evict.lab.model.words import Denial, Denied, Principal, Protocol
from tests.unit.lab.cmdlets.desk import PASSWORD, Desk

FULL = {"AccessRights": ["FullAccess"]}


def test_who_may_open_a_mailbox() -> None:
    desk = Desk()
    shown = desk.run("Get-MailboxPermission", "ann")
    users = shown.column("User")
    assert users[0] == SELF
    assert {"CORP\\Exchange Servers", "CORP\\Exchange Trusted Subsystem"} <= set(users)
    own = shown.objects[0].properties
    assert own["AccessRights"] == ["FullAccess", "ReadPermission"]
    assert (own["IsInherited"], own["Deny"]) == (False, False)
    assert any(o.properties["IsInherited"] and o.properties["Deny"] for o in shown.objects)
    assert "CORP\\Exchange Servers" not in Desk(Version.V2010).run(
        "Get-MailboxPermission", "ann"
    ).column("User")


def test_the_owner_is_shut_out_and_let_in_again() -> None:
    desk = Desk(Version.V2010)
    assert desk.quiet("Remove-MailboxPermission", "ann", User="SELF", **FULL).outputs == []
    who = desk.org.sign_in_direct("ex01", Protocol.IMAP, "ann", PASSWORD)
    assert isinstance(who, Principal)
    denied = desk.org.enter("ex01", Protocol.IMAP, who)
    assert denied == Denied(Denial.NO_PERMISSION)
    assert desk.run("Get-MailboxPermission", "ann", User=SELF).column("AccessRights") == [
        ["ReadPermission"]
    ]
    back = {"User": SELF, "AccessRights": "FullAccess, ReadPermission"}
    added = desk.run("Add-MailboxPermission", "ann", **back)
    assert added.one["AccessRights"] == ["FullAccess", "ReadPermission"]
    assert isinstance(desk.org.enter("ex01", Protocol.IMAP, who), Access)


def test_an_entry_of_the_servers_is_taken_and_given_back() -> None:
    desk = Desk()
    name = "CORP\\Exchange Servers"
    desk.quiet("Remove-MailboxPermission", "ann", User=name, **FULL)
    assert not desk.ann.allows(name, "FullAccess")
    desk.run("Add-MailboxPermission", "ann", User="Exchange Servers", **FULL)
    assert desk.ann.allows(name, "FullAccess")


def test_an_inherited_entry_stays_with_a_warning() -> None:
    desk = Desk()
    before = list(desk.ann.acl)
    given = {"User": "Organization Management", "Deny": True, **FULL}
    said = desk.quiet("Remove-MailboxPermission", "ann", **given)
    assert "An inherited access control entry" in said.warnings[0]
    assert (said.errors, desk.ann.acl) == ([], before)


def test_a_delegate_is_let_in_once_and_out_once() -> None:
    desk = Desk()
    said = desk.run("Add-MailboxPermission", "ann", User="bob", AutoMapping=False, **FULL)
    assert said.errors == []
    assert said.one["User"] == "CORP\\bob"
    again = desk.run("Add-MailboxPermission", "ann", User="bob@corp.example", **FULL)
    assert "already present" in again.warnings[0]
    assert desk.run("Get-MailboxPermission", "ann", User="Bob Baker").column("User") == [
        "CORP\\bob"
    ]
    assert desk.quiet("Remove-MailboxPermission", "ann", User="bob", **FULL).warnings == []
    assert desk.run("Get-MailboxPermission", "ann", User="bob").objects == []
    gone = desk.quiet("Remove-MailboxPermission", "ann", User="bob", **FULL)
    assert "isn't present" in gone.warnings[0]


def test_a_denial_and_a_right_are_two_entries() -> None:
    desk = Desk()
    desk.run("Add-MailboxPermission", "ann", User="bob", **FULL)
    desk.run("Add-MailboxPermission", "ann", User="bob", Deny=True, **FULL)
    assert not desk.ann.allows("CORP\\bob", "FullAccess")
    desk.quiet("Remove-MailboxPermission", "ann", User="bob", Deny=None, **FULL)
    assert desk.ann.allows("CORP\\bob", "FullAccess")


def test_what_a_deleted_account_left_can_be_taken_away() -> None:
    desk = Desk()
    sid = "S-1-5-21-1-2-3-1234"
    desk.ann.acl.append(PermissionEntry(user=sid, rights=("FullAccess",)))
    assert desk.quiet("Remove-MailboxPermission", "ann", User=sid, **FULL).outputs == []
    said = desk.quiet("Remove-MailboxPermission", "ann", User=sid, **FULL)
    assert said.errors[0].reason == "ManagementObjectNotFoundException"
    assert "wasn't found" in said.errors[0].message


def test_send_as_is_given_seen_and_taken() -> None:
    desk = Desk()
    given = {"User": "bob", "ExtendedRights": "send-as"}
    assert desk.run("Add-ADPermission", "Ann Archer", **given).one["User"] == "CORP\\bob"
    assert desk.ann.send_as == ["bob"]
    assert "already present" in desk.run("Add-ADPermission", "ann", **given).warnings[0]
    shown = desk.run("Get-ADPermission", "ann")
    assert shown.column("User") == [SELF, "CORP\\bob"]
    assert shown.column("ExtendedRights") == [["Send-As"], ["Send-As"]]
    assert desk.run("Get-ADPermission", "ann", User="nobody").objects == []
    assert desk.quiet("Remove-ADPermission", "ann", **given).outputs == []
    assert desk.ann.send_as == []
    assert "isn't present" in desk.quiet("Remove-ADPermission", "ann", **given).warnings[0]


def test_send_as_is_known_by_any_name_of_the_account() -> None:
    desk = Desk()
    desk.ann.send_as = ["bob@corp.example", "CORP\\nobody"]
    assert desk.run("Get-ADPermission", "ann", User="bob").column("User") == ["CORP\\bob"]
    desk.quiet("Remove-ADPermission", "ann", User="bob", ExtendedRights=["Send-As"])
    assert desk.ann.send_as == ["CORP\\nobody"]


def test_a_folder_s_list_has_everybody_in_it() -> None:
    desk = Desk()
    shown = desk.run("Get-MailboxFolderPermission", "ann:\\calendar")
    users = shown.column("User")
    assert [u.to_string for u in users if isinstance(u, PsObject)] == ["Default", "Anonymous"]
    assert shown.column("AccessRights") == [["AvailabilityOnly"], ["None"]]
    assert shown.column("FolderName") == ["Calendar", "Calendar"]
    top = desk.run("Get-MailboxFolderPermission", "corp.example/People/Ann Archer:\\")
    assert top.column("FolderName") == ["Top of Information Store"] * 2


@pytest.mark.parametrize("folder", ["Calendar", "Inbox", ""])
def test_a_right_in_a_folder_is_given_changed_and_taken(folder: str) -> None:
    desk = Desk()
    path = f"ann@corp.example:\\{folder}"
    desk.run("Add-MailboxFolderPermission", path, User="bob", AccessRights="Editor")
    assert desk.ann.folder_permissions[folder] == {"bob": ("Editor",)}
    seen = desk.run("Get-MailboxFolderPermission", path, User="bob@corp.example")
    user = seen.one["User"]
    assert isinstance(user, PsObject)
    assert (user.to_string, seen.one["AccessRights"]) == ("Bob Baker", ["Editor"])
    again = desk.run("Add-MailboxFolderPermission", path, User="bob", AccessRights="Editor")
    assert again.errors[0].reason == "UserAlreadyExistsInPermissionEntryException"
    desk.run(
        "Set-MailboxFolderPermission", path, User="bob", AccessRights="ReadItems,FolderVisible"
    )
    assert desk.ann.folder_permissions[folder] == {"bob": ("ReadItems", "FolderVisible")}
    assert desk.quiet("Remove-MailboxFolderPermission", path, User="bob").outputs == []
    gone = desk.quiet("Remove-MailboxFolderPermission", path, User="bob")
    assert gone.errors[0].reason == "UserNotFoundInPermissionEntryException"
    assert "no existing permission entry" in gone.errors[0].message


@pytest.mark.parametrize(
    ("path", "user", "reason"),
    [
        ("ann:\\Nowhere", "bob", "ManagementObjectNotFoundException"),
        ("mallory:\\Inbox", "bob", "ManagementObjectNotFoundException"),
        ("ann:\\Inbox", "mallory", "ManagementObjectNotFoundException"),
        ("ann:\\Inbox", "Default", "CannotRemoveSpecialUserException"),
    ],
)
def test_what_cannot_be_taken_from_a_folder(path: str, user: str, reason: str) -> None:
    said = Desk().quiet("Remove-MailboxFolderPermission", path, User=user)
    assert [e.reason for e in said.errors] == [reason]
