# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import UTC, datetime
from queue import Queue

import pytest
from pypsrp.complex_objects import GenericComplexObject

from evict.core.errors import AccessRefused, RemoteProtocolError, Unsupported
from evict.systems.exchange.results import TEXT, Command, Fault, Result, check, done, found, top

LOST = Fault(text="object 'x' couldn't be found on 'dc1'", reason="")
UNKNOWN = Fault(
    text="The term 'Get-MobileDevice' is not recognized", reason="CommandNotFoundException"
)
PARAMETER = Fault(
    text="A parameter cannot be found that matches parameter name 'IncludeHidden'.",
    reason="ParameterBindingException",
    code="NamedParameterNotFound,Get-InboxRule",
)


def checked(fault: Fault, version: str, name: str, **parameters: object) -> None:
    command = Command(name=name, parameters=parameters)
    check(Result(errors=(fault,)), [command], system="exchange", version=version)


def test_a_cmdlet_that_the_version_has_is_missing_from_our_roles() -> None:
    with pytest.raises(AccessRefused, match="no role of the service account holds Get-Mob"):
        checked(UNKNOWN, "2019", "Get-MobileDevice")
    with pytest.raises(Unsupported, match="Exchange 2010 has no Get-MobileDevice"):
        checked(UNKNOWN, "2010", "Get-MobileDevice")


def test_a_parameter_is_told_apart_in_the_same_way() -> None:
    with pytest.raises(AccessRefused, match="-IncludeHidden of Get-InboxRule"):
        checked(PARAMETER, "2013", "Get-InboxRule", Mailbox="x", IncludeHidden=True)
    with pytest.raises(Unsupported, match="2010 has no -IncludeHidden"):
        checked(PARAMETER, "2010", "Get-InboxRule", Mailbox="x", IncludeHidden=True)


def test_a_scope_that_does_not_reach_the_mailbox_is_a_refusal() -> None:
    fault = Fault(text="'Ann' isn't within your current write scopes.", reason="InvalidOperation")
    with pytest.raises(AccessRefused, match="write scopes"):
        checked(fault, "2019", "Set-Mailbox")


def test_what_is_not_there_is_an_answer_of_a_look_and_an_error_of_a_write() -> None:
    result = Result(errors=(LOST,))
    checked(LOST, "2019", "Get-Mailbox")
    assert found(result, "exchange") == ()
    with pytest.raises(RemoteProtocolError, match="couldn't be found"):
        done(result, "exchange")


def test_objects_become_plain_values() -> None:
    inner = GenericComplexObject()
    inner.to_string = "corp.example/Users/Ann"
    inner.adapted_properties = {"Name": "Ann"}
    bare = GenericComplexObject()
    bare.adapted_properties = {"Count": 1}
    queue: Queue[object] = Queue()
    queue.put("a")
    outer = GenericComplexObject()
    outer.to_string = "Ann"
    outer.adapted_properties = {
        "Identity": inner,
        "List": ["x", inner],
        "Bare": bare,
        "Queue": queue,
        "At": datetime(2026, 11, 24, tzinfo=UTC),
        "Nothing": None,
    }
    outer.extended_properties = {"PSComputerName": "ex01"}
    assert top(outer) == {
        "Identity": "corp.example/Users/Ann",
        "List": ("x", "corp.example/Users/Ann"),
        "Bare": {"Count": 1},
        "Queue": ("a",),
        "At": datetime(2026, 11, 24, tzinfo=UTC),
        "Nothing": None,
        "PSComputerName": "ex01",
        TEXT: "Ann",
    }
    assert top("a line") == {TEXT: "a line"}


@pytest.mark.parametrize(
    ("name", "writes"),
    [("Get-Mailbox", False), ("Select-String", False), ("Set-Mailbox", True), ("iisreset", True)],
)
def test_a_verb_says_whether_it_writes(name: str, *, writes: bool) -> None:
    assert Command(name=name).writes is writes
