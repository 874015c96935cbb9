# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from evict.lab.model.delays import Delays
from evict.lab.model.predict import doors, predict
from evict.lab.model.profile import Version
from evict.lab.model.words import Denied, Pool, Protocol
from tests.unit.lab.model.made import NAME, OLD, Estate


def test_what_is_predicted_says_when_it_ends_idle_and_when_in_use() -> None:
    estate = Estate()
    estate.basic()
    estate.live(Protocol.SMTP)
    estate.live(Protocol.IMAP)
    estate.ping(3540)
    estate.wait(100)
    told = {(p.what, p.protocol): p for p in predict(estate.org, "alice")}
    assert told["session", "submission"].used_model_s == 500
    assert told["session", "submission"].idle_model_s == 200
    assert told["session", "imap"].closes_after_s is None
    assert told["session", "imap"].idle_model_s == 1700
    assert told["session", "activesync"].used_model_s == 3440
    assert told["token", "ews"].idle_model_s == 800
    assert told["token", "ews"].used_model_s is None


@pytest.mark.parametrize("protocol", [Protocol.SMTP, Protocol.IMAP, Protocol.MAPI])
def test_what_is_predicted_for_a_session_that_rests_comes_true(protocol: Protocol) -> None:
    estate = Estate()
    session = estate.live(protocol)
    told = predict(estate.org, "alice")[0].idle_model_s
    assert told is not None
    estate.wait(told - 1)
    assert session.ended == ""
    estate.wait(1)
    assert session.ended != ""


def test_an_outlook_of_2010_is_looked_at_again() -> None:
    estate = Estate(Version.V2010)
    estate.live(Protocol.MAPI)
    estate.wait(600)
    (told,) = predict(estate.org, "alice")
    assert (told.used_model_s, told.rule) == (6600, "mapi_recheck_s")


def test_a_page_left_open_ends_with_its_cookie_and_one_in_use_never() -> None:
    estate = Estate()
    cookie = estate.org.sign_in_forms("ex01", NAME, OLD, private=False)
    assert not isinstance(cookie, Denied)
    estate.org.directory.disable("alice")
    told = doors(predict(estate.org, "alice"))["owa"]
    assert (told.what, told.used_model_s, told.idle_model_s) == ("cookie", None, 1350)
    for _ in range(22):
        estate.wait(60)
        assert not isinstance(estate.org.check_cookie("ex01", cookie), Denied)
    estate.wait(30)
    assert isinstance(estate.org.check_cookie("ex01", cookie), Denied)
    assert not [p for p in predict(estate.org, "alice") if p.what == "cookie"]


def test_after_a_recycle_a_cookie_of_a_disabled_account_is_worth_nothing() -> None:
    estate = Estate()
    estate.org.sign_in_forms("ex01", NAME, OLD, private=True)
    estate.org.directory.disable("alice")
    estate.org.recycle("ex01", Pool.OWA)
    assert predict(estate.org, "alice") == []


def test_a_cookie_of_2010_is_told_of_while_the_server_keeps_its_session() -> None:
    estate = Estate(Version.V2010)
    estate.org.sign_in_forms("ex01", NAME, OLD, private=False)
    told = {p.what: p for p in predict(estate.org, "alice")}
    assert told["cookie"].idle_model_s == 900
    estate.org.servers["ex01"].sessions.clear()
    assert "cookie" not in {p.what for p in predict(estate.org, "alice")}


def test_tickets_and_bound_connections_are_told_of() -> None:
    estate = Estate()
    tgt = estate.org.tickets.sign_in(NAME, OLD)
    assert not isinstance(tgt, Denied)
    estate.org.tickets.service(tgt, "ex01")
    who = estate.org.sign_in_integrated("ex01", NAME, OLD)
    assert not isinstance(who, Denied)
    estate.org.tickets.bind("ex01", Pool.SERVICES, who)
    told = {p.what: p for p in predict(estate.org, "alice")}
    assert told["ticket"].used_model_s == 36_000
    assert (told["connection"].protocol, told["connection"].idle_model_s) == ("ews", 120)
    estate.wait(36_000)
    assert predict(estate.org, "alice") == []


def test_each_rule_is_a_number_of_the_file() -> None:
    estate = Estate(Version.V2010)
    for protocol in Protocol:
        estate.live(protocol)
    estate.ping()
    estate.basic()
    estate.org.sign_in_forms("ex01", NAME, OLD, private=True)
    told = predict(estate.org, "alice")
    assert len(told) > len(Protocol)
    assert {p.rule for p in told} <= set(Delays.__struct_fields__)
