# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import random

import pytest

from evict.lab.clients.browser import Browser, Knock
from evict.lab.clients.client import Client, Seat, Who
from evict.lab.clients.outlook import Outlook
from evict.lab.clients.phone import Phone
from evict.lab.clients.place import CUT, DOMAIN, Place
from evict.lab.clients.programs import Connected, Services, SignsInEachTime
from evict.lab.model.profile import Version
from evict.lab.model.words import Pool, Protocol

PASSWORD = "Password-1"


def place(version: Version = Version.V2019) -> Place:
    made = Place(version, random.Random(1))
    made.organisation.add_person("alice", "Alice", PASSWORD, "DB01")
    return made


def seat(at: Place, door: str = "door", *, types_again: bool = False) -> Seat:
    who = Who("alice", f"alice@{DOMAIN}", PASSWORD)
    return Seat(place=at, who=who, door=door, types_again=types_again)


def page(at: Place, *, types_again: bool = False) -> Browser:
    return Browser(
        seat(at, types_again=types_again), poll_every_s=60, use_every_s=600, sends="x@else.example"
    )


def all_clients(at: Place) -> list[Client]:
    return [
        page(at),
        Knock(seat(at, "knock"), 60),
        Phone(seat(at, "phone"), heartbeat_s=600, retry_s=5, device_id="ONE"),
        Outlook(seat(at, "outlook"), 60),
        Services(seat(at, "ews"), 60),
        Connected(seat(at, "imap"), 60, Protocol.IMAP),
        Connected(seat(at, "smtp"), 60, Protocol.SMTP),
        SignsInEachTime(seat(at, "pop3"), 60, Protocol.POP3),
    ]


@pytest.mark.parametrize("version", list(Version))
def test_every_client_is_let_in_again_and_again_and_nobody_is_asked(version: Version) -> None:
    at = place(version)
    clients = all_clients(at)
    for client in clients:
        client.begin()
    at.pass_s(3600)
    for client in clients:
        assert client.tally.successes >= 3, client.seat.door
        assert (client.tally.refusals, client.tally.prompts, client.tally.dropped) == (0, 0, 0)


@pytest.mark.parametrize("number", range(8))
def test_every_client_is_refused_once_nothing_stands_any_more(number: int) -> None:
    at = place()
    client = all_clients(at)[number]
    client.begin()
    at.pass_s(100)
    at.organisation.directory.disable("alice")
    at.organisation.quarantine("alice")
    for server in at.organisation.servers:
        at.organisation.iisreset(server, force=True)
        at.organisation.restart_service(server, "MSExchangeFrontEndTransport")
    refused_from = at.now_s
    at.pass_s(1200)
    assert client.tally.refusals > 0
    assert client.tally.last_success_s is not None
    assert client.tally.last_success_s <= refused_from


def test_a_stopped_client_does_nothing_more() -> None:
    at = place()
    client = Services(seat(at), 60)
    client.begin()
    at.pass_s(300)
    client.stop()
    before = client.tally.successes
    at.pass_s(3600)
    assert client.tally.successes == before > 0


def test_a_person_who_sits_there_types_the_new_password_when_asked() -> None:
    at = place()
    absent, present = Services(seat(at, "a"), 60), Services(seat(at, "b", types_again=True), 60)
    for client in (absent, present):
        client.begin()
    at.pass_s(100)
    at.organisation.directory.set_password("alice", "Password-2")
    for server in at.organisation.servers:
        at.organisation.recycle(server, Pool.SERVICES)
    at.pass_s(600)
    assert absent.tally.refusals > 1
    assert (present.tally.prompts, present.tally.refusals) == (1, 0)


def test_a_page_of_2010_asks_for_the_password_after_a_restart_and_one_of_2019_does_not() -> None:
    prompts = {}
    for version in (Version.V2010, Version.V2019):
        at = place(version)
        client = page(at, types_again=True)
        client.begin()
        at.pass_s(300)
        for server in at.organisation.servers:
            at.organisation.iisreset(server, force=True)
        at.pass_s(300)
        prompts[version] = client.tally.prompts
        assert client.tally.last_success_s is not None
        assert client.tally.last_success_s > at.now_s - 120
    assert prompts == {Version.V2010: 1, Version.V2019: 0}


def test_a_phone_whose_ping_is_cut_comes_back_by_itself() -> None:
    at = place()
    phone = Phone(seat(at), heartbeat_s=900, retry_s=5, device_id="ONE")
    phone.begin()
    at.pass_s(10)
    for server in at.organisation.servers:
        at.organisation.recycle(server, Pool.SYNC)
    at.pass_s(10)
    assert (phone.tally.dropped, phone.tally.successes) == (1, 2)


def test_mail_ends_a_ping_early() -> None:
    counts = []
    for mail_every_s in (None, 120.0):
        at = place()
        phone = Phone(
            seat(at), heartbeat_s=1800, retry_s=5, device_id="ONE", mail_every_s=mail_every_s
        )
        phone.begin()
        at.pass_s(7200)
        counts.append(phone.tally.successes)
    assert counts[0] == 5  # at both ends of the two hours, too
    assert counts[1] > 20


def test_the_front_cuts_a_held_ping_and_refuses_who_it_can_name() -> None:
    at = place()
    phone = Phone(seat(at, "phone"), heartbeat_s=900, retry_s=5, device_id="ONE")
    outlook, pages = Outlook(seat(at, "outlook"), 60), page(at)
    for client in (phone, outlook, pages):
        client.begin()
    at.pass_s(30)
    assert at.front.close("alice") == 1
    closed_s = at.now_s
    at.pass_s(600)
    assert phone.tally.dropped == 1
    for client in (phone, pages):
        assert client.tally.last_success_s is not None
        assert client.tally.last_success_s <= closed_s
    assert outlook.tally.last_success_s is not None
    assert outlook.tally.last_success_s > closed_s
    at.front.open("alice")
    at.pass_s(1800)
    assert phone.tally.last_success_s is not None
    assert phone.tally.last_success_s > closed_s
    assert CUT


def test_a_page_that_neither_asks_nor_is_used_is_refused() -> None:
    with pytest.raises(ValueError, match="neither asks"):
        Browser(seat(place()), poll_every_s=None, use_every_s=None)


def test_the_same_seed_gives_the_same_day() -> None:
    tallies = []
    for _ in range(2):
        at = place()
        clients = all_clients(at)
        for client in clients:
            client.begin()
        at.pass_s(7200)
        tallies.append([client.tally for client in clients])
    assert tallies[0] == tallies[1]


def test_one_client_more_changes_no_other_s_dice() -> None:
    alone, accompanied = place(), place()
    one, same = Services(seat(alone, "ews"), 60), Services(seat(accompanied, "ews"), 60)
    one.begin()
    same.begin()
    Knock(seat(accompanied, "knock"), 30).begin()
    for at in (alone, accompanied):
        at.pass_s(3600)
    assert one.tally == same.tally
