# SPDX-License-Identifier: Apache-2.0
"""Get- and Set-Mailbox, Get- and Set-CASMailbox, identities."""

from __future__ import annotations

import uuid

import pytest

from evict.lab.cmdlets.registry import CmdletError, PsObject
from evict.lab.model.profile import Version
from tests.unit.lab.cmdlets.desk import PASSWORD, QUIET, Desk

NAMES = (
    "ann",
    "ANN",
    "Ann Archer",
    "ann@corp.example",
    "CORP\\ann",
    "corp.example/People/Ann Archer",
    "CN=Ann Archer,OU=People,DC=corp,DC=example",
)


@pytest.mark.parametrize("name", NAMES)
def test_a_mailbox_has_many_names(name: str) -> None:
    assert Desk().run("Get-Mailbox", name).one["Alias"] == "ann"


def test_a_mailbox_is_known_by_both_its_ids_and_by_its_object() -> None:
    desk = Desk()
    shown = desk.run("Get-Mailbox", "ann").objects[0]
    for key in ("Guid", "ExchangeGuid"):
        value = shown.properties[key]
        assert isinstance(value, uuid.UUID)
        assert desk.run("Get-Mailbox", str(value)).one["Alias"] == "ann"
        assert desk.run("Get-Mailbox", f"{{{value}}}").one["Alias"] == "ann"
    assert desk.run("Get-Mailbox", shown).one["Alias"] == "ann"


def test_two_of_one_name_are_told_apart_by_another() -> None:
    desk = Desk()
    desk.org.add_person("ann2", "Ann Archer", PASSWORD, "DB01")
    said = desk.run("Get-CASMailbox", "Ann Archer")
    assert [e.reason for e in said.errors] == ["ManagementObjectAmbiguousException"]
    assert desk.run("Get-CASMailbox", "ann2").one["SamAccountName"] == "ann2"


def test_all_some_and_as_many_as_wanted() -> None:
    desk = Desk()
    assert desk.run("Get-Mailbox").column("Alias") == ["ann", "bob", "nobody"]
    assert desk.run("Get-Mailbox", "*o*").column("Alias") == ["bob", "nobody"]
    assert desk.run("Get-Mailbox", Database="DB02").column("Alias") == ["bob"]
    said = desk.run("Get-Mailbox", ResultSize=2)
    assert len(said.objects) == 2
    assert "more results" in said.warnings[0]
    assert desk.run("Get-Mailbox", ResultSize="Unlimited").warnings == []


def test_what_is_shown_of_a_mailbox() -> None:
    desk = Desk()
    shown = desk.run("Get-Mailbox", "ann").objects[0]
    assert shown.type_names[0] == "Microsoft.Exchange.Data.Directory.Management.Mailbox"
    own = shown.properties
    identity = own["Identity"]
    assert isinstance(identity, PsObject)
    assert identity.to_string == "corp.example/People/Ann Archer"
    assert identity.type_names[0] == "Microsoft.Exchange.Data.Directory.ADObjectId"
    database = own["Database"]
    assert isinstance(database, PsObject)
    assert database.to_string == "DB01"
    assert (own["ArchiveDatabase"], own["ForwardingAddress"]) == (None, None)
    desk.org.admin.add_archive("ann", "DB02", str(uuid.uuid4()))
    assert desk.run("Get-Mailbox", Archive=True).column("Alias") == ["ann"]


def test_forwarding_goes_to_one_of_us_or_outside_and_both_are_cleared() -> None:
    desk = Desk()
    desk.run("Set-Mailbox", "ann", ForwardingAddress="Bob Baker", DeliverToMailboxAndForward=True)
    desk.run("Set-Mailbox", "ann", ForwardingSmtpAddress="smtp:me@home.example")
    own = desk.run("Get-Mailbox", "ann").one
    forward = own["ForwardingAddress"]
    assert isinstance(forward, PsObject)
    assert forward.to_string == "corp.example/People/Bob Baker"
    assert own["ForwardingSmtpAddress"] == "smtp:me@home.example"
    assert own["DeliverToMailboxAndForward"] is True
    desk.org.deliver("x@out.example", "ann@corp.example", "hello", "")
    assert [m.subject for m in desk.bob.messages["Inbox"]] == ["hello"]
    cleared = {"ForwardingAddress": None, "ForwardingSmtpAddress": None}
    desk.run("Set-Mailbox", "ann", **cleared, DeliverToMailboxAndForward=False)
    assert (desk.ann.forwarding_address, desk.ann.forwarding_smtp_address) == (None, None)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"ForwardingAddress": "mallory"}, "ManagementObjectNotFoundException"),
        ({"ForwardingSmtpAddress": "nowhere"}, "TaskInvalidOperationException"),
        ({"GrantSendOnBehalfTo": ["mallory"]}, "ManagementObjectNotFoundException"),
    ],
)
def test_what_set_mailbox_refuses(given: dict[str, object], reason: str) -> None:
    desk = Desk()
    said = desk.run("Set-Mailbox", "ann", **given)
    assert [e.reason for e in said.errors] == [reason]
    assert desk.ann.forwarding_address is None


def test_send_on_behalf_is_added_to_taken_from_and_replaced() -> None:
    desk = Desk()
    desk.run("Set-Mailbox", "ann", GrantSendOnBehalfTo={"Add": "bob"})
    assert desk.ann.send_on_behalf == ["bob"]
    shown = desk.run("Get-Mailbox", "ann").one["GrantSendOnBehalfTo"]
    assert [str(o.to_string) for o in shown] == ["corp.example/People/Bob Baker"]  # type: ignore[attr-defined]
    again = desk.run("Set-Mailbox", "ann", GrantSendOnBehalfTo={"Add": "bob@corp.example"})
    assert "no settings of" in again.warnings[0]
    desk.run("Set-Mailbox", "ann", GrantSendOnBehalfTo=["nobody", shown[0]])  # type: ignore[index]
    assert desk.ann.send_on_behalf == ["nobody", "bob"]
    desk.run("Set-Mailbox", "ann", GrantSendOnBehalfTo={"Remove": ["Bob Baker", "CORP\\nobody"]})
    assert desk.ann.send_on_behalf == []
    desk.ann.send_on_behalf = ["bob"]
    desk.run("Set-Mailbox", "ann", GrantSendOnBehalfTo=None)
    assert desk.ann.send_on_behalf == []


def test_other_settings_are_kept_as_they_were_written() -> None:
    desk = Desk()
    assert desk.run("Set-Mailbox", "ann", HiddenFromAddressListsEnabled=True).warnings == []
    assert desk.run("Get-Mailbox", "ann").one["HiddenFromAddressListsEnabled"] is True
    assert desk.run("Set-Mailbox", "ann", HiddenFromAddressListsEnabled=True).warnings


FLAGS = {
    "OWAEnabled": "owa",
    "ECPEnabled": "ecp",
    "ActiveSyncEnabled": "activesync",
    "EwsEnabled": "ews",
    "MAPIEnabled": "mapi",
    "ImapEnabled": "imap",
    "PopEnabled": "pop3",
    "OWAforDevicesEnabled": "owa_for_devices",
    "EwsAllowOutlook": "ews_allow_outlook",
}


@pytest.mark.parametrize("flag", sorted(FLAGS))
def test_a_feature_is_switched_off_and_on(flag: str) -> None:
    desk = Desk()
    assert desk.run("Set-CASMailbox", "ann", **{flag: False}).outputs == []
    assert getattr(desk.ann.features, FLAGS[flag]) is False
    assert desk.run("Get-CASMailbox", "ann").one[flag] is False
    again = desk.run("Set-CASMailbox", "ann", **{flag: False})
    [warning] = again.warnings
    assert "no settings of 'corp.example/People/Ann Archer' have been modified" in warning
    desk.run("Set-CASMailbox", "ann", **{flag: True})
    assert desk.run("Get-CASMailbox", "ann").one[flag] is True


@pytest.mark.parametrize("flag", ["EwsEnabled", "MapiHttpEnabled", "EwsAllowOutlook"])
def test_what_is_left_to_the_organisation_is_nothing_and_goes_back_to_it(flag: str) -> None:
    desk = Desk()
    assert desk.run("Get-CASMailbox", "ann").one[flag] is None
    desk.run("Set-CASMailbox", "ann", **{flag: False})
    desk.run("Set-CASMailbox", "ann", **{flag: None})
    assert desk.run("Get-CASMailbox", "ann").one[flag] is None
    assert desk.ann.features.ews


def test_2010_shows_what_it_has() -> None:
    shown = Desk(Version.V2010).run("Get-CASMailbox", "ann").one
    assert "MapiHttpEnabled" not in shown
    assert "OWAforDevicesEnabled" not in shown
    assert shown["MAPIBlockOutlookRpcHttp"] is False


def test_device_ids_are_blocked_and_allowed() -> None:
    desk = Desk()
    desk.run("Set-CASMailbox", "ann", ActiveSyncBlockedDeviceIDs=["A", "B"])
    desk.run("Set-CASMailbox", "ann", ActiveSyncBlockedDeviceIDs={"Add": "C", "Remove": "a"})
    assert desk.ann.blocked_devices == ["B", "C"]
    assert desk.run("Get-CASMailbox", "ann").one["ActiveSyncBlockedDeviceIDs"] == ["B", "C"]
    assert desk.run("Set-CASMailbox", "ann", ActiveSyncBlockedDeviceIDs=("B", "C")).warnings
    desk.run("Set-CASMailbox", "ann", ActiveSyncAllowedDeviceIDs="X")
    assert desk.ann.allowed_devices == ["X"]


def test_out_of_the_write_scope_access_is_denied_and_reading_is_not() -> None:
    desk = Desk()
    desk.exchange.confine("Recipient Management", "OU=Elsewhere,DC=corp,DC=example")
    said = desk.as_("helpdesk", "Set-CASMailbox", "ann", OWAEnabled=False)
    assert [e.category for e in said.errors] == ["PermissionDenied"]
    assert "isn't within your current write scopes" in said.errors[0].message
    assert desk.ann.features.owa
    assert desk.as_("helpdesk", "Get-CASMailbox", "ann").objects
    more = {"User": "bob", "AccessRights": "FullAccess"}
    assert desk.as_("helpdesk", "Remove-MailboxPermission", "ann", **more, **QUIET).errors
    assert desk.run("Set-CASMailbox", "ann", OWAEnabled=False).errors == []


def test_view_only_cannot_write() -> None:
    with pytest.raises(CmdletError, match="'Set-CASMailbox' is not recognized"):
        Desk().as_("auditor", "Set-CASMailbox", "ann", OWAEnabled=False)
