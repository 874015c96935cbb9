# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from evict.config.exchange import ExchangeSection
from evict.config.forward_auth import ForwardAuthHook
from evict.config.haproxy import HaproxyHook
from evict.systems.exchange.doors import Doors
from evict.systems.exchange.exposure import exposures
from evict.systems.exchange.naming import IN_FLIGHT, NOT_NAMED
from evict.systems.exchange.plan import Planner
from tests.unit.systems.exchange.samples import inventory, section


def test_where_a_held_ping_goes_on_it_is_said() -> None:
    nginx = ForwardAuthHook(listen="127.0.0.1:1")
    for at, expected in (
        (section(hook=nginx), {"exchange/activesync/session"}),
        (section(hook=structs.replace(nginx, runtime="/run/front.sock")), set()),
        (section(haproxy=haproxy("pass")), set()),
        (section(), set()),
    ):
        promised = Doors(at).expectations(um=False, archive=False)
        assert {e.door.name for e in promised if IN_FLIGHT in e.note} == expected


def haproxy(unidentified: str) -> HaproxyHook:
    return HaproxyHook(
        runtime="/run/admin.sock",
        map_folder=Path("/maps"),
        state_file=Path("/cookies"),
        unidentified=unidentified,
    )


REFUSES = [
    section(haproxy=haproxy("refuse")),
    section(hook=ForwardAuthHook(listen="127.0.0.1:1", unidentified="refuse")),
]
PASSES = [
    section(haproxy=haproxy("pass")),
    section(hook=ForwardAuthHook(listen="127.0.0.1:1")),
    section(haproxy=haproxy("refuse"), hook=ForwardAuthHook(listen="127.0.0.1:1")),
]


def said(at: ExchangeSection) -> tuple[set[str], set[str], bool]:
    """Doors whose expectation, and whose exposure, say that a name may be missing; and the plan."""
    doors = Doors(at)
    promised = doors.expectations(um=False, archive=False)
    planned = Planner(at, doors).plan(inventory(), None)
    (refuse,) = [measure for measure in planned if measure.id == "exchange:refuse"]
    return (
        {e.door.name for e in promised if NOT_NAMED in e.note},
        {e.door.name for e in exposures(doors, at.version, {}) if NOT_NAMED in e.remedy},
        NOT_NAMED in refuse.why,
    )


@pytest.mark.parametrize("at", REFUSES)
def test_where_the_front_refuses_who_it_cannot_name_nothing_is_left(at: ExchangeSection) -> None:
    assert said(at) == (set(), set(), False)


@pytest.mark.parametrize("at", PASSES)
def test_where_they_pass_it_is_said_of_each_door_and_in_the_plan(at: ExchangeSection) -> None:
    doors = {f"exchange/{protocol}/session" for protocol in ("activesync", "ews", "mapi")}
    assert said(at) == (doors, doors, True)
