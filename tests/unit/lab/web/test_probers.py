# SPDX-License-Identifier: Apache-2.0
"""The probes see at each web door what the organisation's rules say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from evict.core.sighting import Outcome
from evict.lab.model.mailbox import FULL_ACCESS, READ_PERMISSION, SELF
from evict.lab.model.organisation import Organisation
from evict.lab.model.words import Pool
from evict.probes.registry import prober
from tests.unit.lab.model.made import NEW, Estate
from tests.unit.lab.web.made import login, site

WEB = ("owa", "ews", "mapi")
POOLS = (Pool.OWA, Pool.SERVICES, Pool.MAPI)


def recycle(org: Organisation) -> None:
    for pool in POOLS:
        org.recycle("ex01", pool)


@pytest.mark.parametrize("protocol", WEB)
async def test_who_has_the_password_is_in_and_who_has_not_is_refused(
    protocol: str, tmp_path: Path
) -> None:
    async with site(tmp_path) as at:
        seen = await prober(protocol).negative_login(at.endpoint(protocol), login())
        assert seen.outcome is Outcome.LET_IN
        seen = await prober(protocol).negative_login(at.endpoint(protocol), login("wrong"))
        assert seen.outcome is Outcome.REFUSED


@pytest.mark.parametrize("protocol", WEB)
async def test_a_session_outlives_disable_and_reset_until_its_pool_is_recycled(
    protocol: str, tmp_path: Path
) -> None:
    async with site(tmp_path) as at:
        witness = await prober(protocol).open_witness(at.endpoint(protocol), login())
        try:
            at.org.directory.disable("alice")
            at.org.directory.set_password("alice", NEW)
            at.estate.wait(600)
            assert await witness.beat() is Outcome.LET_IN
            recycle(at.org)
            assert (await witness.beat()).shut
        finally:
            await witness.close()


def quarantine(estate: Estate) -> None:
    estate.org.quarantine("alice")


def without_self(estate: Estate) -> None:
    estate.org.remove_permission("alice", SELF, (FULL_ACCESS, READ_PERMISSION))
    recycle(estate.org)


def features_off(estate: Estate) -> None:
    estate.org.set_features("alice", owa=False, ews=False, mapi=False)
    recycle(estate.org)


@pytest.mark.parametrize("protocol", WEB)
@pytest.mark.parametrize("measure", [quarantine, without_self, features_off])
async def test_a_refusal_that_a_page_shows_is_a_refusal(
    protocol: str, measure: Callable[[Estate], None], tmp_path: Path
) -> None:
    async with site(tmp_path) as at:
        witness = await prober(protocol).open_witness(at.endpoint(protocol), login())
        try:
            measure(at.estate)
            beat = await witness.beat()
            seen = await prober(protocol).negative_login(at.endpoint(protocol), login())
        finally:
            await witness.close()
    assert beat.shut
    assert seen.outcome is Outcome.REFUSED


@pytest.mark.parametrize("protocol", WEB)
async def test_a_mailbox_in_transit_is_neither_a_yes_nor_a_no(
    protocol: str, tmp_path: Path
) -> None:
    async with site(tmp_path) as at:
        at.org.start_move("alice", "DB02")
        while not at.org.moves.locked("alice"):
            at.estate.wait(1)
        seen = await prober(protocol).negative_login(at.endpoint(protocol), login())
    assert seen.outcome is Outcome.UNCLEAR


@pytest.mark.parametrize("protocol", WEB)
async def test_a_transcript_has_no_secret(protocol: str, tmp_path: Path) -> None:
    async with site(tmp_path) as at:
        seen = await prober(protocol).negative_login(at.endpoint(protocol), login("wrong-secret"))
    text = "\n".join(seen.transcript)
    assert text
    assert "wrong-secret" not in text
    assert all("cadata=***" in line for line in seen.transcript if "cadata=" in line)
