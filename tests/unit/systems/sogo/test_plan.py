# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from evict.config.forward_auth import ForwardAuthHook
from evict.config.sogo import SogoSection
from evict.core.door import Credential, Nature
from evict.core.measure import Actor, Measure, Stage
from evict.systems.sogo import sightings
from evict.systems.sogo.doors import Doors, endpoints
from evict.systems.sogo.exposure import exposures
from evict.systems.sogo.inventory import Inventory, Shares
from evict.systems.sogo.plan import Planner, device_of, share_of
from evict.systems.sogo.settings import Settings
from tests.unit.systems.sogo.samples import FULL, ORDER, section, share

HOOK = ForwardAuthHook(listen="127.0.0.1:4003")
ENDING_HOOK = structs.replace(HOOK, runtime="/run/balancer.sock")
WHOLE = section(memcached=("127.0.0.1:11211",), database_file=Path("/etc/evict/sogo.dsn"))


def plan(seen: Inventory, with_: SogoSection = WHOLE) -> tuple[Measure, ...]:
    return Planner(with_, Doors(with_)).plan(seen)


def test_everything_that_was_seen_has_its_measure_and_image() -> None:
    planned = plan(FULL)
    assert [m.id for m in planned] == [
        "sogo:forget",
        "sogo:stop-forward:Alice",
        "sogo:set-aside-accounts:Alice",
        "sogo:take-identity:carol",
        "sogo:take-share:/bob/Calendar/personal:alice",
        "sogo:take-share:/Alice/Calendar/personal:anonymous",
        "sogo:set-aside-device:PHONE1",
    ]
    assert {m.actor for m in planned} == {Actor.CONTROL}
    # After the directory refuses, else SOGo would take the password anew.
    assert min(m.stage for m in planned) is Stage.GRANTS
    assert all(m.image is not None and m.undo for m in planned[1:])


def test_what_is_done_is_not_planned_again() -> None:
    assert plan(Inventory(cached=())) == ()
    assert [m.id for m in plan(Inventory(cached=(), owed=(b"x",)))] == ["sogo:forget"]


def test_a_front_comes_first() -> None:
    hooked = structs.replace(WHOLE, hook=ENDING_HOOK)
    refuse, kick, *rest = plan(FULL, hooked)
    assert (refuse.id, refuse.stage, refuse.actor) == ("sogo:refuse", Stage.REFUSE, Actor.AGENT)
    assert (kick.id, kick.stage, kick.actor) == ("sogo:kick", Stage.KICK, Actor.AGENT)
    assert tuple(rest) == plan(FULL)
    assert {d.credential for d in refuse.doors} == {Credential.PASSWORD, Credential.SESSION}


def test_no_kick_is_awaited_at_a_front_that_can_end_nothing() -> None:
    hooked = structs.replace(WHOLE, hook=HOOK)
    assert [m.id for m in plan(FULL, hooked) if m.actor is Actor.AGENT] == ["sogo:refuse"]
    ping = Doors(hooked).expectations(ORDER.commit_at)
    assert any("goes on until it is answered" in e.note for e in ping)


def test_what_others_have_is_left_unless_asked() -> None:
    ids = {m.id for m in plan(FULL, structs.replace(WHOLE, take_shares=True))}
    assert ids - {m.id for m in plan(FULL)} == {
        "sogo:take-delegates:Alice",
        "sogo:take-share:/Alice/Calendar/personal:<default>",
        "sogo:take-share:/Alice/Contacts/personal:bob",
    }


def test_a_right_elsewhere_leaves_a_row_that_gives_nothing() -> None:
    by_id = {m.id: m for m in plan(FULL)}
    elsewhere = by_id["sogo:take-share:/bob/Calendar/personal:alice"].image
    published = by_id["sogo:take-share:/Alice/Calendar/personal:anonymous"].image
    assert elsewhere is not None
    assert published is not None
    assert elsewhere.after == {"roles": '["None"]'}
    assert published.after == {"roles": "[]"}


def test_images_tell_the_same_again() -> None:
    by_id = {m.id: m.image for m in plan(FULL)}
    assert FULL.shares is not None
    assert FULL.devices is not None
    image = by_id["sogo:take-share:/bob/Calendar/personal:alice"]
    assert image is not None
    assert share_of(image.before) == FULL.shares.elsewhere[0]
    image = by_id["sogo:set-aside-device:PHONE1"]
    assert image is not None
    assert device_of(image.target, image.before) == FULL.devices[0]


def test_a_row_that_gives_nothing_is_no_right() -> None:
    assert share("/bob/Calendar/personal", "alice", "None").empty
    assert not share("/bob/Calendar/personal", "alice", "None", "PublicViewer").empty
    assert plan(Inventory(cached=(), shares=Shares())) == ()


@pytest.mark.parametrize("fronted", [True, False])
def test_every_door_is_promised_something(fronted: bool) -> None:  # noqa: FBT001 - a case
    made = Doors(structs.replace(WHOLE, hook=ENDING_HOOK if fronted else None))
    by_name = {e.door.name: e for e in made.expectations(ORDER.commit_at)}
    assert set(by_name) == {
        *(f"sogo/{p}/password" for p in ("sogo-web", "activesync", "caldav", "carddav")),
        *(f"sogo/{p}/session" for p in ("sogo-web", "activesync")),
        *(f"sogo/{g}/grant" for g in ("forward", "delegate", "calendar", "external", "device")),
        *("sogo/cache/grant", "sogo/shares/grant", "sogo/device/copy"),
    }
    assert by_name["sogo/shares/grant"].nature is Nature.OUTSIDE
    ping = by_name["sogo/activesync/session"]
    assert ping.predicted_s == (0.05 if fronted else 15.0)
    assert ("Ping" in ping.note) is not fronted


def test_without_memcached_the_cache_ends_by_itself() -> None:
    made = Doors(section()).expectations(ORDER.commit_at)
    cache = next(e for e in made if e.door.name == "sogo/cache/grant")
    assert cache.until is not None
    assert (cache.until - ORDER.commit_at).total_seconds() == 300.0
    ping = next(e for e in made if e.door.name == "sogo/activesync/session")
    assert "nothing here ends a Ping in flight" in ping.note


def test_all_doors_are_tried_at_one_address() -> None:
    found = endpoints(section(server_name="mail"))
    assert {(e.host, e.port, e.server_name) for e in found} == {("mail.corp.test", 443, "mail")}
    plain = endpoints(SogoSection(url="http://[::1]:8080"))
    assert {(e.host, e.port, e.tls) for e in plain} == {("::1", 8080, "none")}


def test_facts_name_what_is_left_and_no_password() -> None:
    told = sightings.facts(FULL)
    assert "others here: whoever signs in in /Alice/Calendar/personal" in told
    assert "a vacation message answers incoming mail" in told
    assert any("whose they are cannot be told" in fact for fact in told)


def test_exposure_says_which_setting_decides() -> None:
    read = Settings(values={"SOGoMaximumPingInterval": "3540"})
    lines = {e.door.name: e for e in exposures(Doors(WHOLE), read)}
    assert lines["sogo/activesync/session"].setting == "SOGoMaximumPingInterval"
    assert lines["sogo/activesync/session"].closes_after_s == 3540.0
    assert lines["sogo/caldav/password"].closes_after_s == 300.0
    assert lines["sogo/sogo-web/password"].closes_after_s == 0.0
    assert lines["sogo/forward/grant"].closes_after_s is None
