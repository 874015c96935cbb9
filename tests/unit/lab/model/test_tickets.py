# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from evict.lab.model.tickets import GrantingTicket
from evict.lab.model.words import Denial, Denied, Pool, Principal
from tests.unit.lab.model.made import NAME, NEW, OLD, Estate, denial


def granting(estate: Estate) -> GrantingTicket:
    tgt = estate.org.tickets.sign_in(NAME, OLD)
    assert isinstance(tgt, GrantingTicket)
    return tgt


def test_a_disabled_account_gets_tickets_until_its_own_is_twenty_minutes_old() -> None:
    estate = Estate()
    tgt = granting(estate)
    estate.org.directory.disable("alice")
    estate.wait(1200)
    assert denial(estate.org.tickets.service(tgt, "ex01")) is None
    estate.wait(1)
    assert denial(estate.org.tickets.service(tgt, "ex01")) is Denial.ACCOUNT_DISABLED


def test_a_ticket_that_was_issued_is_taken_to_its_end_and_at_its_server_alone() -> None:
    estate = Estate()
    ticket = estate.org.tickets.service(granting(estate), "ex01")
    assert not isinstance(ticket, Denied)
    estate.org.directory.disable("alice")
    estate.org.directory.set_password("alice", NEW)
    assert isinstance(estate.org.tickets.accept("ex02", ticket), Denied)
    estate.org.recycle("ex01", Pool.SERVICES)
    estate.wait(35_999)
    assert isinstance(estate.org.tickets.accept("ex01", ticket), Principal)
    estate.wait(1)
    assert isinstance(estate.org.tickets.accept("ex01", ticket), Denied)


def test_the_previous_password_is_no_use_at_the_kdc() -> None:
    estate = Estate()
    estate.org.directory.set_password("alice", NEW)
    assert denial(estate.org.tickets.sign_in(NAME, OLD)) is Denial.BAD_CREDENTIALS


def test_a_connection_stays_somebodys_until_it_rests_or_its_worker_restarts() -> None:
    estate = Estate()
    who = estate.org.sign_in_integrated("ex01", NAME, OLD)
    assert isinstance(who, Principal)
    bound = estate.org.tickets.bind("ex01", Pool.SERVICES, who)
    other = estate.org.tickets.bind("ex01", Pool.MAPI, who)
    estate.org.directory.disable("alice")
    for _ in range(50):
        estate.wait(119)
        assert estate.org.tickets.use(bound) is who
    assert isinstance(estate.org.tickets.use(other), Denied)
    assert estate.org.recycle("ex01", Pool.SERVICES) == 1
    assert isinstance(estate.org.tickets.use(bound), Denied)
    assert estate.org.tickets.of("alice") == []


def test_a_server_that_is_down_takes_nothing() -> None:
    estate = Estate()
    ticket = estate.org.tickets.service(granting(estate), "ex01")
    assert not isinstance(ticket, Denied)
    estate.org.servers["ex01"].down = True
    assert denial(estate.org.tickets.accept("ex01", ticket)) is Denial.SERVER_DOWN
    assert denial(estate.basic()) is Denial.SERVER_DOWN
    assert denial(estate.org.sign_in_integrated("ex01", NAME, OLD)) is Denial.SERVER_DOWN
    assert denial(estate.basic(server="ex02")) is None
