# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from evict.config.model import DirectorySection
from evict.config.openldap import OpenLdap
from evict.core.errors import ConfigError, RemoteProtocolError
from evict.core.names import login_forms
from evict.core.secret import Secret
from evict.systems.ldap.messages import Entry
from evict.systems.openldap.connector import OpenLdapDirectory
from evict.systems.openldap.find import is_below, is_same
from evict.systems.openldap.measures import matches
from evict.systems.openldap.reading import (
    Shape,
    domain_of,
    expiry_of,
    generalized_time,
)

SECTION = DirectorySection(
    product="openldap",
    name="corp",
    servers=("ldap.corp.test",),
    base_dn="dc=corp,dc=test",
    bind_user="cn=evict,dc=corp,dc=test",
    password_file=Path("/nowhere"),
    openldap=OpenLdap(disabled_attribute="employeeType"),
)
ID = "4f090916-7c84-1041-8a48-cbe32dfe4dac"


def entry(**attributes: str) -> Entry:
    told = {"entryUUID": ID, "uid": "alice"} | attributes
    return Entry(
        dn="uid=alice,ou=people,dc=corp,dc=test",
        attributes={k.lower(): (v.encode(),) for k, v in told.items() if v},
    )


def test_an_account_has_every_name_it_can_log_in_with() -> None:
    account = Shape(SECTION).account(entry(mail="Alice@corp.test", displayName="Alice Ott"))
    assert (account.id, account.sam, account.upn) == (ID, "alice", "Alice@corp.test")
    assert account.display_name == "Alice Ott"
    assert set(login_forms(account)) == {"alice", "alice@corp.test", "corp.test\\alice"}
    without = Shape(SECTION).account(entry(cn="A. Ott"))
    assert (without.upn, without.display_name) == ("alice@corp.test", "A. Ott")


@pytest.mark.parametrize("missing", ["entryUUID", "uid"])
def test_an_entry_without_its_id_or_name_is_half_an_answer(missing: str) -> None:
    with pytest.raises(RemoteProtocolError, match=missing):
        Shape(SECTION).account(entry(**{missing: ""}))


@pytest.mark.parametrize(
    ("attributes", "enabled"),
    [
        ({}, True),
        ({"pwdAccountLockedTime": "000001010000Z"}, False),
        ({"pwdAccountLockedTime": "20260101000000Z"}, True),
        ({"employeeType": "Disabled"}, False),
        ({"employeeType": "staff"}, True),
        ({"userPassword": "{EVICT}x"}, False),
        ({"userPassword": "{SSHA}x"}, True),
    ],
)
def test_what_disables(attributes: dict[str, str], enabled: bool) -> None:  # noqa: FBT001
    assert Shape(SECTION).account(entry(**attributes)).enabled is enabled


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, None),
        ({"shadowExpire": "20000"}, datetime(2024, 10, 4, tzinfo=UTC)),
        ({"shadowExpire": "-1"}, None),
        ({"shadowExpire": "0"}, None),
        ({"shadowExpire": "soon"}, None),
        ({"shadowExpire": "99999999999"}, None),
        ({"pwdEndTime": "20240101000000Z"}, datetime(2024, 1, 1, tzinfo=UTC)),
        (
            {"pwdEndTime": "20240101000000Z", "shadowExpire": "10000"},
            datetime(1997, 5, 19, tzinfo=UTC),
        ),
        ({"pwdEndTime": "20241301000000Z"}, None),
    ],
)
def test_when_it_expires(attributes: dict[str, str], expected: datetime | None) -> None:
    assert expiry_of(entry(**attributes)) == expected


@given(text=st.text(max_size=30))
def test_a_time_is_a_time_or_none(text: str) -> None:
    at = generalized_time(text)
    assert at is None or at.tzinfo is UTC


def test_times_with_and_without_parts_are_read() -> None:
    assert generalized_time("2026010203Z") == datetime(2026, 1, 2, 3, tzinfo=UTC)
    at = datetime(2026, 1, 2, 3, 4, 5, 600_000, tzinfo=UTC)
    assert generalized_time("20260102030405.6Z") == at
    assert generalized_time("20260102030405") is None
    assert generalized_time("20260102030405+0100") is None


@pytest.mark.parametrize(
    ("dn", "base", "below"),
    [
        ("uid=a,dc=corp,dc=test", "dc=corp,dc=test", True),
        ("UID=a, DC=Corp, dc=TEST", "dc=corp,dc=test", True),
        ("dc=corp,dc=test", "dc=corp,dc=test", False),
        ("uid=a,dc=notcorp,dc=test", "dc=corp,dc=test", False),
        ("uid=a\\,dc=corp,dc=test", "dc=corp,dc=test", False),
        ("", "dc=corp,dc=test", False),
    ],
)
def test_what_lies_below(dn: str, base: str, below: bool) -> None:  # noqa: FBT001
    assert is_below(dn, base) is below
    assert is_same(dn, dn.upper())


def test_a_domain_is_made_of_its_components() -> None:
    assert domain_of("ou=people, DC=corp ,dc=example") == "corp.example"
    assert domain_of("o=Corp") == ""


@given(password=st.text(min_size=1, max_size=40), salt=st.binary(max_size=16))
def test_a_salted_hash_is_its_password_s_and_no_other_s(password: str, salt: bytes) -> None:
    made = hashlib.sha1(password.encode(errors="replace") + salt, usedforsecurity=False).digest()
    stored = b"{SSHA}" + base64.b64encode(made + salt)
    told = Secret(password.encode(errors="replace").decode())
    assert matches(stored, told)
    assert not matches(stored, Secret(told.reveal() + "x"))
    assert not matches(stored[6:], told)
    assert not matches(b"{SSHA}*", told)


@pytest.mark.parametrize(
    "changes",
    [
        {"bind_user": "evict@corp.test"},
        {"servers": ("ldap.corp.test:x",)},
        {"openldap": OpenLdap(disable_by="attribute")},
    ],
)
def test_settings_that_cannot_work_are_told(changes: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="directory"):
        OpenLdapDirectory(structs.replace(SECTION, **changes), Secret("a-password"))


def test_a_bind_is_tried_at_each_server_under_tls_however_it_begins() -> None:
    told = structs.replace(SECTION, servers=("a.corp.test", "b.corp.test:1636"))
    directory = OpenLdapDirectory(told, Secret("a-password"))
    ports = [(e.host, e.port, e.tls) for e in directory.endpoints()]
    assert ports == [("a.corp.test", 636, "implicit"), ("b.corp.test", 1636, "implicit")]
    plain = structs.replace(SECTION, openldap=OpenLdap(starttls=True))
    begun = OpenLdapDirectory(plain, Secret("a-password")).endpoints()
    assert {(e.port, e.tls) for e in begun} == {(389, "starttls")}
