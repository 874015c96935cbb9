# SPDX-License-Identifier: Apache-2.0
"""The OpenLDAP connector on Debian's slapd: who somebody is, closing, and taking it back.

Long: one page of what a connector owes, each on the same server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from msgspec import structs

from evict.core.account import Account
from evict.core.errors import (
    AccessRefused,
    AccountAmbiguous,
    AccountUnknown,
    NameRefused,
    RemoteProtocolError,
    Unreachable,
    Unsupported,
)
from evict.core.exposure import Severity
from evict.core.measure import BeforeImage, EffectKind
from evict.core.secret import Secret
from evict.core.sighting import Outcome
from evict.probes.base import Login
from evict.probes.registry import prober
from evict.systems.base import Order, Passwords
from evict.systems.ldap.connection import Connection
from evict.systems.ldap.target import Target, tls_context
from evict.systems.openldap.connector import OpenLdapDirectory
from tests.live.slapd_rig import (
    EVICT_PASSWORD,
    LDAPS_PORT,
    LOCKED,
    OLD,
    PEOPLE,
    SUFFIX,
    Shape,
    Slapd,
    directory,
    needs_slapd,
    slapd,
)

pytestmark = needs_slapd

ORDER = Order(generation=1, commit_at=datetime.now(UTC), forms=())
PASSWORDS = Passwords(first=Secret("Ev1-first-derived-A1"), second=Secret("Ev1-second-derived-B2"))


@pytest.fixture(scope="module")
def server() -> Iterator[Slapd]:
    with slapd() as running:
        yield running


async def lets_in(server: Slapd, dn: str, password: Secret) -> bool:
    target = Target(
        system="test",
        host=server.host,
        port=LDAPS_PORT,
        tls=tls_context(str(server.ca_file)),
        server_name=server.host,
    )
    connection = await Connection.open(target)
    result = await connection.bind(dn, password)
    await connection.close()
    return result.code == 0


async def close(ours: OpenLdapDirectory, account: Account) -> list[BeforeImage]:
    """Plan and apply until nothing is left; the before-images, the first of each kind."""
    images: dict[str, BeforeImage] = {}
    for _ in range(2):
        seen = await ours.observe(account, ORDER)
        for measure in ours.plan(account, seen, ORDER):
            assert measure.image is not None
            images.setdefault(measure.id, measure.image)
            effect = await ours.apply(account, measure, ORDER, PASSWORDS)
            assert effect.kind in (EffectKind.DONE, EffectKind.UNCHANGED), effect
    assert ours.plan(account, await ours.observe(account, ORDER), ORDER) == ()
    return list(images.values())


async def test_each_name_of_an_account_finds_it(server: Slapd) -> None:
    dn = server.person("amelie", mail="Amelie.Ott@corp.test")
    async with directory(server) as ours:
        account = await ours.resolve("amelie")
        names = ("AMELIE", "amelie@corp.test", "amelie.ott@CORP.test", "amelie.ott+x@corp.test")
        for name in (*names, dn, dn.replace(",", ", "), account.id, "corp.test\\amelie"):
            assert (await ours.resolve(name)).id == account.id, name
        assert (account.dn, account.sam, account.upn) == (dn, "amelie", "Amelie.Ott@corp.test")
        assert account.enabled
        assert await ours.read(account.id) == account


async def test_a_name_that_is_not_exactly_one_account_s_is_nobody(server: Slapd) -> None:
    server.person("twin1", mail="twins@corp.test")
    server.person("twin2", mail="twins@corp.test")
    async with directory(server) as ours:
        with pytest.raises(AccountAmbiguous):
            await ours.resolve("twins@corp.test")
        with pytest.raises(AccountUnknown, match="near: twin"):
            await ours.resolve("twin")
        strangers = ("nobody", f"uid=nobody,{PEOPLE}", SUFFIX, "dc=elsewhere,dc=test", "a=b,c=,d=e")
        for name in (*strangers, "00000000-0000-0000-0000-000000000001"):
            with pytest.raises(AccountUnknown):
                await ours.resolve(name)
        for name in ("*", "twin*", "", "twin1)(uid=*", "tw\u0456n1"):
            with pytest.raises((NameRefused, AccountUnknown)):
                await ours.resolve(name)


async def test_a_closed_account_is_refused_and_an_undo_lets_it_in_again(server: Slapd) -> None:
    dn = server.person("berta", mail="berta@corp.test")
    async with directory(server) as ours:
        account = await ours.resolve("berta")
        assert await lets_in(server, dn, OLD)
        images = await close(ours, account)
        for password in (OLD, PASSWORDS.first, PASSWORDS.second):
            assert not await lets_in(server, dn, password)
        assert not (await ours.read(account.id)).enabled
        seen = await ours.observe(account, ORDER)
        assert {s.outcome for s in seen.sightings} == {Outcome.EMPTY}

        for image in images:
            effect = await ours.undo(account, image, overwrite=False)
            assert effect.kind in (EffectKind.DONE, EffectKind.UNCHANGED), effect
        assert await lets_in(server, dn, PASSWORDS.second), "the lock alone kept it out"
        fresh = Secret("Fresh-Pass-3")
        assert await ours.set_fresh_password(account, fresh)
        assert await lets_in(server, dn, fresh)
        assert not await lets_in(server, dn, PASSWORDS.second)
        assert not await lets_in(server, dn, OLD)
        assert (await ours.read(account.id)).enabled


async def test_a_fresh_password_opens_no_account_that_is_still_disabled(server: Slapd) -> None:
    dn = server.person("clara")
    async with directory(server) as ours:
        account = await ours.resolve("clara")
        await close(ours, account)
        await ours.set_fresh_password(account, Secret("Fresh-Pass-3"))
        assert not await lets_in(server, dn, Secret("Fresh-Pass-3"))


async def test_a_repeat_writes_nothing(server: Slapd) -> None:
    server.person("doris")
    async with directory(server) as ours:
        account = await ours.resolve("doris")
        seen = await ours.observe(account, ORDER)
        measures = ours.plan(account, seen, ORDER)
        await close(ours, account)
        before = await ours.observe(account, ORDER)
    async with directory(server) as another:
        for measure in measures:
            effect = await another.apply(account, measure, ORDER, PASSWORDS)
            assert effect.kind is EffectKind.UNCHANGED, effect
        assert (await another.observe(account, ORDER)).state == before.state


async def test_a_reset_by_somebody_takes_the_lock_away_and_is_closed_again(server: Slapd) -> None:
    dn = server.person("emma")
    async with directory(server) as ours:
        account = await ours.resolve("emma")
        await close(ours, account)
        server.replace(dn, "userPassword", "Back-Again-4")
        assert await lets_in(server, dn, Secret("Back-Again-4")), "slapd took the lock away"
        await close(ours, account)
        assert not await lets_in(server, dn, Secret("Back-Again-4"))


async def test_a_lock_that_is_minded_by_nobody_is_not_relied_on() -> None:
    for shape in (Shape(lockout=False), Shape(ppolicy=False)):
        with slapd(shape) as server:
            dn = server.person("fanny")
            async with directory(server) as ours:
                account = await ours.resolve("fanny")
                server.replace(dn, "pwdAccountLockedTime", LOCKED)
                assert await lets_in(server, dn, OLD), "slapd minds the lock after all"
                server.replace(dn, "pwdAccountLockedTime", None)
                await close(ours, account)
                for password in (OLD, PASSWORDS.first, PASSWORDS.second):
                    assert not await lets_in(server, dn, password)
                said = {f.code: f for f in await ours.findings()}
                assert said["directory-lock"].severity is Severity.WARNING
                assert (await ours.exposure())[0].closes_after_s is None
                assert (
                    not await ours.set_fresh_password(account, Secret("Fresh-3")) or shape.ppolicy
                )


async def test_the_estate_s_own_attribute_disables_and_is_put_back(server: Slapd) -> None:
    dn = server.person("gerda", employeeType="staff")
    own = {"disable_by": "attribute", "disabled_attribute": "employeeType"}
    async with directory(server, **own) as ours:
        account = await ours.resolve("gerda")
        images = await close(ours, account)
        assert not (await ours.read(account.id)).enabled
        assert not await lets_in(server, dn, PASSWORDS.second)
        effect = await ours.undo(account, images[0], overwrite=False)
        assert effect.kind is EffectKind.DONE
        await ours.set_fresh_password(account, Secret("Fresh-Pass-3"))
        assert (await ours.read(account.id)).enabled
        assert await lets_in(server, dn, Secret("Fresh-Pass-3"))
        again = (await ours.observe(account, ORDER)).state
        assert getattr(again, "lock", "") == "staff"


async def test_what_drifted_is_shown_and_left(server: Slapd) -> None:
    dn = server.person("hilde", employeeType="staff")
    own = {"disable_by": "attribute", "disabled_attribute": "employeeType"}
    async with directory(server, **own) as ours:
        account = await ours.resolve("hilde")
        images = await close(ours, account)
        server.replace(dn, "employeeType", "retired")
        left = await ours.undo(account, images[0], overwrite=False)
        assert left.kind is EffectKind.DRIFTED
        forced = await ours.undo(account, images[0], overwrite=True)
        assert forced.kind is EffectKind.DONE


async def test_only_a_password_disables_where_nothing_else_does(server: Slapd) -> None:
    dn = server.person("ilse")
    async with directory(server, disable_by="password") as ours:
        account = await ours.resolve("ilse")
        images = await close(ours, account)
        assert [i.measure for i in images] == ["corp:rotate"]
        assert not await lets_in(server, dn, PASSWORDS.second)
        await ours.set_fresh_password(account, Secret("Fresh-Pass-3"))
        assert await lets_in(server, dn, Secret("Fresh-Pass-3"))


async def test_groups_of_groups_are_an_account_s_groups(server: Slapd) -> None:
    dn = server.person("jutta")
    server.group("inner", dn)
    outer = server.group("outer", f"cn=inner,ou=groups,{SUFFIX}")
    for way in ("memberof", "search"):
        async with directory(server, groups_by=way) as ours:
            account = await ours.resolve("jutta")
            assert outer in account.groups, way
            assert f"cn=inner,ou=groups,{SUFFIX}" in account.groups


async def test_starttls_is_as_good_as_ldaps(server: Slapd) -> None:
    server.person("karla")
    async with directory(server, starttls=True) as ours:
        assert (await ours.resolve("karla")).sam == "karla"
        found = {f.code: f.severity for f in await ours.findings()}
        assert found["directory-certificate"] is Severity.OK


@pytest.mark.parametrize("starttls", [False, True])
async def test_a_bind_as_the_leaver_is_tried_however_tls_begins(
    server: Slapd, *, starttls: bool
) -> None:
    name = f"nora-{starttls:d}"
    server.person(name)
    async with directory(server, starttls=starttls) as ours:
        (endpoint,) = ours.endpoints()
        account = await ours.resolve(name)

        async def tried(password: Secret) -> Outcome:
            who = Login(
                name=account.dn, password=password, source=None, timeout_s=5.0, address=account.upn
            )
            return (await prober("ldap").negative_login(endpoint, who)).outcome

        assert await tried(OLD) is Outcome.LET_IN
        await close(ours, account)
        assert await tried(OLD) is Outcome.REFUSED


async def test_a_certificate_of_somebody_else_is_not_talked_to(server: Slapd) -> None:
    with slapd() as other:
        for starttls in (False, True):
            section = server.section(starttls=starttls)
            wrong = OpenLdapDirectory(
                structs.replace(section, ca_file=other.ca_file), Secret(EVICT_PASSWORD)
            )
            with pytest.raises(Unreachable, match="certificate"):
                await wrong.resolve("karla")
            await wrong.close()


async def test_without_rights_nothing_is_closed_and_the_doctor_says_so() -> None:
    with slapd(Shape(rights=False)) as server:
        dn = server.person("lena")
        async with directory(server) as ours:
            account = await ours.resolve("lena")
            seen = await ours.observe(account, ORDER)
            for measure in ours.plan(account, seen, ORDER):
                with pytest.raises(AccessRefused, match="write access"):
                    await ours.apply(account, measure, ORDER, PASSWORDS)
            assert await lets_in(server, dn, OLD)
            said = {f.code: f for f in await ours.findings()}
            assert said["directory-rights"].severity is Severity.ERROR


async def test_the_doctor_finds_nothing_wrong_and_writes_nothing(server: Slapd) -> None:
    dn = server.person("maria")
    async with directory(server) as ours:
        account = await ours.resolve("maria")
        before = await ours.observe(account, None)
        said = {f.code: f for f in await ours.findings()}
        assert said["directory-rights"].severity is Severity.OK, said
        assert said["directory-lock"].severity is Severity.OK
        assert said["directory-watch"].severity is Severity.OK
        assert (await ours.observe(account, None)).state == before.state
        assert await lets_in(server, dn, OLD)
        assert (await ours.exposure())[0].closes_after_s == 0


async def test_a_wrong_base_and_a_wrong_password_are_told(server: Slapd) -> None:
    async with directory(server) as ours:
        assert ours.endpoints()[0].port == LDAPS_PORT
    wrong = OpenLdapDirectory(server.section(), Secret("not-it"))
    with pytest.raises(AccessRefused, match="bind_user"):
        await wrong.resolve("maria")
    await wrong.close()


async def test_a_server_that_stops_is_unreachable_and_found_again() -> None:
    with slapd() as server:
        server.person("nora")
        async with directory(server) as ours:
            account = await ours.resolve("nora")
            await asyncio.to_thread(server.stop)
            with pytest.raises(Unreachable):
                await ours.read(account.id)
            await asyncio.to_thread(server.start)
            assert await ours.read(account.id) == account


async def test_a_referral_is_no_answer() -> None:
    with slapd() as server:
        server.person("olga")
        server.change(
            f"dn: ou=elsewhere,{SUFFIX}\nchangetype: add\nobjectClass: referral\n"
            "objectClass: extensibleObject\nou: elsewhere\nref: ldap://127.163.0.1/dc=far,dc=test\n"
        )
        async with directory(server) as ours:
            with pytest.raises(RemoteProtocolError, match="elsewhere"):
                await ours.resolve("olga")


async def test_a_lock_that_the_server_does_not_know_is_unsupported(server: Slapd) -> None:
    server.person("paula")
    own = {"disable_by": "attribute", "disabled_attribute": "noSuchAttribute"}
    async with directory(server, **own) as ours:
        account = await ours.resolve("paula")
        disable = ours.plan(account, await ours.observe(account, ORDER), ORDER)[0]
        with pytest.raises(Unsupported, match="noSuchAttribute"):
            await ours.apply(account, disable, ORDER, PASSWORDS)


@pytest.mark.parametrize("ppolicy", [True, False])
async def test_the_doctor_sees_whether_the_overlay_is_at_work(ppolicy: bool) -> None:  # noqa: FBT001
    with slapd(Shape(ppolicy=ppolicy)) as server:
        server.person("quirin")
        async with directory(server) as ours:
            said = {f.code: f.severity for f in await ours.findings()}
            assert (said["directory-lock"] is Severity.OK) is ppolicy
