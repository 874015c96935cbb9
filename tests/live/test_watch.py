# SPDX-License-Identifier: Apache-2.0
"""Nobody orders anything here: an administrator changes the directory, and the doors are shut."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from estate import ldif, people
from estate.clients.leaver import LeaverClients
from estate.layout import Layout
from estate.people import Person
from estate.product import Product, running
from tests.live.conftest import running_estate
from tests.live.told import account_control
from tests.live.watched import (
    UNIT,
    entries,
    held,
    is_closed,
    is_proven,
    known,
    standing,
    until,
    wait_compared,
    write_settings,
)

pytestmark = pytest.mark.live

_DISABLED = 0x2


@pytest.fixture(scope="module")
def layout() -> Iterator[Layout]:
    with running_estate() as made:
        people.modify(made, ldif.add(UNIT, {"objectClass": "organizationalUnit"}))
        write_settings(made)
        yield made


@pytest.fixture(scope="module")
def watched(layout: Layout) -> Iterator[Product]:
    with running(layout) as product:
        wait_compared(product)
        yield product


@pytest.fixture
def somebody(layout: Layout) -> Person:
    return people.create(layout, f"watched-{uuid4().hex[:10]}")


def test_a_disabled_account_loses_every_door_without_an_order(
    watched: Product, somebody: Person
) -> None:
    with LeaverClients(watched.layout, somebody) as clients:
        assert not clients.wait_shut(0.5), "nothing was done yet"
        people.disable(watched.layout, somebody)
        assert clients.wait_shut(20), [t.door for t in clients.tracks if not t.failure]
        assert clients.survivors() == ()
    until("the doors are proven shut", lambda: is_proven(watched, somebody))
    (entry,) = entries(watched, somebody)
    assert (entry["actor"], entry["reason"]) == ("directory:directory", "disabled in the directory")


def test_a_deleted_account_is_refused_by_the_names_it_had(watched: Product) -> None:
    before = known(watched)
    somebody = people.create(watched.layout, f"watched-{uuid4().hex[:10]}")
    until("the watch has seen its alias", lambda: known(watched) > before)
    people.remove(watched.layout, somebody)
    until("it is revoked", lambda: bool(entries(watched, somebody)))
    (entry,) = entries(watched, somebody)
    assert entry["reason"] == "deleted from the directory"
    assert somebody.aliases[0] in entry["forms"]


def test_an_account_moved_to_the_leavers_is_revoked(watched: Product, somebody: Person) -> None:
    move = (
        f"dn: {somebody.dn}\nchangetype: modrdn\nnewrdn: CN={somebody.name}\n"
        f"deleteoldrdn: 1\nnewsuperior: {UNIT}\n\n"
    )
    people.modify(watched.layout, move)
    until("it is revoked", lambda: is_closed(watched, somebody))
    assert entries(watched, somebody)[0]["reason"] == "moved to the leavers in the directory"


def test_an_expiry_that_passes_is_a_leaving_though_the_directory_says_nothing(
    watched: Product, somebody: Person
) -> None:
    ends = datetime.now(UTC) + timedelta(seconds=4)
    since_1601 = ends - datetime(1601, 1, 1, tzinfo=UTC)
    ticks = str(since_1601 // timedelta(microseconds=1) * 10)
    people.modify(watched.layout, ldif.modify(somebody.dn, {"accountExpires": ticks}))
    time.sleep(1.5)
    assert standing(watched, somebody) is None
    until("it is revoked", lambda: is_closed(watched, somebody))
    assert datetime.now(UTC) >= ends
    assert entries(watched, somebody)[0]["reason"] == "expired in the directory"


def test_a_name_added_to_a_revoked_account_is_refused_as_well(
    watched: Product, somebody: Person
) -> None:
    people.disable(watched.layout, somebody)
    until("it is proven", lambda: is_proven(watched, somebody))
    alias = f"late-{somebody.name}@corp.test"
    people.modify(watched.layout, ldif.add_value(somebody.dn, "proxyAddresses", [f"smtp:{alias}"]))
    until("there is a wider entry", lambda: len(entries(watched, somebody)) == 2)
    first, second = entries(watched, somebody)
    assert alias not in first["forms"]
    assert alias in second["forms"]
    assert set(first["forms"]) < set(second["forms"])
    assert first["generation"] == second["generation"]


def test_an_enable_in_the_directory_reopens_nothing_and_is_offered_to_people(
    watched: Product, somebody: Person
) -> None:
    people.disable(watched.layout, somebody)
    until("it is proven", lambda: is_proven(watched, somebody))
    people.enable(watched.layout, somebody)
    until(
        "it is disabled again",
        lambda: bool(account_control(watched.layout, somebody) & _DISABLED),
    )
    assert is_closed(watched, somebody)
    until(
        "the reinstatement is held",
        lambda: any(
            h["kind"] == "reinstatement" and h["label"] == somebody.upn for h in held(watched)
        ),
    )


def test_what_happened_while_the_service_was_away_is_done_when_it_is_back(
    watched: Product,
) -> None:
    several = people.create_many(watched.layout, [f"away-{uuid4().hex[:8]}" for _ in range(5)])
    until("they are known", lambda: watched.serve is not None)
    watched.kill_serve()
    for one in several:
        people.disable(watched.layout, one)
    watched.start_serve()
    for one in several:
        until("it is revoked", lambda one=one: is_closed(watched, one))  # type: ignore[misc]
