# SPDX-License-Identifier: Apache-2.0
"""One real estate a test run, one account a test.

EVICT_ESTATE_IP (and EVICT_ESTATE_STATE) choose an estate that runs already; it is left running.
"""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from estate import people, services
from estate.commands import EstateError
from estate.layout import LDAPS, Layout
from estate.people import Person
from estate.provision import require_root_and_users
from estate.standin import StandIn


@pytest.fixture(scope="session")
def estate() -> Iterator[Layout]:
    """Skips where there is no root or a package is missing."""
    try:
        require_root_and_users()
    except EstateError as error:
        pytest.skip(str(error))
    if ip := os.environ.get("EVICT_ESTATE_IP"):
        state = os.environ.get("EVICT_ESTATE_STATE")
        yield Layout.at(ip, Path(state) if state else None)
        return
    layout = _free_layout()
    try:
        services.up(layout)
        yield layout
    finally:
        services.down(layout)
        shutil.rmtree(layout.state, ignore_errors=True)


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


def _free_layout() -> Layout:
    """Making the state folder is what takes an address; another run then takes the next."""
    for second in range(160, 240):
        layout = Layout.at(f"127.{second}.0.1")
        with socket.socket() as probe:
            try:
                probe.bind((layout.ip, LDAPS))
                layout.state.mkdir()
            except OSError:
                continue
        return layout
    pytest.fail("no free loopback address between 127.160.0.1 and 127.239.0.1")
