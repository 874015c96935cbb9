# SPDX-License-Identifier: Apache-2.0
"""The directory contract on the embedded organisation, and what it shows beyond it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from evict.config.model import DirectorySection
from evict.core.account import Account
from evict.core.errors import AccessRefused, Unsupported
from evict.core.exposure import Severity
from evict.core.measure import EffectKind
from evict.core.secret import Secret
from evict.lab.certificates import Authority
from evict.lab.ldap.server import LdapServer
from evict.lab.model.organisation import Organisation
from evict.lab.model.profile import Profile, Version
from evict.systems.active_directory.connector import ActiveDirectory
from evict.systems.active_directory.port import Port
from evict.systems.active_directory.refusals import bind_data
from evict.systems.ldap.target import Service, Target, tls_context
from tests.contract.directory_contract import OLD, DirectoryContract, close_all, order, passwords
from tests.unit.lab.ldap.places import HOST, SERVICE_PASSWORD, Clock, loopback

OUTER, INNER = "Outer", "CN=Inner,OU=Groups,DC=corp,DC=test"


@dataclass
class LabTown:
    """See `directory_contract.Town`. Its two groups are members of each other: no loop may hang."""

    directory: ActiveDirectory
    organisation: Organisation
    clock: Clock
    port: Port
    outer_group: str = OUTER
    inner_group: str = INNER

    async def person(
        self, stem: str, *, addresses: Sequence[str] = (), groups: Sequence[str] = ()
    ) -> str:
        sam = f"{stem}-x"
        state = self.organisation.directory
        account = state.add(sam, sam, OLD.reveal(), ["Domain Users", *groups])
        if addresses:
            account.addresses[:] = [address.format(s="-x") for address in addresses]
        return sam

    async def bind(self, account: Account, password: Secret) -> str:
        return bind_data(await self.port.try_bind(account.dn, password))

    async def set_bits(self, account: Account, bits: int) -> None:
        state = self.organisation.directory
        held = state.get(account.id)
        held.user_account_control = bits
        state.touch(held)


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[LabTown]:
    clock, authority, host = Clock(), Authority(), loopback()
    clock.move(9 * 3600)  # the organisation's clock may be far ahead of Evict's
    organisation = Organisation(Profile(Version.V2019), clock, domain="corp.test", netbios="CORP")
    organisation.directory.add("svc-evict", "svc-evict", SERVICE_PASSWORD)
    nested = {"Inner": [OUTER], OUTER: ["Inner"]}
    server = LdapServer(organisation, HOST, nested=nested)
    port = await server.start(host, 0, authority.server_context(host))
    authority.write_ca(tmp_path / "ca.pem")
    section = DirectorySection(
        servers=(f"{host}:{port}",),
        base_dn="DC=corp,DC=test",
        bind_user="svc-evict@corp.test",
        password_file=Path("/nowhere"),
        ca_file=tmp_path / "ca.pem",
        realm="CORP.TEST",
    )
    password = Secret(SERVICE_PASSWORD)
    target = Target(
        system="directory",
        host=host,
        port=port,
        tls=tls_context(str(tmp_path / "ca.pem")),
        server_name=host,
    )
    service = Service(dn="CORP\\svc-evict", password=password)
    town = LabTown(ActiveDirectory(section, password), organisation, clock, Port(target, service))
    yield town
    await town.directory.close()
    await town.port.close()
    await server.stop()


class TestDirectoryOnTheLab(DirectoryContract):
    """The whole contract."""


async def test_one_reset_leaves_the_old_password_alive_for_an_hour(town: LabTown) -> None:
    found = await town.directory.resolve(await town.person("paul"))
    town.organisation.directory.set_password(found.id, "Reset-Once-1")
    assert await town.bind(found, OLD) == ""
    town.clock.move(3601)
    assert await town.bind(found, OLD) == "52e"
    assert await town.bind(found, Secret("Reset-Once-1")) == ""


async def test_a_crash_between_the_two_resets_sets_only_the_second(town: LabTown) -> None:
    found = await town.directory.resolve(await town.person("rosa"))
    given = order()
    seen = await town.directory.observe(found, given)
    disable, rotate = town.directory.plan(found, seen, given)
    await town.directory.apply(found, disable, given, passwords(found))
    town.organisation.directory.set_password(found.id, passwords(found).first.reveal())
    effect = await town.directory.apply(found, rotate, given, passwords(found))
    assert effect.kind is EffectKind.DONE
    assert "a second time" in effect.detail


async def test_a_fresh_password_is_asked_to_be_changed(town: LabTown) -> None:
    found = await town.directory.resolve(await town.person("silke"))
    assert await town.directory.set_fresh_password(found, Secret("Fresh-Pass-7x"))
    assert await town.bind(found, Secret("Fresh-Pass-7x")) == "773"


async def test_a_password_against_the_policy_is_refused_and_nothing_changed(town: LabTown) -> None:
    found = await town.directory.resolve(await town.person("tom"))
    with pytest.raises(Unsupported, match="52D"):
        await town.directory.set_fresh_password(found, Secret("short"))
    assert await town.directory.observe(found, None)


async def test_a_protected_account_names_the_grant_that_is_missing(town: LabTown) -> None:
    sam = await town.person("uwe", groups=["Domain Admins"])
    found = await town.directory.resolve(sam)
    assert found.admin_count
    with pytest.raises(AccessRefused, match="AdminSDHolder"):
        await close_all(town.directory, found, order())
    assert town.organisation.directory.get(sam).enabled


async def test_the_doctor_is_content(town: LabTown) -> None:
    town.clock.to_now()
    await town.person("vera")
    await town.person("wim", groups=["Domain Admins"])
    town.clock.to_now()
    found = {f.code: f for f in await town.directory.findings()}
    for code in ("directory-certificate", "directory-clock", "directory-rights"):
        assert found[code].severity is Severity.OK, found[code].text
    assert found["directory-shared-name"].severity is Severity.OK
    assert found["directory-rights-protected"].severity is Severity.WARNING
    assert "wim-x" in found["directory-rights-protected"].text


async def test_a_thousand_people_are_read_page_by_page(town: LabTown) -> None:
    for number in range(1201):
        town.organisation.directory.add(f"p{number}", f"P {number}", "Pass-1")
    town.clock.to_now()
    found = {f.code: f for f in await town.directory.findings()}
    assert "1202 accounts" in found["directory-shared-name"].text
