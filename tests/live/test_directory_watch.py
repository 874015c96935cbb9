# SPDX-License-Identifier: Apache-2.0
"""The watch of a directory on the estate's Samba, asked as the plain service account."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from uuid import uuid4

import msgspec
import pytest
from structlog.testing import capture_logs

from estate import ldif, people
from estate.commands import EstateError
from estate.layout import BASE_DN, EVICT_PASSWORD, EVICT_USER, PEOPLE_DN, Layout
from estate.people import Person
from evict.config.model import DirectorySection
from evict.config.watch import WatchSection
from evict.core.errors import AccountUnknown, RemoteProtocolError
from evict.core.exposure import Severity
from evict.core.presence import Presence
from evict.core.secret import Secret
from evict.systems.active_directory.connector import ActiveDirectory
from evict.systems.active_directory.watch import position as positions
from evict.systems.active_directory.watch.watch import ActiveDirectoryWatch
from evict.systems.base import PositionLost

pytestmark = pytest.mark.live

_LEFT = f"OU=Left,{BASE_DN}"


@dataclass
class Town:
    layout: Layout
    directory: ActiveDirectory
    watch: ActiveDirectoryWatch
    position: bytes = b""

    async def begin(self) -> list[Presence]:
        """Read everybody; the watch goes on from there."""
        seen: list[Presence] = []
        async for glimpse in self.watch.everybody():
            seen += glimpse.presences
            self.position = glimpse.position
        return seen

    async def new(self) -> tuple[Presence, ...]:
        """What changed since, the service account's own sign-ins left out."""
        glimpse = await self.watch.since(self.position)
        self.position = glimpse.position
        return tuple(p for p in glimpse.presences if not p.account.sam.startswith("svc-"))

    async def change(self, changes: str) -> tuple[Presence, ...]:
        await asyncio.to_thread(people.modify, self.layout, changes)
        return await self.new()

    async def one(self, changes: str) -> Presence:
        (shown,) = await self.change(changes)
        return shown


def directory_of(
    layout: Layout, user: str = EVICT_USER, password: str = EVICT_PASSWORD, base: str = BASE_DN
) -> ActiveDirectory:
    section = DirectorySection(
        servers=(layout.ip,),
        base_dn=base,
        bind_user=user,
        password_file=Path("/nowhere"),
        ca_file=layout.ca,
    )
    return ActiveDirectory(section, Secret(password))


@pytest.fixture
async def town(estate: Layout) -> AsyncIterator[Town]:
    async for made in opened(estate, WatchSection()):
        yield made


async def opened(layout: Layout, rules: WatchSection, **other: str) -> AsyncIterator[Town]:
    directory = directory_of(layout, **other)
    watch = directory.watch(rules)
    try:
        yield Town(layout, directory, watch)
    finally:
        await watch.close()
        await directory.close()


async def test_everybody_is_read_as_one_is_read(town: Town, person: Person) -> None:
    seen = await town.begin()
    assert town.watch.mode == "dirsync"
    alive = {p.account.id: p for p in seen if not p.deleted}
    assert person.name in {p.account.sam for p in alive.values()}
    assert "DC1$" not in {p.account.sam for p in alive.values()}
    for account_id, presence in alive.items():
        assert presence.account == await town.directory.read(account_id)
    assert await town.new() == ()
    told = {finding.code: finding.severity for finding in await town.directory.findings()}
    assert told["directory-deletions"] is Severity.OK


async def test_each_change_shows_the_whole_account(town: Town, person: Person) -> None:
    await town.begin()
    assert not (await town.one(disabled(person))).account.enabled
    alias = f"late-{person.name}@corp.test"
    added = await town.one(ldif.add_value(person.dn, "proxyAddresses", [f"smtp:{alias}"]))
    assert alias in added.account.addresses
    assert added.account == await town.directory.read(added.account.id)
    assert not added.account.enabled
    ends = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
    ticks = str((ends - datetime(1601, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 10)
    assert (await town.one(ldif.modify(person.dn, {"accountExpires": ticks}))).expires_at == ends
    never = await town.one(ldif.modify(person.dn, {"accountExpires": str(2**63 - 1)}))
    assert never.expires_at is None
    reset = await town.one(ldif.modify(person.dn, {"pwdLastSet": "0"}))
    assert reset.must_change_password
    assert reset.password_set == "0"


async def test_what_matters_to_nobody_is_not_shown(town: Town, person: Person) -> None:
    await town.begin()
    await town.one(disabled(person))
    before = town.position
    assert await town.change(ldif.modify(person.dn, {"telephoneNumber": "5"})) == ()
    assert town.position == before, "nothing has to be stored"
    await town.one(ldif.modify(person.dn, {"userAccountControl": "512"}))
    again = await town.watch.since(before)
    assert [p.account.enabled for p in again.presences] == [True], "an older one still serves"


async def test_a_deletion_is_a_tombstone_that_was_seen(town: Town) -> None:
    gone = await asyncio.to_thread(people.create, town.layout, f"gone-{uuid4().hex[:8]}")
    known = {p.account.sam: p.account for p in await town.begin()}[gone.name]
    shown = await town.one(ldif.delete(gone.dn))
    assert shown.deleted
    assert (shown.account.id, shown.account.sam, shown.account.dn) == (
        known.id,
        gone.name,
        gone.dn,
    )
    with pytest.raises(AccountUnknown):
        await town.directory.read(known.id)
    again = [p for p in await town.begin() if p.account.id == known.id]
    assert [p.deleted for p in again] == [True]


async def test_a_move_out_of_the_base_into_a_leavers_unit_is_seen(
    estate: Layout, person: Person
) -> None:
    rules = WatchSection(leavers_units=(_LEFT,))
    if not exists(estate, _LEFT):
        people.modify(estate, ldif.add(_LEFT, {"objectClass": "organizationalUnit"}))
    async for town in opened(estate, rules, base=PEOPLE_DN):
        await town.begin()
        moved = await town.one(move(person.dn, person.name, _LEFT))
        assert moved.account.dn == f"CN={person.name},{_LEFT}"
        back = await town.one(move(moved.account.dn, person.name, PEOPLE_DN))
        assert back.account.dn == person.dn
        outside = await town.change(move(person.dn, person.name, f"CN=Users,{BASE_DN}"))
        assert outside == (), "neither below the base nor among the leavers"
        await town.change(move(f"CN={person.name},CN=Users,{BASE_DN}", person.name, PEOPLE_DN))


async def test_who_comes_into_a_leavers_group_is_seen_however_deep(
    estate: Layout, person: Person
) -> None:
    tag = uuid4().hex[:6]
    outer, inner = (f"CN=Left {kind} {tag},CN=Users,{BASE_DN}" for kind in ("Outer", "Inner"))
    for dn, name in ((outer, f"left-o-{tag}"), (inner, f"left-i-{tag}")):
        people.modify(estate, ldif.add(dn, {"objectClass": "group", "sAMAccountName": name}))
    async for town in opened(estate, WatchSection(leavers_groups=(outer,))):
        await town.begin()
        assert await town.change(ldif.add_value(inner, "member", [person.dn])) == ()
        joined = await town.one(ldif.add_value(outer, "member", [inner]))
        assert outer in joined.account.groups
        assert joined.account == await town.directory.read(joined.account.id)
        before = town.position
        left = await town.one(ldif.modify(inner, {"member": []}))
        assert outer not in left.account.groups
        # Who could not deal with it asks again from before, and hears it again.
        again = await town.watch.since(before)
        assert [p.account for p in again.presences] == [left.account]
        direct = await town.one(ldif.add_value(outer, "member", [person.dn]))
        assert outer in direct.account.groups
        others = ldif.add_value(f"CN=Guests,CN=Builtin,{BASE_DN}", "member", [person.dn])
        assert await town.change(others) == (), "no leavers' group"
    people.modify(estate, ldif.delete(inner) + ldif.delete(outer))


async def test_hundreds_of_changes_come_at_once(town: Town) -> None:
    names = [f"many-{uuid4().hex[:6]}-{number}" for number in range(300)]
    await town.begin()
    made = await asyncio.to_thread(people.create_many, town.layout, names)
    assert {p.account.sam for p in await town.new()} == set(names)
    shown = await town.change("".join(disabled(one) for one in made))
    assert len(shown) == 300
    assert not any(p.account.enabled for p in shown)
    gone = await town.change("".join(ldif.delete(one.dn) for one in made))
    assert {p.account.sam for p in gone if p.deleted} == set(names)


async def test_a_position_that_is_not_of_this_server_as_it_stands_is_lost(
    town: Town, person: Person
) -> None:
    """Samba itself takes a cookie of its own later state: the change would never be seen."""
    await town.begin()
    held = positions.decode(town.position, "directory")
    other = msgspec.structs.replace(held, invocation="00" * 16)
    with pytest.raises(PositionLost):
        await town.watch.since(positions.encode(other))
    later = msgspec.structs.replace(held, usn=held.usn + 10_000)
    with pytest.raises(PositionLost):
        await town.watch.since(positions.encode(later))
    foreign = msgspec.structs.replace(held, domain="01" * 24)
    with pytest.raises(RemoteProtocolError, match="another domain"):
        await town.watch.since(positions.encode(foreign))
    noise = msgspec.structs.replace(held, cookie=b"noise")
    with pytest.raises(PositionLost):
        await town.watch.since(positions.encode(noise))
    assert (await town.one(disabled(person))).account.sam == person.name
    future = bytearray(held.cookie)
    future[28:36] = future[44:52] = (10**6).to_bytes(8, "little")
    deaf = await town.watch.since(
        positions.encode(msgspec.structs.replace(held, cookie=bytes(future)))
    )
    assert not deaf.presences, "the twin: Samba says that nothing changed"


async def test_a_user_without_rights_sees_no_deletion_and_that_is_said(
    estate: Layout, person: Person
) -> None:
    gone = people.create(estate, f"gone-{uuid4().hex[:8]}")
    with capture_logs() as logs:
        async for town in opened(estate, WatchSection(), user=person.upn, password=person.password):
            assert not [p for p in await town.begin() if p.deleted]
            shown = await town.change(disabled(gone))
            assert [p.account.sam for p in shown] == [gone.name]
            assert not await town.change(ldif.delete(gone.dn))
            told = {f.code: f.severity for f in await town.directory.findings()}
            assert told["directory-deletions"] is Severity.WARNING
    assert "watch.deletions_not_shown" in {line["event"] for line in logs}


async def test_a_hint_comes_before_the_time_is_over(town: Town, person: Person) -> None:
    await town.begin()
    await town.new()
    await town.watch.hint(3.0)  # the listener is up by then, and its own sign-in is over
    await town.new()
    began = time.monotonic()
    hinted = asyncio.create_task(town.watch.hint(20.0))
    await asyncio.sleep(0.2)
    await asyncio.to_thread(people.disable, town.layout, person)
    await hinted
    assert time.monotonic() - began < 10.0


async def test_it_is_fast_and_idle_costs_little(town: Town, person: Person) -> None:
    await town.begin()
    took: list[float] = []
    for bits in (514, 512) * 10:
        change = ldif.modify(person.dn, {"userAccountControl": str(bits)})
        await asyncio.to_thread(people.modify, town.layout, change)
        began = time.perf_counter()
        assert len(await town.new()) == 1
        took.append(time.perf_counter() - began)
    assert median(took) < 0.020
    await town.new()
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(30):
        await town.watch.since(town.position)
        await town.watch.hint(0.1)
    share = (time.process_time() - cpu) / (time.perf_counter() - wall)
    assert share < 0.03, f"{share:.1%} of a core"


def disabled(person: Person) -> str:
    return ldif.modify(person.dn, {"userAccountControl": "514"})


def move(dn: str, name: str, unit: str) -> str:
    return (
        f"dn: {dn}\nchangetype: modrdn\nnewrdn: CN={name}\ndeleteoldrdn: 1\nnewsuperior: {unit}\n\n"
    )


def exists(layout: Layout, dn: str) -> bool:
    try:
        people.modify(layout, ldif.modify(dn, {"description": "looked at"}))
    except EstateError:
        return False
    return True
