# SPDX-License-Identifier: Apache-2.0
"""What holds of every cmdlet: versions, roles, identities that nobody has."""

from __future__ import annotations

import pytest

from evict.lab.cmdlets.registry import CmdletError
from evict.lab.cmdlets.roles import SERVER
from evict.lab.cmdlets.shells import EXCHANGE, SERVERS
from evict.lab.model.profile import Version
from tests.unit.lab.cmdlets.desk import QUIET, Desk

ONLY_2010 = {
    "Get-ActiveSyncDevice",
    "Get-ActiveSyncDeviceStatistics",
    "Remove-ActiveSyncDevice",
    "Clear-ActiveSyncDevice",
    "Get-LogonStatistics",
}
SINCE_2013 = {
    "Get-MobileDevice",
    "Get-MobileDeviceStatistics",
    "Remove-MobileDevice",
    "Clear-MobileDevice",
    "Enable-MailboxQuarantine",
    "Disable-MailboxQuarantine",
    "New-MigrationBatch",
    "Start-MigrationBatch",
    "Get-MigrationBatch",
    "Complete-MigrationBatch",
    "Remove-MigrationBatch",
}
UNTIL_2016 = {"Get-UMMailbox", "Disable-UMMailbox", "Get-UMMailboxPIN", "Set-UMMailboxPIN"}
OWN = {
    "Get-ADPermission",
    "Add-ADPermission",
    "Remove-ADPermission",
    "Enable-MailboxQuarantine",
    "Disable-MailboxQuarantine",
    "Get-ManagementRoleAssignment",
    "Remove-ManagementRoleAssignment",
}
GENERAL = {"Get-Command", "Select-Object", "Measure-Object"}
ALL = {cmdlet.name for cmdlet in EXCHANGE}

GIVEN: dict[str, dict[str, object]] = {
    "Add-MailboxPermission": {"User": "bob", "AccessRights": "FullAccess"},
    "Remove-MailboxPermission": {"User": "bob", "AccessRights": "FullAccess"},
    "Add-ADPermission": {"User": "bob", "ExtendedRights": "Send-As"},
    "Remove-ADPermission": {"User": "bob", "ExtendedRights": "Send-As"},
    "Add-MailboxFolderPermission": {"User": "bob", "AccessRights": "Editor"},
    "Set-MailboxFolderPermission": {"User": "bob", "AccessRights": "Editor"},
    "Remove-MailboxFolderPermission": {"User": "bob"},
    "Get-InboxRule": {"Mailbox": "ann"},
    "Enable-InboxRule": {"Mailbox": "ann"},
    "Disable-InboxRule": {"Mailbox": "ann"},
    "Remove-InboxRule": {"Mailbox": "ann"},
}
"""What a cmdlet wants beside an identity."""


@pytest.mark.parametrize("version", [v for v in Version if v.order >= Version.V2010.order])
def test_a_version_has_its_own_cmdlets_and_no_others(version: Version) -> None:
    missing = set()
    if version is Version.V2010:
        missing |= SINCE_2013
    else:
        missing |= ONLY_2010
    if version.order > Version.V2016.order:
        missing |= UNTIL_2016
    desk = Desk(version)
    assert set(desk.exchange.commands("admin")) == ALL - missing
    for name in missing:
        with pytest.raises(CmdletError, match="is not recognized as the name of a cmdlet") as error:
            desk.run(name, "ann")
        assert error.value.reason == "CommandNotFoundException"
        assert error.value.terminating


def test_roles_decide_which_cmdlets_exist() -> None:
    desk = Desk()
    mine = set(desk.exchange.commands("admin"))
    view = {n for n in mine if n.startswith("Get-")} | GENERAL
    assert set(desk.exchange.commands("helpdesk")) == mine - OWN
    assert set(desk.exchange.commands("auditor")) == view
    assert set(desk.exchange.commands("nobody")) == GENERAL
    assert set(desk.exchange.commands("who is that")) == GENERAL


@pytest.mark.parametrize("name", sorted(ALL - GENERAL))
def test_without_a_role_it_is_not_there(name: str) -> None:
    version = Version.V2010 if name in ONLY_2010 else Version.V2016
    desk = Desk(version)
    with pytest.raises(CmdletError) as error:
        desk.as_("nobody", name, "ann")
    assert error.value.reason == "CommandNotFoundException"
    assert error.value.category == "ObjectNotFound"


def test_a_disabled_administrator_has_no_role() -> None:
    desk = Desk()
    desk.org.directory.disable("admin")
    assert set(desk.exchange.commands("admin")) == GENERAL
    assert not desk.server.admits("admin")


WITH_IDENTITY = sorted(
    c.name
    for c in EXCHANGE
    if c.name not in GENERAL
    and any(p.name == "Identity" for p in c.parameters)
    and c.name != "Get-ManagementRoleAssignment"
)


@pytest.mark.parametrize("name", WITH_IDENTITY)
def test_an_unknown_identity_is_an_error_that_ends_nothing(name: str) -> None:
    desk = Desk(Version.V2010 if name in ONLY_2010 else Version.V2016)
    more = GIVEN.get(name, {}) | ({} if name.startswith("Get-") else QUIET)
    said = desk.run(name, Identity="mallory", **more)
    assert said.objects == []
    assert [e.reason for e in said.errors] == ["ManagementObjectNotFoundException"]
    error = said.errors[0]
    assert "couldn't" in error.message.lower()
    assert "mallory" in error.message
    assert not error.terminating
    assert error.error_id.startswith("[Server=EX01]")
    assert error.error_id.endswith(f",{name}")
    assert error.type_names[-1] == "System.Object"


@pytest.mark.parametrize("name", [n for n in WITH_IDENTITY if not n.startswith("Get-")])
def test_what_removes_something_asks_and_nobody_is_there_to_answer(name: str) -> None:
    cmdlet = next(c for c in EXCHANGE if c.name == name)
    named = name.startswith(("Remove-", "Clear-", "Disable-")) or name == "Complete-MigrationBatch"
    assert cmdlet.confirms is named


@pytest.mark.parametrize("name", sorted(c.name for c in SERVERS if c.name not in GENERAL))
def test_a_server_s_shell_is_for_its_administrators(name: str) -> None:
    desk = Desk()
    cmdlet = desk.server.lookup(name)
    assert cmdlet is not None
    assert cmdlet.roles == SERVER
    with pytest.raises(CmdletError, match="is not recognized"):
        list(desk.server.invoke(name, [], caller="helpdesk"))


def test_who_comes_into_which_shell() -> None:
    desk = Desk()
    assert desk.server.admits("admin")
    assert not desk.server.admits("helpdesk")
    assert not desk.server.admits("nobody")
    assert desk.exchange.admits("nobody")


def test_a_role_may_hold_some_parameters_of_a_cmdlet() -> None:
    desk = Desk()
    desk.exchange.restrict("Recipient Management", "Set-CASMailbox", ["Identity", "ImapEnabled"])
    desk.exchange.restrict("Recipient Management", "Set-Mailbox")
    assert desk.as_("helpdesk", "Set-CASMailbox", "ann", ImapEnabled=False).errors == []
    with pytest.raises(CmdletError, match="'OWAEnabled'") as error:
        desk.as_("helpdesk", "Set-CASMailbox", "ann", OWAEnabled=False)
    assert error.value.error_id == "NamedParameterNotFound,Set-CASMailbox"
    assert "Set-Mailbox" not in desk.exchange.commands("helpdesk")
    with pytest.raises(CmdletError, match="is not recognized"):
        desk.as_("helpdesk", "Set-Mailbox", "ann", ForwardingAddress=None)
    assert desk.run("Set-CASMailbox", "ann", OWAEnabled=False).errors == []
    desk.org.directory.accounts["helpdesk"].groups.append("Organization Management")
    assert desk.as_("helpdesk", "Set-CASMailbox", "ann", OWAEnabled=True).errors == []
