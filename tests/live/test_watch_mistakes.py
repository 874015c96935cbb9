# SPDX-License-Identifier: Apache-2.0
"""A broken script disables many: the guard closes as many as it allows and holds the rest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from uuid import uuid4

import pytest

from estate import people
from estate.layout import Layout
from estate.people import Person
from estate.product import Product, running
from tests.live.conftest import running_estate
from tests.live.watched import held, is_closed, until, wait_compared, write_settings

pytestmark = pytest.mark.live

ALLOWED = 6


@pytest.fixture(scope="module")
def layout() -> Iterator[Layout]:
    with running_estate() as made:
        write_settings(made, a_minute=ALLOWED)
        yield made


@pytest.fixture(scope="module")
def watched(layout: Layout) -> Iterator[Product]:
    with running(layout) as product:
        wait_compared(product)
        yield product


def closed_of(product: Product, several: list[Person]) -> list[Person]:
    return [one for one in several if is_closed(product, one)]


def test_a_script_that_disables_many_closes_as_many_as_the_guard_allows(
    watched: Product, layout: Layout
) -> None:
    several = people.create_many(layout, [f"mass-{uuid4().hex[:8]}" for _ in range(15)])
    for one in several:
        people.disable(layout, one)
    until("the rest is held", lambda: len(held(watched)) == len(several) - ALLOWED)
    assert len(closed_of(watched, several)) == ALLOWED
    assert {h["source"] for h in held(watched)} == {"directory:directory"}
    assert all(h["why"] for h in held(watched))
    watched.stop()
    watched.start()
    wait_compared(watched)
    assert len(closed_of(watched, several)) == ALLOWED, "a restart opens no allowance"
    done = watched.run("approve", "--source", "directory:directory", "--json")
    assert done.returncode == 0, done.stderr
    until("all are closed", lambda: len(closed_of(watched, several)) == len(several), 40.0)
    assert held(watched) == []
    assert json.loads(watched.evict("held", "--json"))["held"] == []
