# SPDX-License-Identifier: Apache-2.0
"""A server, its shell or a move that fails in the middle of an order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from evict.core.errors import ExitCode
from evict.lab.model.words import Protocol
from tests.fault.exchange.wire import Wire, exchange, patience
from tests.lab.place import BOB, Place, place

WEB = ("owa", "activesync", "ews", "mapi")


@pytest.fixture
async def plain(tmp_path: Path) -> AsyncIterator[Place]:
    async with place(tmp_path, hook=False) as made:
        yield made


async def test_a_shell_that_dies_between_two_measures_holds_up_no_other_door(
    tmp_path: Path,
) -> None:
    async with place(tmp_path) as here, Wire(here) as wire:
        here.config = patience(wire.through(here.config), 5)
        box = here.box(BOB)
        wire.dies_when = lambda: box.forwarding_smtp_address is None
        async with here.serving() as service:
            first = await here.revoke(service, BOB)
            assert wire.dead
            assert first.code is ExitCode.FAILED
            assert "exchange" in first.failures
            assert first.effects["exchange:features"] == "done"
            assert first.effects["directory:disable"] == "done"
            assert set(first.effects.values()) & {"failed", "uncertain"}
            assert first.doors["directory/ldap/password"] == "shut"
            assert first.doors["exchange/imap/password"] == "shut"
            for protocol in WEB:
                assert first.doors[f"exchange/{protocol}/session"] == "shut"
            assert box.calendar.enabled, "not reached"
            wire.mend()
            second = await here.revoke(service, BOB, "r2")
        assert (second.code, second.failures) == (ExitCode.DOOR_OPEN, "")
        grants = {door: word for door, word in second.doors.items() if door.endswith("/grant")}
        assert set(grants.values()) == {"shut"}
        assert not any(rule.enabled for rule in box.rules)


async def test_a_lost_answer_of_a_write_is_uncertain_until_a_look_settles_it(
    plain: Place,
) -> None:
    async with Wire(plain) as wire:
        plain.config = patience(wire.through(plain.config), 12)
        box = plain.box(BOB)
        cut: list[float] = []

        def for_a_second() -> bool:
            """Every answer: the first one may be that of a search beside the write."""
            if box.forwarding_smtp_address is not None:
                return False
            cut.append(time.monotonic())
            return cut[-1] < cut[0] + 1.0

        wire.cut_when = for_a_second
        async with plain.serving() as service:
            done = await plain.revoke(service, BOB)
            assert done.report is not None
            events = await service._parts.ledger.journal.events(
                done.report.account, done.report.generation
            )
        kinds = [e.kind for e in events if e.subject == "exchange:stop-forwarding"]
        assert cut
        assert "measure.uncertain" in kinds
        assert kinds[-1] in ("measure.done", "measure.unchanged")
        assert done.doors["exchange/forward/grant"] == "shut"
        assert (done.code, done.failures) == (ExitCode.DOOR_OPEN, "")


async def test_a_role_that_is_missing_ends_the_order_and_is_named(plain: Place) -> None:
    service_account = plain.lab.model.directory.get("svc-evict")
    service_account.groups = [
        "View-Only Organization Management",
        "Administrators",
        "Domain Admins",
    ]
    plain.config = patience(plain.config, 60)
    async with plain.serving() as service:
        async with asyncio.timeout(14):
            done = await plain.revoke(service, BOB)
    assert done.code is ExitCode.FAILED
    assert done.report is not None
    refused = {e.measure: e.detail for e in done.report.effects if e.kind == "failed"}
    assert "no role of the service account" in refused["exchange:features"]
    assert done.effects["directory:disable"] == "done"
    assert done.doors["directory/ldap/password"] == "shut"
    assert done.doors["exchange/forward/grant"] == "open"
    assert plain.box(BOB).features.owa


async def test_a_move_that_fails_half_way_is_made_again_within_the_same_order(
    plain: Place,
) -> None:
    config = exchange(plain.config, may_recycle=False, may_move=True)
    plain.config = patience(config, 25)
    model, box = plain.lab.model, plain.box(BOB)
    source = box.database
    model.moves.next_fails_at = 40
    async with plain.serving() as service:
        going = asyncio.create_task(_goes_on(plain))
        try:
            done = await plain.revoke(service, BOB)
        finally:
            going.cancel()
            with suppress(asyncio.CancelledError):
                await going
    assert not model.moves.next_fails_at, "the first one did fail"
    assert done.effects["exchange:move"] == "done"
    assert "exchange:move" not in done.failures
    assert box.database != source


async def _goes_on(here: Place) -> None:
    """A server answers the leaver until the mailbox was moved; time flies in the organisation."""
    model, box = here.lab.model, here.box(BOB)
    source = box.database
    while box.database == source:
        model.log("ex01", Protocol.OWA, BOB.sam, 200, url="/owa/")
        here.lab.clock.advance(0.5)
        await asyncio.sleep(0.05)
