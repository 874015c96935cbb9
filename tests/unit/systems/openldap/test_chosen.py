# SPDX-License-Identifier: Apache-2.0
"""The control plane takes the directory that the settings name."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from evict.config.crosscheck import find
from evict.config.model import Config, DirectorySection
from evict.config.openldap import OpenLdap
from evict.control.systems import Systems
from evict.core.account import Account

ACCOUNT = Account(
    id="4f090916-7c84-1041-8a48-cbe32dfe4dac",
    directory="corp",
    dn="uid=alice,dc=corp,dc=test",
    sam="alice",
    upn="alice@corp.test",
    domain="corp.test",
    dns_domain="corp.test",
)


@pytest.fixture
def section(tmp_path: Path) -> DirectorySection:
    secret = tmp_path / "directory.password"
    secret.write_text("a-password")
    secret.chmod(0o600)
    return DirectorySection(
        product="openldap",
        servers=("ldap.corp.test",),
        base_dn="dc=corp,dc=test",
        bind_user="cn=evict,dc=corp,dc=test",
        password_file=secret,
    )


def test_openldap_is_bound_to_with_a_dn_and_active_directory_with_a_upn(
    section: DirectorySection,
) -> None:
    for product, name in (("openldap", ACCOUNT.dn), ("active_directory", ACCOUNT.upn)):
        systems = Systems(Config(directory=structs.replace(section, product=product)))
        assert systems.directory.product == product
        (endpoint,) = systems.directory.endpoints()
        assert systems.login_name(ACCOUNT, endpoint) == name


def test_settings_that_exclude_each_other_are_named(section: DirectorySection) -> None:
    def keys(told: DirectorySection) -> set[tuple[str | int, ...]]:
        return {problem.key for problem in find(Config(directory=told))}

    wrong = structs.replace(
        section, bind_user="evict@corp.test", openldap=OpenLdap(disable_by="attribute")
    )
    named = {
        ("directory", "bind_user"),
        ("directory", "openldap", "disabled_attribute"),
    }
    assert named <= keys(wrong)
    assert not named & keys(section)
    assert not named & keys(structs.replace(wrong, product="active_directory"))
