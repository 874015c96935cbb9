# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from evict.lab.model.mailbox import InboxRule
from evict.lab.model.predict import predict
from evict.lab.model.profile import Version
from evict.lab.model.words import Denied, ModelError, Pool, Protocol
from tests.unit.lab.model.made import Estate


def test_a_live_imap_session_goes_on_after_the_disable_until_it_rests_for_half_an_hour() -> None:
    estate = Estate()
    session = estate.org.open_session(estate.access(Protocol.IMAP), pool=None, on_end=str)
    estate.org.directory.disable("alice")
    for _ in range(20):
        estate.wait(1799)
        assert estate.org.use(session) is None
    estate.wait(1800)
    assert isinstance(estate.org.use(session), Denied)


def test_a_live_smtp_session_ends_at_the_connectors_time_out_in_use_or_not() -> None:
    estate = Estate()
    session = estate.org.open_session(estate.access(Protocol.SMTP), pool=None, on_end=str)
    estate.org.directory.disable("alice")
    estate.wait(599)
    assert estate.org.use(session) is None
    estate.wait(1)
    assert session.ended == "time-out"


def test_a_ping_runs_to_its_heartbeat_and_a_recycle_cuts_it() -> None:
    estate = Estate()
    ended: list[str] = []
    for _ in range(2):
        estate.org.open_session(
            estate.access(Protocol.ACTIVESYNC),
            pool=Pool.SYNC,
            on_end=ended.append,
            holds_request=True,
            lasts_s=900,
        )
        if not ended:
            estate.wait(900)
    assert estate.org.admin.recycle("ex01", Pool.SYNC) == 1
    assert ended == ["time-out", "recycled"]


def test_2010_looks_at_an_outlook_again_after_two_hours() -> None:
    estate = Estate(Version.V2010)
    session = estate.org.open_session(estate.access(Protocol.MAPI), pool=None, on_end=str)
    estate.org.directory.disable("alice")
    for _ in range(11):
        estate.wait(600)
        assert estate.org.use(session) is None
    estate.wait(600)
    assert isinstance(estate.org.use(session), Denied)


def test_restarting_imap_ends_everybodys_sessions_of_it_on_that_server() -> None:
    estate = Estate()
    session = estate.org.open_session(estate.access(Protocol.IMAP), pool=None, on_end=str)
    assert estate.org.admin.restart_service("ex02", "MSExchangeImap4") == 0
    assert estate.org.admin.restart_service("ex01", "msexchangeimap4") == 1
    assert session.ended == "service restarted"
    with pytest.raises(ModelError):
        estate.org.admin.restart_service("ex01", "Spooler")


def test_what_is_predicted_says_when_it_ends_idle_and_when_in_use() -> None:
    estate = Estate()
    estate.basic()
    estate.org.open_session(estate.access(Protocol.SMTP), pool=None, on_end=str)
    estate.wait(100)
    told = {(p.what, p.protocol): p for p in predict(estate.org, "alice")}
    assert told["session", "submission"].used_model_s == 500
    assert told["token", Pool.SERVICES].idle_model_s == 800
    assert told["token", Pool.SERVICES].used_model_s is None


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
    assert estate.org.mail.outside == []
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
