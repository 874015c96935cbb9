# SPDX-License-Identifier: Apache-2.0
"""Parameters, the common ones, and the pipeline."""

from __future__ import annotations

import pytest

from evict.lab.cmdlets.registry import CmdletError, Text
from evict.lab.model.profile import Version
from tests.unit.lab.cmdlets.desk import Desk

REFUSED = [
    ("Get-CASMailbox", (), {"Idendity": "ann"}, "NamedParameterNotFound", "'Idendity'"),
    ("Set-CASMailbox", ("ann",), {"MAPI": True}, "AmbiguousParameter", "-MAPIEnabled"),
    ("Set-CASMailbox", ("ann",), {"OWAEnabled": "no"}, "ParameterArgumentTransf", "Boolean"),
    ("Set-CASMailbox", ("ann",), {"OWAEnabled": None}, "ParameterArgumentValidation", "null"),
    ("Set-CASMailbox", (), {"OWAEnabled": False}, "MissingMandatoryParameter", "Identity"),
    ("Get-Mailbox", ("ann", "bob"), {}, "PositionalParameterNotFound", "'bob'"),
    ("Get-Mailbox", ("",), {}, "ParameterArgumentValidation", "empty"),
    ("Get-Mailbox", ("ann",), {"identity": "ann", "Identity": "x"}, "ParameterAlreadyBound", ""),
    ("Get-Mailbox", (), {"ResultSize": "many"}, "ParameterArgumentTransf", "Unlimited"),
    ("Get-Mailbox", (), {"WhatIf": True}, "NamedParameterNotFound", "'WhatIf'"),
    ("Enable-MailboxQuarantine", ("ann",), {"Duration": "soon"}, "ParameterArg", "TimeSpan"),
    ("Select-Object", (), {"First": "x"}, "ParameterArgumentTransf", "Int32"),
    ("Add-MailboxPermission", ("ann",), {"User": "bob", "AccessRights": "All"}, "Param", "'Acce"),
]


@pytest.mark.parametrize(("name", "words", "given", "error_id", "says"), REFUSED)
def test_what_does_not_bind_ends_the_pipeline(
    name: str, words: tuple[object, ...], given: dict[str, object], error_id: str, says: str
) -> None:
    with pytest.raises(CmdletError) as error:
        Desk().run(name, *words, **given)
    assert error.value.reason == "ParameterBindingException"
    assert error.value.error_id.startswith(error_id)
    assert error.value.error_id.endswith(f",{name}")
    assert says in error.value.message


@pytest.mark.parametrize(
    ("version", "name", "parameter", "there"),
    [
        (Version.V2010, "Set-CASMailbox", "MapiHttpEnabled", False),
        (Version.V2013, "Set-CASMailbox", "MapiHttpEnabled", True),
        (Version.V2010, "Set-CASMailbox", "OWAforDevicesEnabled", False),
        (Version.V2010, "Get-InboxRule", "IncludeHidden", False),
        (Version.V2013, "Get-InboxRule", "IncludeHidden", True),
        (Version.V2013, "Clear-MobileDevice", "AccountOnly", False),
        (Version.V2016, "Clear-MobileDevice", "AccountOnly", True),
        (Version.V2013, "Enable-MailboxQuarantine", "QuarantineReason", False),
        (Version.V2010, "New-MoveRequest", "CompleteAfter", False),
        (Version.SE, "Set-Mailbox", "AccountDisabled", False),
    ],
)
def test_a_parameter_is_there_in_its_versions(
    version: Version,
    name: str,
    parameter: str,
    there: bool,  # noqa: FBT001 - a column
) -> None:
    desk = Desk(version)
    cmdlet = desk.exchange.lookup(name)
    assert cmdlet is not None
    known = {p.name for p in desk.exchange.parameters(cmdlet, "admin")}
    assert (parameter in known) is there


def test_names_are_taken_in_any_case_with_their_dash_and_by_their_beginning() -> None:
    desk = Desk()
    list(desk.exchange.invoke("set-casmailbox", [("-ident:", "ann"), ("popen", 0)], caller="admin"))
    assert not desk.ann.features.pop3


@pytest.mark.parametrize("action", ["SilentlyContinue", "Ignore", 0])
def test_errors_that_nobody_wants_to_hear(action: object) -> None:
    assert Desk().run("Get-Mailbox", "mallory", ErrorAction=action).outputs == []


@pytest.mark.parametrize("action", ["Stop", 1])
def test_errors_that_end_the_pipeline(action: object) -> None:
    with pytest.raises(CmdletError, match="couldn't be found") as error:
        Desk().run("Get-Mailbox", "mallory", ea=action)
    assert error.value.terminating


def test_warnings_that_nobody_wants_to_hear() -> None:
    desk = Desk()
    assert desk.run("Set-CASMailbox", "ann", OWAEnabled=True).warnings
    said = desk.run("Set-CASMailbox", "ann", OWAEnabled=True, WarningAction="SilentlyContinue")
    assert said.outputs == []


def test_what_if_changes_nothing_and_says_what() -> None:
    desk = Desk()
    said = desk.run("Set-CASMailbox", "ann", OWAEnabled=False, WhatIf=None)
    assert desk.ann.features.owa
    assert "What if" in said.host[0]
    assert "corp.example/People/Ann Archer" in said.host[0]


def test_a_question_has_nobody_to_answer_it() -> None:
    desk = Desk()
    given = {"User": "NT AUTHORITY\\SELF", "AccessRights": "FullAccess"}
    with pytest.raises(CmdletError, match="does not support user interaction") as error:
        desk.run("Remove-MailboxPermission", "ann", **given)
    assert error.value.reason == "HostException"
    with pytest.raises(CmdletError, match="does not support user interaction"):
        desk.run("Set-CASMailbox", "ann", OWAEnabled=False, Confirm=True)
    assert desk.ann.features.owa
    assert desk.quiet("Remove-MailboxPermission", "ann", **given).outputs == []


def test_each_thing_of_the_pipeline_is_one_run_and_an_error_stops_none_of_the_others() -> None:
    desk = Desk()
    said = desk.piped(["ann", "mallory", Text("bob")], "Get-CASMailbox")
    assert said.column("SamAccountName") == ["ann", "bob"]
    assert len(said.errors) == 1


def test_objects_go_from_one_cmdlet_to_the_next() -> None:
    desk = Desk()
    boxes = desk.run("Get-Mailbox", "ann").objects
    desk.piped(boxes, "Set-CASMailbox", ImapEnabled=False)
    assert not desk.ann.features.imap
    desk.quiet("Add-MailboxPermission", "ann", User="bob", AccessRights="FullAccess")
    entries = desk.run("Get-MailboxPermission", "ann", User="bob").objects
    said = desk.piped(entries, "Remove-MailboxPermission", Confirm=False)
    assert (said.errors, said.warnings) == ([], [])
    assert not desk.ann.allows("CORP\\bob", "FullAccess")


def test_what_the_pipeline_brings_and_nothing_takes() -> None:
    desk = Desk()
    said = desk.piped(["ann"], "Get-Mailbox", Identity="bob")
    assert [e.error_id for e in said.errors] == ["InputObjectNotBound,Get-Mailbox"]


def test_select_measure_and_what_there_is() -> None:
    desk = Desk()
    boxes = desk.run("Get-Mailbox").objects
    assert len(desk.piped(boxes, "Select-Object", First=2).objects) == 2
    assert len(desk.piped(boxes, "Select-Object", Last=1).objects) == 1
    picked = desk.piped(boxes[:1], "Select-Object", Property=["alias", "Nothing"])
    assert picked.one == {"alias": "ann", "Nothing": None}
    expanded = desk.piped(boxes[:1], "Select-Object", ExpandProperty="EmailAddresses")
    assert expanded.texts == ["SMTP:ann@corp.example"]
    assert desk.piped(boxes, "Measure-Object").one == {"Count": 3}
    assert desk.run("Get-Command", "get-casm*").column("Name") == ["Get-CASMailbox"]
    assert desk.run("Get-Command", "Get-Nothing").errors[0].reason == "CommandNotFoundException"
    names = desk.as_("auditor", "Get-Command").column("Name")
    assert "Get-CASMailbox" in names
    assert "Set-CASMailbox" not in names
