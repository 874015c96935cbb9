# SPDX-License-Identifier: Apache-2.0
"""The watch over Debian's slapd, by syncprov and by accesslog: what is seen, and what never is.

Long: the list of what a directory may do to a watch is read as one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import msgspec
import pytest

from evict.config.watch import WatchSection
from evict.core.errors import (
    AccessRefused,
    EvictError,
    RemoteProtocolError,
    SystemFault,
    Unreachable,
    Unsupported,
)
from evict.core.presence import Presence
from evict.core.secret import Secret
from evict.systems.base import DirectoryWatch, PositionLost
from evict.systems.openldap.connector import OpenLdapDirectory
from tests.live.slapd_rig import (
    EVICT,
    EVICT_PASSWORD,
    GROUPS,
    LEAVERS,
    LOCKED,
    PEOPLE,
    SUFFIX,
    Shape,
    Slapd,
    directory,
    needs_slapd,
    slapd,
)

pytestmark = needs_slapd

WAYS = ("syncrepl", "accesslog")
RULES = WatchSection(leavers_groups=(f"cn=gone,{GROUPS}",))


@asynccontextmanager
async def watching(server: Slapd, way: str = "syncrepl") -> AsyncIterator[DirectoryWatch]:
    async with directory(server, watch_by=way) as ours:
        watch = ours.watch(RULES)
        try:
            yield watch
        finally:
            await watch.close()


async def everybody(watch: DirectoryWatch) -> tuple[dict[str, Presence], bytes]:
    seen: dict[str, Presence] = {}
    position = b""
    async for glimpse in watch.everybody():
        assert not position, "the position came before the end"
        seen |= {p.account.id: p for p in glimpse.presences}
        position = glimpse.position
    assert position
    return seen, position


class Follower:
    """Goes from position to position."""

    def __init__(self, watch: DirectoryWatch, position: bytes) -> None:
        self.watch = watch
        self.position = position

    async def next(self) -> dict[str, Presence]:
        """By uid; fails where nothing was told within some seconds."""
        for _ in range(200):
            glimpse = await self.watch.since(self.position)
            self.position = glimpse.position
            if glimpse.presences:
                return {p.account.sam or p.account.id: p for p in glimpse.presences}
            await self.watch.hint(0.05)
        raise AssertionError("nothing was told")

    async def nothing(self) -> None:
        glimpse = await self.watch.since(self.position)
        self.position = glimpse.position
        assert glimpse.presences == ()


async def following(watch: DirectoryWatch) -> Follower:
    """From the end of a whole reading, with nothing left to tell."""
    _, position = await everybody(watch)
    follower = Follower(watch, position)
    while (glimpse := await watch.since(follower.position)).presences:
        follower.position = glimpse.position
    follower.position = glimpse.position
    return follower


@pytest.mark.parametrize("way", WAYS)
async def test_every_sign_is_seen_as_it_is_set(way: str) -> None:
    with slapd() as server:
        dn = server.person("alice", mail="alice@corp.test")
        async with watching(server, way) as watch:
            follower = await following(watch)
            server.replace(dn, "pwdAccountLockedTime", LOCKED)
            assert not (await follower.next())["alice"].account.enabled
            server.replace(dn, "pwdAccountLockedTime", "20260101000000Z")
            assert (await follower.next())["alice"].account.enabled, "a lock that ends"
            server.replace(dn, "pwdEndTime", "20300203040506Z")
            expiry = datetime(2030, 2, 3, 4, 5, 6, tzinfo=UTC)
            assert (await follower.next())["alice"].expires_at == expiry
            server.replace(dn, "shadowExpire", "20000")
            expiry = datetime(2024, 10, 4, tzinfo=UTC)
            assert (await follower.next())["alice"].expires_at == expiry
            before = (await everybody(watch))[0].popitem()[1].password_set
            server.replace(dn, "pwdReset", "TRUE")
            assert (await follower.next())["alice"].must_change_password
            await asyncio.sleep(1.1)  # pwdChangedTime counts seconds
            server.replace(dn, "userPassword", "Other-5")
            assert (await follower.next())["alice"].password_set > before
            server.replace(dn, "mail", "a.new.name@corp.test")
            assert (await follower.next())["alice"].account.addresses == ("a.new.name@corp.test",)
            await follower.nothing()


@pytest.mark.parametrize("way", WAYS)
async def test_a_deletion_is_told_by_name_and_a_move_is_none(way: str) -> None:
    with slapd() as server:
        stays, goes = server.person("bob"), server.person("carl", mail="carl@corp.test")
        async with watching(server, way) as watch:
            seen, _ = await everybody(watch)
            follower = await following(watch)
            server.change(
                f"dn: {stays}\nchangetype: moddn\nnewrdn: uid=bob\ndeleteoldrdn: 0\n"
                f"newsuperior: {LEAVERS}\n"
            )
            told = (await follower.next())["bob"]
            assert not told.deleted
            assert told.account.dn == f"uid=bob,{LEAVERS}"
            server.delete(goes)
            (gone,) = (await follower.next()).values()
            assert gone.deleted
            assert seen[gone.account.id].account.sam == "carl"
            await follower.nothing()


@pytest.mark.parametrize("way", WAYS)
async def test_who_joins_the_leavers_group_is_told(way: str) -> None:
    with slapd() as server:
        first, second = server.person("dora"), server.person("ernst")
        gone = server.group("gone", first)
        inner = server.group("inner", first)
        async with watching(server, way) as watch:
            seen, _ = await everybody(watch)
            groups = {p.account.sam: p.account.groups for p in seen.values()}
            assert gone in groups["dora"]
            assert gone not in groups["ernst"]
            follower = await following(watch)
            server.change(f"dn: {gone}\nchangetype: modify\nadd: member\nmember: {second}\n")
            assert gone in (await follower.next())["ernst"].account.groups
            server.change(f"dn: {gone}\nchangetype: modify\ndelete: member\nmember: {second}\n")
            server.change(f"dn: {inner}\nchangetype: modify\nadd: member\nmember: {second}\n")
            server.change(f"dn: {gone}\nchangetype: modify\nadd: member\nmember: {inner}\n")
            assert gone in (await follower.next())["ernst"].account.groups, "nested"
            third = server.person("fritz")
            await follower.next()
            server.change(f"dn: {inner}\nchangetype: modify\nadd: member\nmember: {third}\n")
            told = await follower.next()
            assert gone in told["fritz"].account.groups, "into a group in it"


async def test_who_joins_the_leavers_group_while_everybody_is_read_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("evict.systems.openldap.syncrepl._PAGE", 1)
    with slapd() as server:
        first, second = server.person("dora"), server.person("ernst")
        gone = server.group("gone", first)
        async with watching(server) as watch:
            told: dict[str, Presence] = {}
            async for glimpse in watch.everybody():
                if not told:
                    server.change(
                        f"dn: {gone}\nchangetype: modify\nadd: member\nmember: {second}\n"
                    )
                told |= {p.account.sam: p for p in glimpse.presences}
            assert gone in told["ernst"].account.groups


@pytest.mark.parametrize("way", WAYS)
async def test_what_happened_while_nobody_watched_is_told_afterwards(way: str) -> None:
    with slapd() as server:
        people = [server.person(f"p{n}") for n in range(30)]
        async with watching(server, way) as watch:
            follower = await following(watch)
        await asyncio.to_thread(server.stop)
        await asyncio.to_thread(server.start)
        for dn in people[:20]:
            server.replace(dn, "pwdAccountLockedTime", LOCKED)
        server.delete(people[25])
        async with watching(server, way) as watch:
            late = Follower(watch, follower.position)
            told = await late.next()
            assert {u for u, p in told.items() if not p.account.enabled and not p.deleted} == {
                f"p{n}" for n in range(20)
            }
            assert told["p25"].deleted, "its name is in the access log"
            await late.nothing()


async def test_a_deletion_that_only_absence_shows_closes_nobody() -> None:
    """Without a session log slapd names who is still there: no word of who is not."""
    with slapd(Shape(session_log=0, accesslog=False)) as server:
        people = [server.person(f"p{n}") for n in range(5)]
        async with watching(server) as watch:
            follower = await following(watch)
        server.delete(people[0])
        server.replace(people[1], "pwdAccountLockedTime", LOCKED)
        async with watching(server) as watch:
            told = await Follower(watch, follower.position).next()
            assert [u for u, p in told.items() if p.deleted] == []
            assert not told["p1"].account.enabled


async def test_a_deletion_is_seen_at_once_without_a_session_log_too() -> None:
    with slapd(Shape(session_log=0, accesslog=False)) as server:
        dn = server.person("fritz")
        server.person("gustav")
        async with watching(server) as watch:
            follower = await following(watch)
            await watch.hint(0.3)
            server.delete(dn)
            (gone,) = (await follower.next()).values()
            assert gone.deleted


async def test_a_change_is_hinted_at_at_once() -> None:
    with slapd() as server:
        dn = server.person("hugo")
        async with watching(server) as watch:
            follower = await following(watch)
            await watch.hint(0.5)
            while True:  # until the search that persists has told all it had to tell
                started = time.monotonic()
                await watch.hint(0.3)
                if time.monotonic() - started > 0.29:
                    break
            waiting = asyncio.create_task(watch.hint(20.0))
            await asyncio.to_thread(server.replace, dn, "pwdAccountLockedTime", LOCKED)
            done = time.monotonic()
            await waiting
            assert time.monotonic() - done < 1.0
            assert not (await follower.next())["hugo"].account.enabled


async def test_what_left_what_was_asked_for_is_not_deleted() -> None:
    """slapd says `deleted` of an entry that no longer matches the filter."""
    with slapd() as server:
        server.person("jan")
        async with watching(server) as watch:
            follower = await following(watch)
            await watch.hint(0.2)
            server.change(
                f"dn: uid=kim,{PEOPLE}\nchangetype: add\nobjectClass: inetOrgPerson\n"
                "objectClass: extensibleObject\nuid: kim\ncn: kim\nsn: kim\n"
            )
            assert "kim" in await follower.next()
            server.change(
                f"dn: uid=kim,{PEOPLE}\nchangetype: modrdn\nnewrdn: cn=kim\ndeleteoldrdn: 1\n"
            )
            for _ in range(10):
                await watch.hint(0.05)
                await follower.nothing()


@pytest.mark.parametrize("way", WAYS)
async def test_a_position_of_another_directory_is_lost(way: str) -> None:
    with slapd() as one, slapd(Shape(server_id=2)) as other:
        one.person("karl")
        other.person("karl")
        async with watching(one, way) as watch:
            follower = await following(watch)
        async with watching(other, way) as watch:
            with pytest.raises(PositionLost, match="another directory"):
                await watch.since(follower.position)
            for damaged in (b"", b"{}", b"\xff", follower.position[:-5]):
                with pytest.raises(PositionLost):
                    await watch.since(damaged)
            assert await everybody(watch)


async def test_a_cookie_of_a_strange_server_is_lost() -> None:
    with slapd() as server:
        server.person("laura")
        async with watching(server) as watch:
            follower = await following(watch)
            place = msgspec.json.decode(follower.position)
            strange = place | {"at": "rid=000,csn=20200101000000.000000Z#000000#0aa#000000"}
            with pytest.raises(PositionLost):
                await watch.since(msgspec.json.encode(strange))
            await follower.nothing()


async def test_a_server_that_is_behind_is_not_asked_and_given_up_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A replica that lags would show what was; one set back from a backup is behind for good."""
    with slapd() as server:
        server.person("laura")
        async with watching(server) as watch:
            follower = await following(watch)
            place = msgspec.json.decode(follower.position)
        newer = place | {"at": "rid=000,csn=20990101000000.000000Z#000000#001#000000"}
        async with watching(server) as watch:
            for _ in range(2):
                with pytest.raises(Unreachable, match="behind"):
                    await watch.since(msgspec.json.encode(newer))
            monkeypatch.setattr("evict.systems.openldap.syncrepl._PATIENCE_S", 0.0)
            with pytest.raises(PositionLost, match="behind"):
                await watch.since(msgspec.json.encode(newer))
            assert (await watch.since(follower.position)).presences == ()


async def test_a_log_that_no_longer_reaches_back_is_lost() -> None:
    with slapd() as server:
        dn = server.person("moritz")
        async with watching(server, "accesslog") as watch:
            follower = await following(watch)
            place = msgspec.json.decode(follower.position)
            assert place["seen"]
            old = msgspec.json.encode(place | {"at": "20200101000000.000000Z"})
        server.replace(dn, "pwdAccountLockedTime", LOCKED)
        async with watching(server, "accesslog") as watch:
            with pytest.raises(PositionLost, match="reaches back"):
                await watch.since(old)


@pytest.mark.parametrize("way", WAYS)
async def test_a_size_limit_is_an_error_and_no_small_company(way: str) -> None:
    with slapd(Shape(size_limit="10")) as server:
        for n in range(15):
            server.person(f"p{n}")
        async with watching(server, way) as watch:
            with pytest.raises(SystemFault) as caught:
                await everybody(watch)
            assert not isinstance(caught.value, Unreachable)


@pytest.mark.parametrize("way", WAYS)
async def test_a_directory_that_shows_nobody_is_an_error(way: str) -> None:
    with slapd() as server:
        async with watching(server, way) as watch:
            with pytest.raises(RemoteProtocolError, match="nobody"):
                await everybody(watch)


async def test_a_referral_is_an_error() -> None:
    with slapd() as server:
        server.person("nina")
        async with watching(server) as watch:
            follower = await following(watch)
            server.change(
                f"dn: ou=far,{SUFFIX}\nchangetype: add\nobjectClass: referral\n"
                "objectClass: extensibleObject\nou: far\nref: ldap://127.163.0.1/dc=far,dc=test\n"
            )
            with pytest.raises(RemoteProtocolError, match="elsewhere"):
                await everybody(watch)
            with pytest.raises(RemoteProtocolError, match="elsewhere"):
                await follower.next()


async def test_rights_that_were_taken_away_delete_nobody() -> None:
    with slapd() as server:
        dn = server.person("otto")
        server.person("paul")
        async with watching(server) as watch:
            follower = await following(watch)
            server.delete(dn)
            server.replace(f"uid=paul,{PEOPLE}", "employeeNumber", "1")
            server.hide(PEOPLE)
            with pytest.raises(AccessRefused, match="rights"):
                await follower.next()


@pytest.mark.parametrize("accesslog", [False, True])
async def test_one_who_is_hidden_from_us_is_not_deleted(accesslog: bool) -> None:  # noqa: FBT001
    """slapd names an entry that was changed and may not be seen among the deleted."""
    with slapd(Shape(accesslog=accesslog)) as server:
        dn = server.person("peter")
        server.person("paul")
        async with watching(server) as watch:
            follower = await following(watch)
            await watch.hint(0.3)
            server.hide(dn)
            server.replace(dn, "employeeNumber", "1")
            for _ in range(10):
                await follower.nothing()
                await watch.hint(0.05)


async def test_a_deletion_while_nobody_watched_needs_a_record() -> None:
    with slapd(Shape(accesslog=False)) as server:
        dn = server.person("petra")
        server.person("paul")
        async with watching(server) as watch:
            follower = await following(watch)
        server.delete(dn)
        async with watching(server) as watch:
            late = Follower(watch, follower.position)
            for _ in range(5):
                await late.nothing()
                await watch.hint(0.05)


async def test_without_syncprov_it_is_said_what_to_do() -> None:
    with slapd(Shape(syncprov=False, accesslog=False)) as server:
        server.person("quentin")
        async with watching(server) as watch:
            with pytest.raises(Unsupported, match="syncprov"):
                await everybody(watch)
        async with watching(server, "accesslog") as watch:
            with pytest.raises(Unsupported, match="accesslog"):
                await everybody(watch)


@pytest.mark.parametrize("way", WAYS)
async def test_a_server_that_goes_away_is_an_error_and_taken_up_again(way: str) -> None:
    with slapd() as server:
        dn = server.person("rosa")
        async with watching(server, way) as watch:
            follower = await following(watch)
            await asyncio.to_thread(server.stop)
            for _ in range(3):
                with pytest.raises(EvictError):
                    await watch.since(follower.position)
                await watch.hint(0.01)
            await asyncio.to_thread(server.start)
            server.replace(dn, "pwdAccountLockedTime", LOCKED)
            assert not (await follower.next())["rosa"].account.enabled


async def test_a_foreign_base_is_an_error() -> None:
    with slapd() as server:
        server.person("susi")
        section = msgspec.structs.replace(server.section(), base_dn="dc=other,dc=test")
        ours = OpenLdapDirectory(section, Secret(EVICT_PASSWORD))
        watch = ours.watch(RULES)
        with pytest.raises(SystemFault, match="dc=other"):
            await everybody(watch)
        await watch.close()
        await ours.close()
        assert section.bind_user == EVICT


async def test_a_deletion_that_was_not_dealt_with_is_told_again() -> None:
    with slapd(Shape(accesslog=False)) as server:
        dn = server.person("tina")
        server.person("paul")
        async with watching(server) as watch:
            follower = await following(watch)
            await watch.hint(0.3)
            server.delete(dn)
            before = follower.position
            (gone,) = (await follower.next()).values()
            again = await watch.since(before)
            assert [p.account.id for p in again.presences] == [gone.account.id]
            follower.position = again.position
            for _ in range(3):
                await follower.nothing()
            assert [p for p in (await watch.since(before)).presences if p.deleted] == []
