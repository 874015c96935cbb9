# SPDX-License-Identifier: Apache-2.0
"""One real estate a test run, one account a test.

EVICT_ESTATE_IP (and EVICT_ESTATE_STATE) choose an estate that runs already; it is left running.
"""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from estate import mailbox, people, services
from estate.clients.holder import Holder
from estate.commands import EstateError
from estate.layout import LDAPS, Layout
from estate.people import Person
from estate.product import Product, running
from estate.provision import require_root_and_users
from estate.standin import StandIn
from estate.web.hooks import in_force
from estate.web.provision import require_users
from evict.core.secret import Secret
from evict.systems.sogo.connector import SogoConnector
from tests.live.sogo_rig import section


@pytest.fixture(scope="session")
def estate() -> Iterator[Layout]:
    """Skips where there is no root or a package is missing."""
    with running_estate() as layout:
        yield layout


@pytest.fixture(scope="session")
def web_estate() -> Iterator[Layout]:
    """An estate of its own with the web doors; `web_hooks` answers its servers' questions."""
    with running_estate(web=True) as layout:
        yield layout


@pytest.fixture
def web_hooks(web_estate: Layout) -> Iterator[StandIn]:
    """As `hooks`, on the estate with the web doors."""
    with StandIn(web_estate) as standin:
        yield standin


@pytest.fixture(scope="session")
def web_sources(web_estate: Layout) -> Iterator[str]:
    """As `sources`, on the estate with the web doors."""
    return (str(address) for address in web_estate.network(251, 24).hosts())


@pytest.fixture
def someone(web_estate: Layout) -> Iterator[Callable[[], Person]]:
    """Makes fresh accounts with one mail each on the estate with the web doors."""
    made: list[Person] = []

    def make() -> Person:
        made.append(people.create(web_estate, f"user-{uuid4().hex[:10]}"))
        mailbox.deliver(web_estate, made[-1], "Minutes")
        return made[-1]

    yield make
    for person in made:
        people.remove(web_estate, person)


@pytest.fixture
async def sogo(web_estate: Layout, web_hooks: StandIn) -> AsyncIterator[SogoConnector]:
    """The connector to its SOGo; no front refuses anybody."""
    assert web_hooks.closed == set()
    made = SogoConnector(section(web_estate), Secret(web_estate.dsn("sogo")))
    yield made
    await made.close()


@pytest.fixture(scope="session")
def product() -> Iterator[Product]:
    """`evict serve` and `evict agent` on an estate of their own: the stand-in needs the agent's
    ports, and its tests stop the servers. With EVICT_ESTATE_IP they are the same estate: choose
    the tests of one of the two.
    """
    with running_estate() as layout, running(layout) as product:
        yield product


@pytest.fixture(scope="session")
def web_product() -> Iterator[Product]:
    """As `product`, with the web doors, HAProxy in front of them refusing by the agent's maps."""
    with running_estate(web=True) as layout, in_force(layout), running(layout) as product:
        yield product


@pytest.fixture(scope="session")
def addresses(product: Product) -> Iterator[str]:
    """As `sources`, on the product's estate."""
    return (str(address) for address in product.layout.network(250, 24).hosts())


@pytest.fixture
def leaver(product: Product) -> Person:
    """A fresh account; it stays, since the ledger keeps what was ordered for it."""
    return people.create(product.layout, f"leaver-{uuid4().hex[:10]}")


@pytest.fixture(scope="module")
def bystanders(product: Product) -> Iterator[Holder]:
    """Four people with live sessions on every protocol for as long as a file's tests take."""
    others = [people.person(name) for name in ("carol", "dave", "erin", "frank")]
    with Holder(product.layout, others, 24) as holder:
        yield holder


@pytest.fixture
def person(estate: Layout) -> Iterator[Person]:
    """A fresh account with an empty mailbox."""
    made = people.create(estate, f"user-{uuid4().hex[:10]}")
    yield made
    people.remove(estate, made)


@pytest.fixture
def hooks(estate: Layout) -> Iterator[StandIn]:
    """Somebody who answers the hooks."""
    with StandIn(estate) as standin:
        yield standin


@pytest.fixture(scope="session")
def sources(estate: Layout) -> Iterator[str]:
    """Addresses that nobody else connects from: Dovecot delays those that were refused."""
    return (str(address) for address in estate.network(250, 24).hosts())


@pytest.fixture
def source(sources: Iterator[str]) -> str:
    return next(sources)


@contextmanager
def running_estate(*, web: bool = False) -> Iterator[Layout]:
    try:
        require_root_and_users()
        if web:
            require_users()
    except EstateError as error:
        pytest.skip(str(error))
    if ip := os.environ.get("EVICT_ESTATE_IP"):
        state = os.environ.get("EVICT_ESTATE_STATE")
        yield Layout.at(ip, Path(state) if state else None, web=web)
        return
    layout = _free_layout(web=web)
    try:
        services.up(layout)
        yield layout
    finally:
        services.down(layout)
        shutil.rmtree(layout.state, ignore_errors=True)


def _free_layout(*, web: bool) -> Layout:
    """Making the state folder is what takes an address; another run then takes the next."""
    for second in range(160, 240):
        layout = Layout.at(f"127.{second}.0.1", web=web)
        with socket.socket() as probe:
            try:
                probe.bind((layout.ip, LDAPS))
                layout.state.mkdir()
            except OSError:
                continue
        return layout
    pytest.fail("no free loopback address between 127.160.0.1 and 127.239.0.1")
