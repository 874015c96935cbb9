# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import pytest

from evict.config.forward_auth import ForwardAuthHook
from evict.core.measure import Actor, Measure, Stage
from evict.systems.base import Order
from evict.systems.exchange.doors import Doors
from evict.systems.exchange.elsewhere import Found, Grant, Kind
from evict.systems.exchange.grants import grant_of
from evict.systems.exchange.inventory import Inventory
from evict.systems.exchange.objects import SELF, Ace, Calendar, Device, Move, Rule
from evict.systems.exchange.plan import Planner
from tests.unit.systems.exchange.samples import (
    ANN,
    MAILBOX,
    RIGHTS,
    features,
    inventory,
    order,
    section,
    served,
    shut_features,
)

SERVERS = "CORP\\Exchange Servers"
SUBSYSTEM = "CORP\\Exchange Trusted Subsystem"
PHONE = Device(device_id="PHONE1", identity="ann\\PHONE1", model="iPhone")
SHUT: dict[str, Any] = {"features": shut_features(), "permissions": ()}


def planned(
    seen: Inventory, version: str = "2019", ordered: Order | None = None, **more: Any
) -> dict[str, Measure]:
    config = section(version, **more)
    measures = Planner(config, Doors(config)).plan(seen, ordered or order())
    return {m.id.removeprefix("exchange:"): m for m in measures}


def test_an_account_without_a_mailbox_needs_nothing() -> None:
    assert planned(Inventory()) == {}


def test_a_fresh_mailbox_has_its_switches_and_its_owner_shut() -> None:
    plan = planned(inventory())
    assert list(plan) == ["features", f"take-permission:{SELF}"]
    image = plan["features"].image
    assert image is not None
    assert image.before["OWAEnabled"] == "true"
    assert image.before["EwsEnabled"] == ""
    assert image.after["MAPIBlockOutlookRpcHttp"] == "true"


def test_what_is_shut_is_not_planned_again() -> None:
    assert planned(inventory(**SHUT)) == {}


@pytest.mark.parametrize(("version", "count"), [("2010", 1), ("2013", 3), ("SE", 3)])
def test_the_servers_own_rights_go_too_where_they_open_the_mailbox(
    version: str, count: int
) -> None:
    entries = tuple(Ace(user=user, rights=RIGHTS) for user in (SELF, SERVERS, SUBSYSTEM))
    inherited = (Ace(user=SERVERS, rights=RIGHTS, inherited=True),)
    deny = (Ace(user=SELF, rights=RIGHTS, deny=True),)
    manager = (Ace(user="CORP\\bob", rights=RIGHTS),)
    plan = planned(inventory(permissions=entries + inherited + deny + manager), version)
    taken = [m for m in plan.values() if m.id.startswith("exchange:take-permission")]
    assert len(taken) == count
    assert all(m.stage is Stage.STORAGE and m.image and "Add-Mailbox" in m.undo for m in taken)


def test_quarantine_is_asked_for_by_name_and_says_what_it_costs() -> None:
    assert "quarantine" not in planned(inventory())
    plan = planned(inventory(), ordered=order(allow_bounce=True))
    assert "bounces" in plan["quarantine"].disturbs
    assert "delegates" in plan["quarantine"].disturbs
    assert "quarantine" not in planned(inventory(), "2010", order(allow_bounce=True))


def test_a_hook_refuses_and_kicks_at_the_front_first() -> None:
    hook = ForwardAuthHook(listen="127.0.0.1:4003", runtime="/run/front.sock")
    first, second, *_ = planned(inventory(), hook=hook).values()
    assert (first.stage, first.actor) == (Stage.REFUSE, Actor.AGENT)
    assert (second.stage, second.actor) == (Stage.KICK, Actor.AGENT)
    assert {d.protocol for d in first.doors} == {"owa", "activesync", "ews", "mapi"}


def test_a_front_that_can_end_no_request_is_not_asked_to() -> None:
    """nginx: nobody would ever say that it was done."""
    plan = planned(inventory(), hook=ForwardAuthHook(listen="127.0.0.1:4003"))
    assert "refuse" in plan
    assert "kick" not in plan


def test_a_phone_is_blocked_before_its_partnership_is_removed() -> None:
    plan = planned(inventory(devices=(PHONE,)))
    block, remove = plan["block-device:PHONE1"], plan["remove-partnership:PHONE1"]
    assert block.stage < remove.stage
    assert block.image is not None
    assert block.image.before == {"blocked": "no", "allowed": "no"}
    again = inventory(devices=(PHONE,), features=features(blocked=("PHONE1",)))
    assert "block-device:PHONE1" not in planned(again)


def test_a_wipe_is_ordered_before_activesync_is_shut_and_keeps_its_partnership() -> None:
    plan = planned(inventory(devices=(PHONE,)), wipe_account=True)
    order_of = list(plan)
    assert order_of.index("wipe:PHONE1") < order_of.index("features")
    assert "keeps what it has" in plan["wipe:PHONE1"].why
    assert "remove-partnership:PHONE1" not in plan
    sent = Device(device_id="PHONE1", identity="ann\\PHONE1", wipe_sent=True)
    later = planned(inventory(devices=(sent,)), wipe_account=True)
    assert not {"wipe:PHONE1", "remove-partnership:PHONE1"} & later.keys()
    taken = Device(device_id="PHONE1", identity="x", wipe_sent=True, wipe_taken="now")
    assert "remove-partnership:PHONE1" in planned(inventory(devices=(taken,)), wipe_account=True)
    assert "wipe:PHONE1" not in planned(inventory(devices=(PHONE,)), "2013", wipe_account=True)


def test_only_a_pool_that_still_serves_is_recycled_with_the_number_of_people() -> None:
    plan = planned(inventory(**SHUT, served=(served(),)))
    (measure,) = plan.values()
    assert measure.id == "exchange:recycle:ex01:MSExchangeOWAAppPool"
    assert measure.disturbs.startswith("17 other people")
    assert {d.protocol for d in measure.doors} == {"owa"}
    busy = planned(inventory(**SHUT, served=(served(whole=False),)))
    assert "17 other people or more" in next(iter(busy.values())).disturbs


def test_the_next_rung_is_planned_only_where_the_narrower_one_did_not_do() -> None:
    allowed: dict[str, Any] = {"may_move": True, "may_restart": True}
    again = inventory(**SHUT, served=(served(recycled=True),))
    assert list(planned(again, **allowed)) == ["move"]
    moved = Move(status="Completed", percent=100, target="DB02")
    still = inventory(**SHUT, served=(served(recycled=True),), move=moved)
    (measure,) = planned(still, **allowed).values()
    assert measure.id == "exchange:iisreset:ex01"
    assert "everybody on ex01" in measure.disturbs
    assert planned(still, may_move=True) == {}
    assert planned(inventory(**SHUT, move=moved), **allowed) == {}


def test_a_move_under_way_is_followed_and_nothing_else_is_tried() -> None:
    moving = Move(status="InProgress", percent=45)
    plan = planned(inventory(**SHUT, served=(served(),), move=moving), may_move=True)
    assert list(plan) == ["move"]
    assert "45 %" in plan["move"].why


def test_a_pool_is_left_alone_where_it_may_not_be_recycled() -> None:
    assert planned(inventory(**SHUT, served=(served(),)), may_recycle=False) == {}


def test_both_forwarding_attributes_are_cleared_with_what_they_were() -> None:
    mine = inventory(
        **SHUT,
        mailbox=type(MAILBOX)(
            identity="x",
            guid=ANN.id,
            display_name="",
            database="DB01",
            names=frozenset(),
            forwarding_smtp_address="smtp:ann@home.example",
            deliver_and_forward=True,
        ),
    )
    (measure,) = planned(mine).values()
    assert measure.image is not None
    assert measure.image.before == {
        "ForwardingAddress": "",
        "ForwardingSmtpAddress": "smtp:ann@home.example",
        "DeliverToMailboxAndForward": "true",
    }


def test_rules_that_lead_out_and_the_published_calendar_are_ended() -> None:
    rules = (
        Rule(identity="1", name="out", enabled=True, targets=("x@home.example",)),
        Rule(identity="2", name="sort", enabled=True),
        Rule(identity="3", name="old", enabled=False, targets=("x@home.example",)),
    )
    plan = planned(inventory(**SHUT, rules=rules, calendar=Calendar(published=True)))
    assert list(plan) == ["disable-rule:1", "unpublish-calendar"]


def test_rights_elsewhere_go_and_what_others_have_here_stays() -> None:
    theirs = Grant(mailbox="Ann", kind=Kind.FULL_ACCESS, holder="CORP\\bob", rights=RIGHTS)
    mine = Grant(
        mailbox="Bob", kind=Kind.FOLDER, holder="Ann", folder="\\Calendar", rights=("Editor",)
    )
    found = Found(elsewhere=(mine,), delegates=(theirs,), searched=2)
    (measure,) = planned(inventory(**SHUT, elsewhere=found)).values()
    assert measure.image is not None
    assert grant_of(measure.image.before) == mine
    assert measure.undo
