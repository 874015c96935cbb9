# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from evict.lab.model.mailbox import InboxRule
from evict.lab.model.words import Denial, Denied, Protocol
from tests.unit.lab.model.made import Estate, denial


@pytest.mark.parametrize("hidden", [False, True])
def test_a_rule_sends_on_whatever_arrives_hidden_or_not(hidden: bool) -> None:  # noqa: FBT001 - a parameter of the case
    estate = Estate()
    rule = InboxRule("1", "out", hidden=hidden, redirect_to=("me@elsewhere.example",))
    estate.org.mailboxes["alice"].rules.append(rule)
    estate.org.directory.disable("alice")
    estate.org.deliver("x@outside.example", "alice@corp.example", "offer", "secret")
    assert [m.subject for m in estate.org.mail.outside] == ["offer"]
    rule.enabled = False
    estate.org.deliver("x@outside.example", "alice@corp.example", "offer 2", "secret")
    assert len(estate.org.mail.outside) == 1


def test_of_two_forwarding_attributes_the_internal_one_wins() -> None:
    estate = Estate()
    box = estate.org.mailboxes["alice"]
    box.forwarding_smtp_address = "me@elsewhere.example"
    box.forwarding_address = "bob@corp.example"
    estate.org.deliver("x@outside.example", "alice@corp.example", "offer", "x")
    assert not estate.org.mail.outside
    assert [m.subject for m in estate.org.mailboxes["bob"].messages["Inbox"]] == ["offer"]
    assert box.messages["Inbox"] == []


def test_two_mailboxes_that_forward_to_each_other_come_to_an_end() -> None:
    estate = Estate()
    for one, other in (("alice", "bob"), ("bob", "alice")):
        box = estate.org.mailboxes[one]
        box.forwarding_address, box.deliver_and_forward = f"{other}@corp.example", True
    estate.org.deliver("x@outside.example", "alice@corp.example", "loop", "x")
    assert len(estate.org.mailboxes["alice"].messages["Inbox"]) < 10


def test_sending_as_somebody_needs_that_somebodys_grant() -> None:
    estate = Estate()
    refused = estate.org.submit("alice", ["x@y.example"], "s", "b", send_as="bob@corp.example")
    assert isinstance(refused, Denied)
    estate.org.mailboxes["bob"].send_as.append("alice")
    sent = estate.org.submit("alice", ["x@y.example"], "s", "b", send_as="bob@corp.example")
    assert not isinstance(sent, Denied)
    assert sent.sender == "bob@corp.example"


def test_a_grant_counts_however_the_delegate_is_named() -> None:
    for name in ("alice", "alice@corp.example", "CORP\\Alice"):
        estate = Estate()
        estate.org.mailboxes["bob"].send_on_behalf.append(name)
        sent = estate.org.submit("alice", ["x@y.example"], "s", "b", send_as="bob")
        assert not isinstance(sent, Denied), name


def test_what_is_sent_through_a_mailbox_is_kept_there_and_what_goes_by_smtp_is_not() -> None:
    estate = Estate()
    kept = estate.org.mailboxes["alice"].messages["Sent Items"]
    estate.org.submit(estate.access(Protocol.SMTP), ["x@y.example"], "one", "b")
    assert kept == []
    estate.org.submit(estate.access(Protocol.EWS), ["x@y.example"], "two", "b")
    assert [m.subject for m in kept] == ["two"]


def test_mail_for_a_quarantined_mailbox_comes_back_also_where_it_was_forwarded_to() -> None:
    estate = Estate()
    estate.org.mailboxes["alice"].forwarding_address = "bob"
    estate.org.quarantine("bob")
    estate.org.deliver("x@outside.example", "alice@corp.example", "offer", "b")
    assert [m.subject for m in estate.org.mail.bounced] == ["offer"]


def test_who_waits_for_mail_is_woken_and_the_revision_grows() -> None:
    estate = Estate()
    box = estate.org.mailboxes["alice"]
    woken: list[int] = []
    box.watchers.add(lambda: woken.append(box.revision))
    estate.org.deliver("x@outside.example", ["alice", "bob"], "offer", "b")
    estate.org.deliver("x@outside.example", "alice", "again", "b")
    assert woken == [1, 2]
    assert len(estate.org.mailboxes["bob"].messages["Inbox"]) == 1


def test_a_rule_that_deletes_puts_it_away() -> None:
    estate = Estate()
    box = estate.org.mailboxes["alice"]
    box.rules.append(InboxRule("1", "away", delete=True))
    estate.org.deliver("x@outside.example", "alice", "offer", "b")
    assert [len(box.messages[f]) for f in ("Inbox", "Deleted Items")] == [0, 1]


def test_an_account_without_a_mailbox_sends_nothing() -> None:
    estate = Estate()
    estate.org.directory.add("svc", "Service", "Service-password-1")
    assert denial(estate.org.submit("svc", ["x@y.example"], "s", "b")) is Denial.NO_MAILBOX
