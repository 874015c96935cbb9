# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from evict.lab.model.profile import Version
from evict.lab.model.words import Denial, Denied, ModelError, Pool, Protocol
from tests.unit.lab.model.made import NAME, OLD, Estate, denial, ignore


def test_a_live_imap_session_goes_on_after_the_disable_until_it_rests_for_half_an_hour() -> None:
    estate = Estate()
    session = estate.live(Protocol.IMAP)
    estate.org.directory.disable("alice")
    for _ in range(20):
        estate.wait(1799)
        assert estate.org.use(session) is None
    estate.wait(1800)
    assert isinstance(estate.org.use(session), Denied)


def test_a_live_smtp_session_ends_at_the_connectors_time_out_in_use_or_not() -> None:
    estate = Estate()
    session = estate.live(Protocol.SMTP)
    estate.org.directory.disable("alice")
    for _ in range(2):
        estate.wait(299.5)
        assert estate.org.use(session) is None
    estate.wait(1)
    assert session.ended == "time-out"


def test_a_live_smtp_session_that_rests_ends_sooner() -> None:
    estate = Estate()
    session = estate.live(Protocol.SMTP)
    estate.wait(300)
    assert session.ended == "idle"


def test_a_ping_runs_to_its_heartbeat_and_a_recycle_cuts_it() -> None:
    estate = Estate()
    first = estate.ping(900)
    estate.org.directory.disable("alice")
    estate.wait(899)
    assert first.ended == ""
    estate.wait(1)
    assert first.ended == "time-out"
    estate.org.directory.enable("alice")
    second = estate.ping(3540)
    assert estate.org.admin.recycle("ex02", Pool.SYNC) == 0
    assert estate.org.admin.recycle("ex01", Pool.SERVICES) == 0
    assert estate.org.admin.recycle("ex01", Pool.SYNC) == 1
    assert second.ended == "recycled"


def test_2010_looks_at_an_outlook_again_after_two_hours() -> None:
    estate = Estate(Version.V2010)
    session = estate.live(Protocol.MAPI)
    estate.org.directory.disable("alice")
    for _ in range(11):
        estate.wait(600)
        assert estate.org.use(session) is None
    estate.wait(600)
    assert denial(estate.org.use(session)) is Denial.ACCOUNT_DISABLED
    assert session.ended == "checked again"


def test_2010_lets_an_outlook_go_on_that_may_and_looks_again_two_hours_later() -> None:
    estate = Estate(Version.V2010)
    session = estate.live(Protocol.MAPI)
    for number in range(24):
        estate.wait(600)
        if number == 18:
            estate.org.admin.set_features("alice", {"mapi": False})
        denied = estate.org.use(session)
        assert (denied is None) == (number < 23)
    assert denial(denied) is Denial.FEATURE_OFF


def test_2013_does_not_look_at_a_context_again_while_it_is_used() -> None:
    estate = Estate(Version.V2013)
    session = estate.live(Protocol.MAPI, pool=Pool.MAPI)
    estate.org.directory.disable("alice")
    for _ in range(48):
        estate.wait(600)
        assert estate.org.use(session) is None
    estate.wait(900)
    assert session.ended == "idle"


def test_restarting_imap_ends_everybodys_sessions_of_it_on_that_server() -> None:
    estate = Estate()
    session = estate.live(Protocol.IMAP)
    other = estate.live(Protocol.POP3)
    assert estate.org.admin.restart_service("ex02", "MSExchangeImap4") == 0
    assert estate.org.admin.restart_service("ex01.corp.example", "msexchangeimap4") == 1
    assert (session.ended, other.ended) == ("service restarted", "")
    with pytest.raises(ModelError):
        estate.org.admin.restart_service("ex01", "Spooler")
    with pytest.raises(ModelError):
        estate.org.admin.restart_service("ex09", "MSExchangeImap4")


def test_rpc_client_access_serves_outlook_until_2010() -> None:
    estate = Estate(Version.V2010)
    session = estate.live(Protocol.MAPI)
    assert estate.org.restart_service("ex01", "MSExchangeRPC") == 1
    assert session.ended == "service restarted"
    with pytest.raises(ModelError):
        Estate(Version.V2016).org.restart_service("ex01", "MSExchangeRPC")


def test_a_jump_over_many_ends_each_once_and_in_order() -> None:
    estate = Estate()
    ended: list[str] = []
    for protocol in (Protocol.IMAP, Protocol.SMTP, Protocol.POP3):
        estate.org.open_session(estate.access(protocol), pool=None, on_end=ended.append)
    estate.ping(60)
    estate.wait(30 * 86_400)
    assert ended == ["idle", "idle", "idle"]
    assert estate.org.sessions.live == {}
    assert estate.org.next_due() is None


def test_a_client_that_leaves_is_not_told_and_nothing_fires_for_it() -> None:
    estate = Estate()
    ended: list[str] = []
    session = estate.org.open_session(estate.access(Protocol.IMAP), pool=None, on_end=ended.append)
    estate.org.sessions.close(session)
    estate.org.sessions.close(session)
    estate.wait(10_000)
    assert ended == []
    assert session.ended == "closed"
    assert estate.org.sessions.of("alice") == []


def test_sessions_are_found_by_who_opened_them_and_by_whose_mailbox_it_is() -> None:
    estate = Estate()
    estate.org.set_permission("alice", "CORP\\bob", ("FullAccess",))
    who = estate.org.sign_in_direct("ex01", Protocol.IMAP, "bob", "Bob-password-1")
    assert not isinstance(who, Denied)
    access = estate.org.enter("ex01", Protocol.IMAP, who, mailbox="alice")
    assert not isinstance(access, Denied)
    session = estate.org.open_session(access, pool=None, on_end=ignore)
    submission = estate.live(Protocol.SMTP)
    assert estate.org.sessions.of("bob") == estate.org.sessions.on("alice") == [session]
    assert estate.org.sessions.of("alice") == [submission]
    estate.org.quarantine("alice")
    assert (session.ended, submission.ended) == ("quarantine", "")
    assert denial(estate.org.use(session)) is Denial.QUARANTINED


def test_a_seventeenth_imap_connection_is_refused() -> None:
    estate = Estate()
    for _ in range(16):
        estate.live(Protocol.IMAP)
    refused = estate.org.sign_in_direct("ex01", Protocol.IMAP, NAME, OLD)
    assert denial(refused) is Denial.THROTTLED
    assert denial(estate.org.sign_in_direct("ex01", Protocol.POP3, NAME, OLD)) is None
