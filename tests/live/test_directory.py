# SPDX-License-Identifier: Apache-2.0
"""The directory contract on the estate's Samba, and what only a real server shows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from estate import ldif, people
from estate.directory import PROTECTED_BY_ADMINSDHOLDER
from estate.layout import BASE_DN, EVICT_PASSWORD, EVICT_USER, LDAPS, REALM, Layout
from evict.config.model import DirectorySection
from evict.core.account import Account
from evict.core.errors import AccessRefused, Unreachable, Unsupported
from evict.core.exposure import Severity
from evict.core.measure import EffectKind
from evict.core.secret import Secret
from evict.systems.active_directory.connector import ActiveDirectory
from evict.systems.active_directory.port import Port
from evict.systems.active_directory.refusals import bind_data
from evict.systems.ldap.target import Service, Target, tls_context
from tests.contract.directory_contract import (
    OLD,
    DirectoryContract,
    close_all,
    order,
    passwords,
)

pytestmark = pytest.mark.live

_OUTER = "Evict Test Outer"
_INNER_DN = f"CN=Evict Test Inner,CN=Users,{BASE_DN}"


def connector(layout: Layout, **other: str) -> ActiveDirectory:
    section = DirectorySection(
        servers=(layout.ip,),
        base_dn=BASE_DN,
        bind_user=EVICT_USER,
        password_file=Path("/nowhere"),
        ca_file=layout.ca,
        server_name=other.get("server_name"),
        realm=REALM,
    )
    return ActiveDirectory(section, Secret(other.get("password", EVICT_PASSWORD)), ("%Lu",))


def port_of(layout: Layout) -> Port:
    return Port(
        Target(
            system="directory",
            host=layout.ip,
            port=LDAPS,
            tls=tls_context(str(layout.ca)),
            server_name=layout.ip,
        ),
        Service(dn=EVICT_USER, password=Secret(EVICT_PASSWORD)),
    )


@dataclass
class SambaTown:
    """See `directory_contract.Town`."""

    directory: ActiveDirectory
    layout: Layout
    suffix: str
    made: list[people.Person]
    outer_group: str = _OUTER
    inner_group: str = _INNER_DN

    async def person(
        self, stem: str, *, addresses: Sequence[str] = (), groups: Sequence[str] = ()
    ) -> str:
        made = await asyncio.to_thread(
            people.create,
            self.layout,
            stem + self.suffix,
            password=OLD.reveal(),
            aliases=[address.format(s=self.suffix) for address in addresses],
            groups=groups,
        )
        self.made.append(made)
        return made.name

    async def bind(self, account: Account, password: Secret) -> str:
        port = port_of(self.layout)
        result = await port.try_bind(account.dn, password)
        return bind_data(result) if result.code else ""

    async def set_bits(self, account: Account, bits: int) -> None:
        change = ldif.modify(account.dn, {"userAccountControl": str(bits)})
        await asyncio.to_thread(people.modify, self.layout, change)


@pytest.fixture(scope="module")
def nested(estate: Layout) -> Layout:
    """The estate with a group in a group; made once, kept with it."""
    if "dn:" in people.read(estate, _OUTER, "dn"):
        return estate
    outer = f"CN={_OUTER},CN=Users,{BASE_DN}"
    inner = {"objectClass": "group", "sAMAccountName": "Evict Test Inner"}
    holder = {"objectClass": "group", "sAMAccountName": _OUTER, "member": _INNER_DN}
    people.modify(estate, ldif.add(_INNER_DN, inner) + ldif.add(outer, holder))
    return estate


@pytest.fixture
async def town(nested: Layout) -> AsyncIterator[SambaTown]:
    town = SambaTown(connector(nested), nested, f"-{uuid4().hex[:6]}", [])
    yield town
    await town.directory.close()
    for someone in town.made:
        await asyncio.to_thread(people.remove, nested, someone)


class TestDirectoryOnSamba(DirectoryContract):
    """The whole contract."""


async def test_one_reset_leaves_the_old_password_alive_and_a_second_ends_it(
    town: SambaTown,
) -> None:
    found = await town.directory.resolve(await town.person("paul"))
    (someone,) = town.made
    for password, old_is in (("Reset-Once-1", ""), ("Reset-Twice-2", "52e")):
        await asyncio.to_thread(people.set_password, town.layout, someone, password)
        assert await town.bind(found, OLD) == old_is


async def test_a_crash_between_the_two_resets_sets_only_the_second(town: SambaTown) -> None:
    found = await town.directory.resolve(await town.person("rosa"))
    given = order()
    seen = await town.directory.observe(found, given)
    disable, rotate = town.directory.plan(found, seen, given)
    await town.directory.apply(found, disable, given, passwords(found))
    (someone,) = town.made
    first = passwords(found).first.reveal()
    await asyncio.to_thread(people.set_password, town.layout, someone, first)
    effect = await town.directory.apply(found, rotate, given, passwords(found))
    assert effect.kind is EffectKind.DONE
    assert "a second time" in effect.detail
    assert await town.bind(found, OLD) == "52e"


async def test_one_reset_by_the_help_desk_after_ours_is_seen_and_undone(town: SambaTown) -> None:
    """Our second password still binds then, as the one before the last."""
    found = await town.directory.resolve(await town.person("rolf"))
    given = order()
    await close_all(town.directory, found, given)
    (someone,) = town.made
    await asyncio.to_thread(people.set_password, town.layout, someone, "Helpdesk-1")
    assert await town.bind(found, passwords(found).second) == "533"
    assert await close_all(town.directory, found, given) == [EffectKind.DONE]
    assert await town.bind(found, Secret("Helpdesk-1")) == "52e"


async def test_an_account_of_adminsdholder_is_refused_with_the_right_it_needs(
    town: SambaTown,
) -> None:
    found = await town.directory.resolve(PROTECTED_BY_ADMINSDHOLDER)
    assert found.admin_count
    given = order()
    seen = await town.directory.observe(found, given)
    for measure in town.directory.plan(found, seen, given):
        with pytest.raises(AccessRefused, match="AdminSDHolder"):
            await town.directory.apply(found, measure, given, passwords(found))
    assert (await town.directory.read(found.id)).enabled


async def test_the_doctor_says_whose_account_the_rights_do_not_reach(town: SambaTown) -> None:
    findings = {f.code: f for f in await town.directory.findings()}
    usual, protected = findings["directory-rights"], findings["directory-rights-protected"]
    assert usual.severity is Severity.WARNING
    assert "svc-mail" in usual.text
    assert "alice" not in usual.text
    assert protected.severity is Severity.WARNING
    assert PROTECTED_BY_ADMINSDHOLDER in protected.text
    assert "AdminSDHolder" in protected.remedy


async def test_a_shared_login_name_is_a_finding(town: SambaTown) -> None:
    await town.person("sven", addresses=["both{s}@corp.test"])
    await town.person("susi", addresses=["both{s}@corp.test"])
    texts = [f.text for f in await town.directory.findings() if f.severity is Severity.WARNING]
    assert any(f"both{town.suffix}@corp.test" in text for text in texts)


async def test_a_password_against_the_policy_is_refused_with_the_reason(town: SambaTown) -> None:
    found = await town.directory.resolve(await town.person("tina"))
    with pytest.raises(Unsupported, match="too short"):
        await town.directory.set_fresh_password(found, Secret("a"))


async def test_a_wrong_bind_password_says_what_to_check(estate: Layout) -> None:
    directory = connector(estate, password="Wrong-Pass-1")
    with pytest.raises(AccessRefused, match=r"wrong password.*password_file"):
        await directory.resolve("alice")
    await directory.close()


async def test_a_certificate_of_another_name_is_refused(estate: Layout) -> None:
    directory = connector(estate, server_name="other.corp.test")
    with pytest.raises(Unreachable, match="Hostname mismatch"):
        await directory.resolve("alice")
    await directory.close()


async def test_closing_two_hundred_times_at_once_is_done_over_few_connections(
    town: SambaTown,
) -> None:
    found = await town.directory.resolve(await town.person("udo"))
    given = order()
    await close_all(town.directory, found, given)
    seen = await asyncio.gather(*(town.directory.observe(found, given) for _ in range(200)))
    assert {s.state for s in seen} == {seen[0].state}
