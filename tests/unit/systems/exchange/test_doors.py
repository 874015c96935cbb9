# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from msgspec import structs

from evict.config.exchange import ExchangeFront
from evict.config.forward_auth import ForwardAuthHook
from evict.core.door import Nature
from evict.core.errors import Unreachable
from evict.core.exposure import Source
from evict.core.sighting import Outcome
from evict.systems.exchange.doors import Doors
from evict.systems.exchange.elsewhere import Found, Grant, Kind
from evict.systems.exchange.exposure import exposures
from evict.systems.exchange.inventory import Inventory
from evict.systems.exchange.objects import Calendar, Device, Rule
from evict.systems.exchange.sightings import Look, facts
from tests.unit.systems.exchange.samples import MAILBOX, inventory, section, shut_features


def outcomes(seen: Inventory) -> dict[str, Outcome]:
    look = Look(Doors(section()), datetime.now(UTC), "ex01:443")
    return {s.door.name.removeprefix("exchange/"): s.outcome for s in look.all(seen)}


def test_web_doors_stand_at_the_front_and_the_others_at_each_server() -> None:
    front = ExchangeFront(host="mail.corp.example")
    with_front = Doors(section(front=front, ca_file=Path("/ca"))).endpoints()
    assert [(e.protocol, e.host) for e in with_front[:4]] == [
        (p, "mail.corp.example") for p in ("owa", "activesync", "ews", "mapi")
    ]
    assert [e.protocol for e in with_front[4:]] == ["imap", "pop3", "submission", "imap"]
    without = Doors(section()).endpoints()
    assert [e.host for e in without if e.protocol == "owa"] == ["127.0.0.1", "127.0.0.2"]


def test_2010_has_no_mapi_over_http() -> None:
    doors = Doors(section("2010"))
    assert "mapi" not in {e.protocol for e in doors.endpoints()}
    told = {e.door.name: e for e in doors.expectations(um=False, archive=False)}
    assert told["exchange/mapi/session"].nature is Nature.UNPROVABLE
    assert doors.rpc in doors.all_in


def test_every_door_is_promised_something() -> None:
    told = Doors(section()).expectations(um=True, archive=True)
    names = [e.door.name.removeprefix("exchange/") for e in told]
    assert len(names) == len(set(names))
    assert {"um/grant", "archive/grant", "device/copy", "delegate/grant"} <= set(names)
    assert {e.predicted_s for e in told if e.door.protocol == "owa"} == {None}
    hooked = Doors(section(hook=ForwardAuthHook(listen="127.0.0.1:1")))
    web = [e for e in hooked.expectations(um=False, archive=False) if e.door.protocol == "owa"]
    assert {e.predicted_s for e in web} == {0.05}


def test_a_mailbox_with_nothing_has_empty_lists() -> None:
    seen = inventory(elsewhere=Found(searched=3), calendar=Calendar(published=False))
    assert set(outcomes(seen).values()) == {Outcome.EMPTY}


def test_what_leads_out_is_present() -> None:
    grant = Grant(mailbox="Bob", kind=Kind.SEND_AS, holder="CORP\\ann")
    seen = inventory(
        mailbox=structs.replace(MAILBOX, forwarding_address="Bob", um_enabled=True),
        elsewhere=Found(elsewhere=(grant,)),
        rules=(Rule(identity="1", name="out", enabled=True, targets=("x",)),),
        devices=(Device(device_id="P1", identity="ann\\P1"),),
        calendar=Calendar(published=True),
    )
    assert set(outcomes(seen).values()) == {Outcome.PRESENT}


def test_what_could_not_be_read_is_not_called_shut() -> None:
    fault = Unreachable("down", system="exchange")
    seen = inventory(
        faults={"rule": fault, "calendar": fault, "device": fault}, elsewhere=Found(fault=fault)
    )
    got = outcomes(seen)
    assert {got[f"{name}/grant"] for name in ("rule", "calendar", "device", "elsewhere")} == {
        Outcome.UNREACHABLE
    }
    assert outcomes(inventory())["elsewhere/grant"] is Outcome.UNCLEAR
    assert any(fact.startswith("not read: rule") for fact in facts(seen, "2019"))


def test_a_blocked_partnership_leads_nowhere() -> None:
    phone = Device(device_id="P1", identity="ann\\P1")
    seen = inventory(devices=(phone,), features=shut_features(blocked=("P1",)))
    assert outcomes(seen)["device/grant"] is Outcome.EMPTY


def test_every_closable_door_has_a_line_of_exposure() -> None:
    doors = Doors(section())
    lines = exposures(doors, "2019", {"ex01": 60, "ex02": None})
    names = {line.door.name for line in lines}
    promised = {e.door.name for e in doors.expectations(um=False, archive=False)}
    assert promised - names == {"exchange/delegate/grant", "exchange/device/copy"}
    owa = next(line for line in lines if line.door.name == "exchange/owa/password")
    assert (owa.source, owa.value) == (Source.READ, "900 s after the last use")
    assumed = exposures(doors, "2019", {})
    assert assumed[0].source is Source.ASSUMED
