# SPDX-License-Identifier: Apache-2.0
"""A scheduled leaver on real servers: shut to the second, with the control plane there or not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from estate import people
from estate.clients.holder import Holder
from estate.clients.leaver import LeaverClients
from estate.people import Person
from estate.product import Product
from tests.live.told import entries, evict

pytestmark = pytest.mark.live

SOON_S = 8
"""The clients are connected, and the order given, by then."""
SHUT_S = 0.6
"""The last success on any door, after the instant."""


@pytest.fixture(autouse=True)
def nobody_else_notices(bystanders: Holder) -> Iterator[None]:
    yield
    seen = bystanders.check()
    assert (seen.held, seen.drops) == (24, ())


def soon() -> datetime:
    """A whole second."""
    return (datetime.now(UTC) + timedelta(seconds=SOON_S)).replace(microsecond=0)


def scheduled(product: Product, leaver: Person, at: datetime) -> str:
    """The id; the agent has it on its list."""
    told = evict(product, "revoke", leaver.upn, "--at", at.isoformat(), "--reason", "left")
    assert told.code == 0, told.talk
    (fate,) = told.data["lines"]
    assert fate["fate"] == "scheduled"
    (row,) = [
        row for row in evict(product, "schedule").data["schedules"] if row["id"] == fate["schedule"]
    ]
    assert row["agents"], "no agent has it"
    return str(row["id"])


def last_success_s(clients: LeaverClients, at: datetime) -> float:
    """After the instant; negative where it was before."""
    last = max(track.last_success_ns or 0 for track in clients.tracks)
    return last / 1e9 - at.timestamp()


def refused_early(clients: LeaverClients, at: datetime) -> list[str]:
    return [
        track.door
        for track in clients.tracks
        if (track.first_failure_ns or 0) / 1e9 < at.timestamp()
    ]


@pytest.mark.parametrize("away", [False, True])
def test_every_door_shuts_at_the_instant(product: Product, leaver: Person, *, away: bool) -> None:
    at = soon()
    with LeaverClients(product.layout, leaver) as clients:
        scheduled(product, leaver, at)
        if away:
            product.kill_serve()
        assert datetime.now(UTC) < at, "the machine is too slow for this"
        assert clients.wait_shut(SOON_S + 20), [t.door for t in clients.tracks if not t.failure]
        late = last_success_s(clients, at)
        early = refused_early(clients, at)
    if away:
        product.start_serve()
    assert (early, late < SHUT_S) == ([], True), late
    assert late > -SHUT_S
    until = time.monotonic() + 30
    while not entries(product, leaver):
        assert time.monotonic() < until, "what was overdue is not carried out"
        time.sleep(0.1)
    (entry,) = entries(product, leaver)
    assert (entry["kind"], entry["actor"]) == ("revocation", "schedule")
    assert evict(product, "schedule").data["schedules"] == []


def test_a_cancelled_one_is_let_in_at_the_instant_and_after_it(
    product: Product, leaver: Person
) -> None:
    """The twin: it is the schedule that shuts the doors."""
    at = soon()
    with LeaverClients(product.layout, leaver) as clients:
        name = scheduled(product, leaver, at)
        assert evict(product, "schedule", "cancel", name).code == 0
        time.sleep(max(0.0, at.timestamp() - time.time()) + 1.0)
        assert not [track.door for track in clients.tracks if track.failure]
    assert entries(product, leaver) == []


def test_a_file_with_a_byte_order_mark_is_carried_out_line_by_line(
    product: Product, leaver: Person
) -> None:
    other = people.create(product.layout, f"leaver-{uuid4().hex[:10]}")
    rows = ["account;at;reason", f"{leaver.upn};;left", f"{other.upn};2999-01-01T00:00Z;", "x-9;;"]
    text = "\ufeff" + "\r\n".join(rows) + "\r\n"
    dry = evict(product, "revoke", "--file", "-", "--dry-run", stdin=text)
    fates = [line["fate"] for line in dry.data["lines"]]
    assert fates == ["would close now", "would close at its instant", "unknown"]
    assert evict(product, "revoke", "--file", "-", stdin=text).code == 2
    assert entries(product, leaver) == []
    done = evict(product, "revoke", "--file", "-", "--skip-bad", stdin=text)
    assert [line["fate"] for line in done.data["lines"]] == ["closed", "scheduled", "unknown"]
    assert len(entries(product, leaver)) == 1
    assert evict(product, "schedule", "cancel", other.upn).code == 0
