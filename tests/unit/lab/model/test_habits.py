# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from evict.lab.model import habits
from evict.lab.model.delays import delays
from evict.lab.model.habits import Habit, Kind
from evict.lab.model.profile import Profile, Version
from evict.lab.model.words import Denied, Principal, Protocol
from tests.unit.lab.model.made import NAME, OLD, Estate

HOUR = 3600


def kinds(habit: Habit) -> set[Kind]:
    return {request.step.kind for request in habits.requests(habit, 0, HOUR)}


def test_a_browser_asks_by_itself_and_one_of_2007_that_is_not_microsofts_does_not() -> None:
    other = habits.other_browser
    assert kinds(habits.browser(delays())) == {Kind.ACT, Kind.POLL}
    assert kinds(habits.idle_browser(delays())) == {Kind.POLL}
    assert kinds(other(delays(), Profile(Version.V2007))) == {Kind.ACT}
    assert kinds(other(delays(), Profile(Version.V2010))) == {Kind.ACT, Kind.POLL}


def test_requests_come_in_order_of_time_and_end() -> None:
    made = list(habits.requests(habits.browser(delays()), 100, 100 + HOUR))
    assert [r.at for r in made] == sorted(r.at for r in made)
    assert len([r for r in made if r.step.kind is Kind.POLL]) == 60
    assert len([r for r in made if r.step.kind is Kind.ACT]) == 3


def test_a_phone_pings_again_after_its_heartbeat_which_the_server_bounds() -> None:
    made = list(habits.requests(habits.phone(delays()), 0, HOUR))
    assert [r.at for r in made] == [0, 900, 1800, 2700]
    assert habits.phone(delays(), 5).steps[0].holds_s == 60
    assert habits.phone(delays(), 9999).steps[0].holds_s == 3540


def test_outlook_and_mail_programs_have_their_own_ways() -> None:
    steps = habits.outlook(delays(), Profile(Version.V2019)).steps
    assert {s.protocol for s in steps} == {Protocol.MAPI, Protocol.EWS}
    steps = habits.outlook(delays(), Profile(Version.V2003)).steps
    assert {s.protocol for s in steps} == {Protocol.MAPI}
    assert habits.mail_program(delays(), Protocol.POP3).steps[0].protocol is Protocol.POP3


def test_a_browser_in_use_stays_in_for_a_day_after_the_disable() -> None:
    """The sliding token, the renewed cookie and a page that asks by itself, put together."""
    estate = Estate()
    cookie = estate.org.sign_in_forms("ex01", NAME, OLD, private=True)
    assert not isinstance(cookie, Denied)
    estate.org.directory.disable("alice")
    start = estate.clock.now
    for request in habits.requests(habits.browser(delays()), start, start + 24 * HOUR):
        estate.clock.now = request.at
        assert isinstance(estate.org.check_cookie("ex01", cookie), Principal)
        if request.step.kind is Kind.ACT:
            cookie = estate.org.renew_cookie(cookie) or cookie


def test_a_page_left_open_is_out_after_twelve_hours() -> None:
    estate = Estate()
    cookie = estate.org.sign_in_forms("ex01", NAME, OLD, private=True)
    assert not isinstance(cookie, Denied)
    estate.org.directory.disable("alice")
    start = estate.clock.now
    last = start
    for request in habits.requests(habits.idle_browser(delays()), start, start + 24 * HOUR):
        estate.clock.now = request.at
        if isinstance(estate.org.check_cookie("ex01", cookie), Principal):
            last = request.at
    assert 12 * HOUR - 120 < last - start < 12 * HOUR
