# SPDX-License-Identifier: Apache-2.0
"""What is made of SOGo's texts: names, preferences, lists, settings."""

from __future__ import annotations

import base64

import msgspec
import pytest

from evict.core.errors import RemoteProtocolError
from evict.systems.sogo import profile
from evict.systems.sogo.devices import STUB
from evict.systems.sogo.names import Names, own_cache_table
from evict.systems.sogo.settings import settings_of
from tests.unit.systems.sogo.samples import ALICE, FORWARD, section


@pytest.mark.parametrize(
    ("settings", "uid"),
    [
        ({}, "Alice"),
        ({"username_format": "%Lu"}, "alice"),
        ({"username_format": "%u@corp.test"}, "Alice@corp.test"),
        ({"uid_from": "upn"}, "alice@corp.test"),
        ({"uid_from": "upn", "username_format": "%n"}, "alice"),
        ({"uid_from": "mail"}, "alice@corp.test"),
    ],
)
def test_the_uid_is_what_the_section_says(settings: dict[str, object], uid: str) -> None:
    assert Names(section(**settings), ALICE).uid == uid


def test_somebody_elses_uid_in_an_address_is_not_the_leavers() -> None:
    names = Names(section(username_format="%n"), ALICE)
    assert names.owns("info@corp.test")
    assert not names.owns("info")
    assert b"info+attributes" not in names.guesses()


def test_a_key_longer_than_memcached_takes_is_not_guessed() -> None:
    long = msgspec.structs.replace(ALICE, addresses=("a" * 230 + "@corp.test",))
    assert all(len(key) <= 250 for key in Names(section(), long).guesses())


@pytest.mark.parametrize(
    ("uid", "table"),
    [
        ("alice", "sogo_cache_folder_alice"),
        ("Alice.B", "sogo_cache_folder_alice_d_b"),
        ("a_b@corp-x.test", "sogo_cache_folder_a_u_b_a_corp_x_d_test"),
        ("7of9", "sogo_cache_folder__7of9"),
    ],
)
def test_a_users_own_table_has_the_name_that_sogo_gives_it(uid: str, table: str) -> None:
    assert own_cache_table("sogo_cache_folder", uid) == table


@pytest.mark.parametrize(
    ("text", "off"),
    [
        (FORWARD, FORWARD.replace('"enabled":1', '"enabled":0')),
        ('{"enabled": true, "forwardAddress":"x@y"}', '{"enabled": false, "forwardAddress":"x@y"}'),
        ('{"keepCopy":1,"enabled":"1"}', '{"keepCopy":1,"enabled":"0"}'),
    ],
)
def test_only_the_switch_is_another(text: str, off: str) -> None:
    forward = profile.forward_of(text)
    assert forward.enabled
    assert profile.switched_off(forward) == off
    assert not profile.forward_of(off).enabled


def test_a_name_that_looks_like_the_switch_is_not_taken_for_it() -> None:
    text = r'{"forwardAddress":["\"enabled\":1,@x"],"enabled":1}'
    assert profile.switched_off(profile.forward_of(text)).endswith('"enabled":0}')


@pytest.mark.parametrize("text", ["[]", "{", '{"forwardAddress":7}', '"x"'])
def test_another_shape_of_forwarding_is_a_fault(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        profile.forward_of(text)


def test_a_switch_that_stands_twice_is_left() -> None:
    forward = profile.forward_of('{"enabled":1,"x":{"enabled":1}}')
    with pytest.raises(RemoteProtocolError):
        profile.switched_off(forward)


def test_lists_are_written_as_sogo_writes_them() -> None:
    assert profile.without('["carol", "alice"]', "alice") == '["carol"]'
    assert profile.without('["alice"]', "alice") == "[]"
    assert profile.listed(("a", "b")) == '["a", "b"]'
    assert profile.holder_of(("bob", "ALICE"), "alice") == "ALICE"
    assert profile.delegates_of('{"no":"list"}') == ()


def test_the_row_in_a_phones_place_names_another_request() -> None:
    raw = base64.b64decode(STUB)
    assert int.from_bytes(raw[:4], "little") == len(raw)
    assert b"\x02PingRequest\x00\x02\x00\x00\x000\x00" in raw
    assert b"\x10SyncRequest\x00\x00\x00\x00\x00" in raw
    assert raw.endswith(b"\x00")


CONF = """
// a comment
{
  SOGoProfileURL = "postgresql://sogo:Sesam-1@db:5432/sogo/sogo_user_profile";
  OCSAclURL = "postgresql://sogo:Sesam-1@db:5432/sogo/sogo_acl";
  SOGoCacheCleanupInterval = 60; /* short */
  SOGoEnablePublicAccess = YES;
  SOGoCalendarDefaultRoles = ("PublicDAndTViewer", 'ConfidentialDAndTViewer');
  SOGoUserSources = ({ type = ldap; bindPassword = "a \\" ; }"; hosts = (a, b); raw = <0a 0b>; });
}
"""


def test_settings_are_read_and_no_password_is_kept() -> None:
    read = settings_of(CONF, "sogo")
    assert read.seconds("SOGoCacheCleanupInterval") == 60.0
    assert read.on("SOGoEnablePublicAccess")
    assert not read.on("SOGoTrustProxyAuthentication")
    assert read.get("OCSAclURL") == "sogo_acl"
    assert read.get("SOGoCalendarDefaultRoles") == "PublicDAndTViewer,ConfidentialDAndTViewer"
    assert read.is_set("SOGoEnablePublicAccess")
    assert not read.is_set("SOGoMaximumPingInterval")
    assert "Sesam" not in repr(read)


@pytest.mark.parametrize("text", ["", "{ a = ", "{ a b; }", '{ a = "Sesam', "(" * 99, "{a=1 b=2;}"])
def test_what_is_no_property_list_is_a_fault_that_quotes_nothing(text: str) -> None:
    with pytest.raises(RemoteProtocolError, match="no property list, line 1") as caught:
        settings_of(text, "sogo")
    assert "Sesam" not in str(caught.value)
