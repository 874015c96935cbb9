# SPDX-License-Identifier: Apache-2.0
"""The recipe called Evict is what Evict plans: held to the planner, measure by measure."""

from __future__ import annotations

from typing import Final

import pytest

from evict.config.forward_auth import ForwardAuthHook
from evict.core.measure import Stage
from evict.lab.compare import steps
from evict.lab.compare.recipes import RECIPES
from evict.systems.exchange.doors import Doors
from evict.systems.exchange.elsewhere import Found, Grant, Kind
from evict.systems.exchange.objects import SELF, Ace, Device, Rule
from evict.systems.exchange.plan import Planner
from tests.unit.systems.exchange.samples import RIGHTS, inventory, order, section, served

BY_NAME = {recipe.name: recipe for recipe in RECIPES}
ACT_OF: Final = {
    "refuse": steps.refuse_at_the_front,
    "kick": steps.refuse_at_the_front,
    "features": steps.features_off,
    "block-device": steps.block_devices,
    "take-grant": steps.rights_elsewhere_off,
    "disable-rule": steps.rules_off,
    "remove-partnership": steps.remove_partnerships,
    f"take-permission:{SELF}": steps.self_off,
    "take-permission:CORP\\Exchange Servers": steps.system_entries_off,
    "take-permission:CORP\\Exchange Trusted Subsystem": steps.system_entries_off,
    "quarantine": steps.quarantine,
    "recycle": steps.recycle_where_served,
}
CREDENTIALS: Final = (steps.disable, steps.reset)
"""The directory's measures; its plan goes on beside Exchange's, not before or after it."""


def act_of(measure: str) -> object:
    verb, _, target = measure.removeprefix("exchange:").partition(":")
    return ACT_OF.get(f"{verb}:{target}", ACT_OF.get(verb, measure))


def planned(*, hook: bool, bounce: bool) -> list[object]:
    """What the planner makes of a mailbox with one of everything, in the order of its stages."""
    acting = ForwardAuthHook(listen="127.0.0.1:4003") if hook else None
    config = section("2019", hook=acting)
    seen = inventory(
        devices=(Device(device_id="PHONE1", identity="ann\\PHONE1", model="iPhone"),),
        rules=(Rule(identity="1", name="out", enabled=True, targets=("x@home.example",)),),
        elsewhere=Found(
            elsewhere=(Grant(mailbox="Bob", kind=Kind.FULL_ACCESS, holder="Ann", rights=RIGHTS),),
            searched=2,
        ),
        permissions=(
            Ace(user=SELF, rights=RIGHTS),
            Ace(user="CORP\\Exchange Servers", rights=RIGHTS),
            Ace(user="CORP\\Exchange Trusted Subsystem", rights=RIGHTS),
        ),
        served=(served(),),
    )
    measures = Planner(config, Doors(config)).plan(seen, order(allow_bounce=bounce))
    by_stage = sorted(measures, key=lambda measure: Stage(measure.stage))
    return list(dict.fromkeys(act_of(measure.id) for measure in by_stage))


@pytest.mark.parametrize("bounce", [False, True])
@pytest.mark.parametrize("hook", [False, True])
def test_the_steps_are_the_planned_measures_in_their_order(*, hook: bool, bounce: bool) -> None:
    name = f"evict{'-hook' if hook else ''}{'-bounce' if bounce else ''}"
    acts = [step.act for step in BY_NAME[name].steps if step.act not in CREDENTIALS]
    assert acts == planned(hook=hook, bounce=bounce)


def test_the_directory_is_disabled_and_the_password_set_twice() -> None:
    for name, recipe in BY_NAME.items():
        if name.startswith("evict"):
            acts = [step.act for step in recipe.steps if step.act in CREDENTIALS]
            assert acts == [steps.disable, steps.reset, steps.reset]
