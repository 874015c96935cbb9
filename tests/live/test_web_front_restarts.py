# SPDX-License-Identifier: Apache-2.0
"""HAProxy, or the agent behind it, that starts anew: nobody comes back in, nobody signs in anew."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from ipaddress import IPv4Address
from uuid import uuid4

import pytest

from estate import people, services
from estate.clients.sogo import SogoWeb
from estate.clients.web_doors import FRONTS, use_first
from estate.people import Person
from estate.product import Product, end
from tests.live.told import evict, revoke
from tests.live.web_told import signs_in, works

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def sources(web_product: Product) -> Iterator[IPv4Address]:
    return web_product.layout.network(248, 24).hosts()


@pytest.fixture
def pair(
    web_product: Product, sources: Iterator[IPv4Address]
) -> Iterator[tuple[Person, SogoWeb, SogoWeb]]:
    """Somebody with a page open, who is revoked; and the page of somebody else."""
    layout = web_product.layout
    leaver, other = (people.create(layout, f"user-{uuid4().hex[:10]}") for _ in range(2))
    use_first(layout, [leaver, other])
    with ExitStack() as stack:
        pages = [
            stack.enter_context(
                closing(SogoWeb(layout, each, str(next(sources)), front=FRONTS["haproxy"]))
            )
            for each in (leaver, other)
        ]
        assert revoke(web_product, leaver).code == 0
        yield leaver, pages[0], pages[1]


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_restarted_haproxy_refuses_the_leaver_from_its_first_answer(
    web_product: Product,
    pair: tuple[Person, SogoWeb, SogoWeb],
    sources: Iterator[IPv4Address],
) -> None:
    leaver, page, other = pair
    services.restart(web_product.layout, "haproxy")
    for _ in range(20):
        assert not works(page)
        assert not signs_in(web_product.layout, leaver, next(sources))
    eventually(lambda: works(other))  # by the cookie of before: the agent kept whose it is
    assert not works(page)


def test_while_the_agent_is_away_nobody_comes_back_in_and_the_front_is_shown_as_lost(
    web_product: Product,
    pair: tuple[Person, SogoWeb, SogoWeb],
    sources: Iterator[IPv4Address],
) -> None:
    leaver, page, other = pair
    assert web_product.agent is not None
    end(web_product.agent)
    try:
        assert not works(page)
        assert not signs_in(web_product.layout, leaver, next(sources))
        agents = evict(web_product, "status").data["agents"]
        lost = {a["agent"].partition(":")[2] for a in agents if a["connected"] == "LOST"}
        assert lost >= {"sogo", "roundcube"}
    finally:
        web_product.start_agent()
    eventually(lambda: works(other))
    assert not works(page)


def test_the_fronts_are_shown_as_answering_for_their_systems(web_product: Product) -> None:
    """The doctor stops the hooks for a moment, so nobody else may be looking on."""
    agents = evict(web_product, "status").data["agents"]
    hooks = {agent["agent"].partition(":")[2]: agent["hooks"] for agent in agents}
    assert hooks["sogo"] == ["sogo"]
    assert hooks["roundcube"] == ["roundcube"]
    found = evict(web_product, "doctor").data["findings"]
    told = {(f["system"], f["code"]): f["severity"] for f in found}
    for system in ("sogo", "roundcube"):
        assert told[system, "haproxy-rules"] == "ok"
        assert told[system, "haproxy-gate"] == "ok"
        assert told[system, "haproxy-way-past"] == "ok"
