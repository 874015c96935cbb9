# SPDX-License-Identifier: Apache-2.0
"""Two slapds that hold one directory, the second a replica of the first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec import structs

from evict.config.watch import WatchSection
from evict.core.account import Account
from evict.core.errors import EvictError, Unreachable
from evict.core.measure import EffectKind
from evict.core.secret import Secret
from evict.core.sighting import Outcome
from evict.systems.base import Order, Passwords
from evict.systems.ldap.target import Timeouts
from evict.systems.openldap.connector import OpenLdapDirectory
from tests.live.slapd_rig import (
    EVICT_PASSWORD,
    LDAPS_PORT,
    LOCKED,
    Shape,
    Slapd,
    needs_slapd,
    slapd,
)

pytestmark = needs_slapd

ORDER = Order(generation=1, commit_at=datetime.now(UTC), forms=())
PASSWORDS = Passwords(first=Secret("Ev1-first-derived-A1"), second=Secret("Ev1-second-derived-B2"))


@asynccontextmanager
async def pair(
    *, replica_first: bool, folder: Path
) -> AsyncIterator[tuple[Slapd, Slapd, OpenLdapDirectory]]:
    with (
        slapd() as writer,
        slapd(Shape(server_id=2, provider=(writer.host, writer.ca_file))) as replica,
    ):
        both = folder / "both.pem"
        both.write_bytes(writer.ca_file.read_bytes() + replica.ca_file.read_bytes())
        order = (replica, writer) if replica_first else (writer, replica)
        section = structs.replace(
            writer.section(),
            servers=tuple(f"{server.host}:{LDAPS_PORT}" for server in order),
            ca_file=both,
        )
        quick = Timeouts(connect_s=1.0, answer_s=3.0)
        ours = OpenLdapDirectory(section, Secret(EVICT_PASSWORD), timeouts=quick)
        writer.person("alice")
        try:
            await replicated(writer, replica, both)
            yield writer, replica, ours
        finally:
            await ours.close()


async def replicated(writer: Slapd, replica: Slapd, ca_file: Path) -> Account:
    """Wait until the replica holds alice."""
    section = structs.replace(
        writer.section(), servers=(f"{replica.host}:{LDAPS_PORT}",), ca_file=ca_file
    )
    there = OpenLdapDirectory(section, Secret(EVICT_PASSWORD))
    try:
        for _ in range(200):
            try:
                return await there.resolve("alice")
            except EvictError:
                await asyncio.sleep(0.05)
        raise AssertionError("nothing was replicated")
    finally:
        await there.close()


async def test_a_write_goes_where_writes_are_taken_and_both_are_looked_at(tmp_path: Path) -> None:
    async with pair(replica_first=True, folder=tmp_path) as (writer, replica, ours):
        account = await ours.resolve("alice")
        seen = await ours.observe(account, ORDER)
        for measure in ours.plan(account, seen, ORDER):
            effect = await ours.apply(account, measure, ORDER, PASSWORDS)
            assert effect.kind is EffectKind.DONE
            assert writer.host in effect.detail
        for _ in range(200):
            sightings = (await ours.observe(account, ORDER)).sightings
            if {s.outcome for s in sightings} == {Outcome.EMPTY}:
                break
            await asyncio.sleep(0.05)
        assert {s.where.partition(":")[0] for s in sightings} == {writer.host, replica.host}
        assert {s.outcome for s in sightings} == {Outcome.EMPTY}
        await asyncio.to_thread(writer.stop)
        with pytest.raises(Unreachable, match="replica"):
            await ours.set_fresh_password(account, Secret("Fresh-Pass-3"))


async def test_a_watch_goes_on_at_the_replica_from_the_same_position(tmp_path: Path) -> None:
    async with pair(replica_first=False, folder=tmp_path) as (writer, _, ours):
        watch = ours.watch(WatchSection())
        position = b""
        async for glimpse in watch.everybody():
            position = glimpse.position
        writer.replace("uid=alice,ou=people,dc=corp,dc=test", "pwdAccountLockedTime", LOCKED)
        for _ in range(200):  # until the replica has it too
            shown = (await ours.observe(await ours.resolve("alice"), None)).sightings
            if {s.outcome for s in shown} == {Outcome.EMPTY}:
                break
            await asyncio.sleep(0.05)
        await asyncio.to_thread(writer.stop)
        told: dict[str, bool] = {}
        for _ in range(50):
            try:
                glimpse = await watch.since(position)
            except Unreachable:
                await watch.hint(0.05)
                continue
            told = {p.account.sam: p.account.enabled for p in glimpse.presences}
            break
        await watch.close()
        assert told == {"alice": False}
