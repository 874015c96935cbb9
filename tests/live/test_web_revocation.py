# SPDX-License-Identifier: Apache-2.0
"""The main job at the web doors: SOGo, ActiveSync, DAV and Roundcube behind HAProxy."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from ipaddress import IPv4Address
from uuid import uuid4

import pytest
from msgspec import structs

from estate import ldif, mailbox, people
from estate.clients.holder import Holder
from estate.clients.leaver import LeaverClients
from estate.clients.phone import PhonePing
from estate.clients.sogo import SogoWeb
from estate.clients.web_doors import FRONTS, through, use_first, web_clients
from estate.people import Person
from estate.product import Product
from tests.live.told import reinstate, revoke
from tests.live.web_told import signs_in, works

pytestmark = pytest.mark.live

FRONT = FRONTS["haproxy"]
WEB = ("sogo/sogo-web", "sogo/activesync", "roundcube/roundcube-web")


@pytest.fixture
def somebody(web_product: Product) -> Person:
    made = people.create(web_product.layout, f"leaver-{uuid4().hex[:10]}")
    mailbox.deliver(web_product.layout, made, "Welcome")
    return made


def received(clients: LeaverClients) -> set[str]:
    """Subjects of the mails that the phone was told of while it waited, and fetched."""
    return {
        mail.subject
        for session in clients.live
        if isinstance(session, PhonePing)
        for mail in session.received
    }


@pytest.fixture(scope="module")
def web_bystanders(web_product: Product) -> Iterator[Holder]:
    others = [people.person(name) for name in ("carol", "dave", "erin")]
    use_first(web_product.layout, others)
    with Holder(web_product.layout, others, 18, through(FRONT)) as holder:
        yield holder


@pytest.fixture(autouse=True)
def nobody_else_notices(web_bystanders: Holder) -> Iterator[None]:
    yield
    seen = web_bystanders.check()
    assert (seen.held, seen.drops) == (18, ())


@pytest.fixture(scope="module")
def sources(web_product: Product) -> Iterator[IPv4Address]:
    return web_product.layout.network(249, 24).hosts()


def test_every_web_door_shuts_and_a_late_mail_does_not_reach_the_phone(
    web_product: Product, somebody: Person
) -> None:
    layout = web_product.layout
    with web_clients(layout, somebody, FRONT) as clients:
        assert not clients.wait_shut(1.0), "nothing was done yet"
        told = revoke(web_product, somebody)
        late = f"Salaries {uuid4().hex}"
        mailbox.deliver(layout, somebody, late)
        assert clients.wait_shut(10), [t.door for t in clients.tracks if not t.failure]
        mailbox.wait_for_mail(layout, somebody, late)
        time.sleep(6)  # SOGo looks each 5 s for a phone that waits
        assert late not in received(clients)
        assert clients.survivors() == ()
    assert (told.code, told.not_shut()) == (0, set())
    doors = told.doors()
    for door in WEB:
        for credential in ("password", "session"):
            verdict = doors[f"{door}/{credential}"]
            assert "hook" in verdict["rests_on"], door
            assert verdict["first_refusal_ms"] is not None


def test_only_disabled_the_same_clients_go_on(web_product: Product, somebody: Person) -> None:
    """What is missing above without Evict: so the test above can fail."""
    layout = web_product.layout
    with web_clients(layout, somebody, FRONT) as clients:
        assert not clients.wait_shut(1.0)
        people.disable(layout, somebody)
        before = used(clients)
        late = f"Salaries {uuid4().hex}"
        mailbox.deliver(layout, somebody, late)
        until = time.monotonic() + 20
        while late not in received(clients):
            assert time.monotonic() < until, "the phone never had it: the test above shows nothing"
            time.sleep(0.1)
        after = used(clients)
    for door in ("sogo-web live", "roundcube-web live", "activesync live", "caldav live"):
        assert after[door] > before[door], door


def used(clients: LeaverClients) -> dict[str, int]:
    return {track.door: track.successes for track in clients.tracks}


def test_a_reinstated_account_comes_in_by_a_fresh_password_and_not_by_its_old_session(
    web_product: Product, somebody: Person, sources: Iterator[IPv4Address]
) -> None:
    layout = web_product.layout
    use_first(layout, [somebody])
    with closing(SogoWeb(layout, somebody, str(next(sources)), front=FRONT)) as old:
        assert revoke(web_product, somebody).code == 0
        told, password = reinstate(web_product, somebody)
        assert told.code == 0, told.talk
        people.modify(layout, ldif.modify(somebody.dn, {"pwdLastSet": "-1"}))
        again = structs.replace(somebody, password=password)
        until = time.monotonic() + 10
        while not signs_in(layout, again, next(sources)):
            assert time.monotonic() < until
            time.sleep(0.2)
        assert not works(old)
