# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from anyldap.protocols import pureber, pureldap

from evict.core.errors import ConfigError
from evict.systems.active_directory.connector import LDAPS
from evict.systems.active_directory.controllers import Domain, sid_below
from evict.systems.active_directory.reading import account_of, guid_dn, guid_text
from evict.systems.active_directory.refusals import bind_data, bind_refusal, password_is_right
from evict.systems.ldap.messages import Entry, Malformed, Result, decode, result_of
from evict.systems.ldap.target import host_and_port

DOMAIN = Domain(naming_context="DC=corp,DC=test", dns_domain="corp.test", netbios="CORP", sid=b"")
GUID = bytes.fromhex("7bb7c0477806b846 8899 ed be 4c 77 b9 e9".replace(" ", ""))


def entry(**attributes: str | list[str]) -> Entry:
    held = {
        name.lower(): tuple(v.encode() for v in ([value] if isinstance(value, str) else value))
        for name, value in attributes.items()
    }
    return Entry(dn="CN=a,DC=corp,DC=test", attributes={"objectguid": (GUID,), **held})


def test_an_objectguid_is_mixed_endian() -> None:
    """As MS-DTYP 2.3.4.3 writes it: three fields turned round, the rest as it stands."""
    assert guid_text(GUID) == "47c0b77b-0678-46b8-8899-edbe4c77b9e9"
    assert guid_dn("{47C0B77B-0678-46B8-8899-EDBE4C77B9E9}") == f"<GUID={guid_text(GUID)}>"


def test_an_account_without_a_upn_has_the_implicit_one() -> None:
    account = account_of(entry(sAMAccountName="a"), DOMAIN, directory="directory")
    assert account.upn == "a@corp.test"
    named = account_of(entry(userPrincipalName="b@x.test"), DOMAIN, directory="directory")
    assert named.upn == "b@x.test"


def test_the_primary_address_comes_first_and_other_kinds_are_left_out() -> None:
    held = entry(
        mail="mail@x.test",
        proxyAddresses=["smtp:two@x.test", "X500:/o=x", "Smtp:three@x.test", "SMTP:one@x.test"],
    )
    account = account_of(held, DOMAIN, directory="directory")
    assert account.addresses == ("one@x.test", "mail@x.test", "two@x.test", "three@x.test")


@pytest.mark.parametrize(("bits", "enabled"), [("512", True), ("514", False), ("66050", False)])
def test_only_one_bit_says_whether_it_is_enabled(bits: str, enabled: bool) -> None:  # noqa: FBT001 - a case
    account = account_of(entry(userAccountControl=bits), DOMAIN, directory="directory")
    assert account.enabled is enabled


def test_a_number_that_is_none_is_malformed() -> None:
    with pytest.raises(Malformed):
        entry(userAccountControl="many").number("userAccountControl")


def test_the_sid_of_a_group_is_its_domains_and_one_more() -> None:
    domain = bytes.fromhex("010400000000000515000000") + b"\x01\x00\x00\x00" * 3
    group = sid_below(domain, 513)
    assert group[:2] == b"\x01\x05"
    assert group[-4:] == b"\x01\x02\x00\x00"
    assert len(group) == len(domain) + 4


@pytest.mark.parametrize("data", ["533", "701", "773", "532"])
def test_a_refusal_after_the_password_was_right_proves_which_is_set(data: str) -> None:
    refused = Result(code=49, text=f"80090308: LdapErr: DSID-0C0903A9, data {data}, v1db1")
    assert bind_data(refused) == data
    assert password_is_right(refused)


@pytest.mark.parametrize("data", ["52e", "525", "775", "1", ""])
def test_any_other_refusal_proves_nothing(data: str) -> None:
    assert not password_is_right(Result(code=49, text=f"LdapErr: data {data}, v1db1"))


def test_a_refusal_without_a_known_code_is_told_as_it_came() -> None:
    assert bind_refusal(Result(code=8, text="strong auth")) == "result 8, strong auth"
    assert bind_refusal(Result(code=49, text="x data 52E, y")).startswith("wrong password")


@pytest.mark.parametrize(
    ("server", "told"),
    [
        ("dc1", ("dc1", 636)),
        ("dc1:1636", ("dc1", 1636)),
        ("127.0.0.1", ("127.0.0.1", 636)),
        ("[::1]:1636", ("::1", 1636)),
        ("::1", ("::1", 636)),
    ],
)
def test_a_server_is_a_host_with_or_without_a_port(server: str, told: tuple[str, int]) -> None:
    assert host_and_port(server, LDAPS) == told


@pytest.mark.parametrize(
    "server", ["", ":636", "dc1:", "dc1:x", "dc1:0", "dc1:70000", "dc1:\u0661"]
)
def test_another_server_is_a_configuration_error(server: str) -> None:
    with pytest.raises(ConfigError):
        host_and_port(server, LDAPS)


@pytest.mark.parametrize("frame", [b"", b"\x30\x00", b"\x30\x03\x02\x01\x05", b"\x04\x01a"])
def test_what_is_no_message_is_malformed(frame: bytes) -> None:
    with pytest.raises(Malformed):
        decode(frame)


UNKNOWN = b"\x30\x10\x02\x01\x01\xde\x00\x61\x09\x0a\x01\x00\x04\x00\x04\x00\xdd\x00"
"""A bind response with an element that nobody knows before and inside it."""


def test_an_element_that_nobody_knows_is_passed_over_without_a_word(
    capsys: pytest.CaptureFixture[str],
) -> None:
    answer = decode(UNKNOWN).value
    assert isinstance(answer, pureldap.LDAPBindResponse)
    assert result_of(answer) == Result(code=0)
    assert capsys.readouterr().out == ""


def test_the_codecs_own_context_would_print_it(capsys: pytest.CaptureFixture[str]) -> None:
    pureber.berDecodeObject(pureber.BERDecoderContext(), b"\xde\x00")
    assert "no tag" in capsys.readouterr().out
