# SPDX-License-Identifier: Apache-2.0
"""Roundcube's sign-in at HAProxy: a closed name is refused there, and not by what is behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from ipaddress import IPv4Address
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from msgspec import Struct

from estate import people
from estate.clients.https import Answer, Https, expect
from estate.clients.lines import Ended, Refused
from estate.clients.roundcube import RoundcubeWeb
from estate.clients.web_doors import FRONTS
from estate.layout import Layout
from estate.people import Person
from estate.product import Product
from tests.live.told import revoke

pytestmark = pytest.mark.live

FRONT = FRONTS["haproxy"]
OWN = "Request forbidden by administrative rules"
BROWSERS = 4
LATE_S = 0.05


@pytest.fixture(scope="module")
def sources(web_product: Product) -> Iterator[IPv4Address]:
    return web_product.layout.network(247, 24).hosts()


@pytest.fixture
def pair(web_product: Product, sources: Iterator[IPv4Address]) -> tuple[Person, Person]:
    """A leaver and somebody else; both were at Roundcube before, which refuses one of two first
    sign-ins at once.
    """
    layout = web_product.layout
    made = tuple(people.create(layout, f"cube-{uuid4().hex[:10]}") for _ in range(2))
    for each in made:
        RoundcubeWeb(layout, each, str(next(sources)), front=FRONT).close()
    return made[0], made[1]


class Try(Struct, frozen=True, kw_only=True):
    """One sign-in of a whole browser. `said`: how it was refused; "": it was let in."""

    began: float
    said: str


class Browsers:
    """They sign in without rest, each from an address of its own."""

    def __init__(self, layout: Layout, person: Person, sources: Iterator[IPv4Address]) -> None:
        self.tries: list[Try] = []
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._go_on, args=(layout, person, str(next(sources))))
            for _ in range(BROWSERS)
        ]
        for thread in self._threads:
            thread.start()

    def _go_on(self, layout: Layout, person: Person, source: str) -> None:
        while not self._stop.is_set():
            began, said = time.time(), ""
            try:
                RoundcubeWeb(layout, person, source, front=FRONT).close()
            except (Refused, Ended) as error:
                said = str(error)
            self.tries.append(Try(began=began, said=said))

    def wait(self, number: int) -> None:
        until = time.monotonic() + 30
        start = len(self.tries)
        while len(self.tries) < start + number:
            assert time.monotonic() < until, "they sign in no more"
            time.sleep(0.01)

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def test_a_revoked_name_is_not_let_in_even_for_a_moment(
    web_product: Product, pair: tuple[Person, Person], sources: Iterator[IPv4Address]
) -> None:
    leaver, _ = pair
    browsers = Browsers(web_product.layout, leaver, sources)
    try:
        browsers.wait(3 * BROWSERS)
        assert not any(each.said for each in browsers.tries), "they never were let in"
        told = revoke(web_product, leaver)
        browsers.wait(20)
    finally:
        browsers.stop()
    assert told.code == 0
    commit = datetime.fromisoformat(told.report["commit_at"]).timestamp()
    late = [each for each in browsers.tries if each.began > commit + LATE_S]
    assert len(late) >= 20
    assert [each for each in late if not each.said.startswith("403 ")] == []


def test_the_form_needs_its_pages_cookie_and_a_closed_name_is_refused_by_the_front(
    web_product: Product, pair: tuple[Person, Person], sources: Iterator[IPv4Address]
) -> None:
    layout, (leaver, other) = web_product.layout, pair
    with closing(Https(layout, FRONT, str(next(sources)))) as page:
        expect(page.request("GET", "/roundcube/?_task=login"), 200)
        bare = Https(layout, FRONT, str(next(sources)))
        for person in pair:
            assert OWN not in posts(page, person).text
            assert posts(bare, person).status == 401, "without the cookie nobody is asked at all"
        assert revoke(web_product, leaver).code == 0
        refused = posts(page, leaver)
        assert (refused.status, OWN in refused.text) == (403, True)
        assert OWN not in posts(page, other).text
        assert posts(bare, leaver).status == posts(bare, other).status == 401
        bare.close()


def posts(https: Https, person: Person) -> Answer:
    """The form to a file: HAProxy's rules are passed, and Roundcube is not asked."""
    form = urlencode({"_task": "login", "_user": person.name, "_pass": person.password})
    path = "/roundcube/skins/elastic/images/logo.svg"
    kind = "application/x-www-form-urlencoded"
    return https.request("POST", path, form, Content_Type=kind)
