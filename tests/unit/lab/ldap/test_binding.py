# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from anyldap.protocols import pureldap

from evict.lab.ldap import syntax
from evict.systems.active_directory.refusals import bind_data
from evict.systems.ldap import messages
from tests.unit.lab.ldap.talking import ALICE, ALICE_PASSWORD, BASE, office


@pytest.mark.parametrize(
    "name",
    [
        ALICE,
        ALICE.lower(),
        "alice@corp.test",
        "ALICE@CORP.TEST",
        "CORP\\alice",
        "corp.test\\Alice",
    ],
)
def test_each_name_binds(name: str) -> None:
    assert office().bind(name, ALICE_PASSWORD).code == messages.SUCCESS


@pytest.mark.parametrize(
    "name",
    [
        "alice",
        "OTHER\\alice",
        "alice@other.test",
        f"CN=Nobody,{BASE}",
        f"OU=People,{BASE}",
        "\\",
        "@",
    ],
)
def test_what_is_no_name_is_told_as_a_wrong_password(name: str) -> None:
    result = office().bind(name, ALICE_PASSWORD)
    assert (result.code, bind_data(result)) == (messages.INVALID_CREDENTIALS, "52e")


def test_the_codes_of_a_refusal() -> None:
    made = office()
    directory = made.organisation.directory
    assert bind_data(made.bind(ALICE, "wrong")) == "52e"
    directory.disable("alice")
    assert bind_data(made.bind(ALICE, ALICE_PASSWORD)) == "533"
    assert bind_data(made.bind(ALICE, "wrong")) == "52e", "the password is looked at first"
    directory.enable("alice")
    ends = syntax.filetime(made.clock() + 60)
    made.alice.attributes["accountexpires"] = [str(ends).encode()]
    assert made.bind(ALICE, ALICE_PASSWORD).code == messages.SUCCESS
    made.clock.move(61)
    assert bind_data(made.bind(ALICE, ALICE_PASSWORD)) == "701"
    directory.set_password("alice", "Other-Pass-1", must_change=True)
    assert bind_data(made.bind(ALICE, "Other-Pass-1")) == "773"


def test_without_a_password_one_is_anonymous_and_a_refusal_unbinds() -> None:
    made = office()
    made.bind()
    assert made.bind(ALICE, "").code == messages.SUCCESS
    assert made.talk.bound is None
    made.bind()
    made.bind(ALICE, "wrong")
    assert made.talk.bound is None


def test_a_bound_connection_outlives_a_disable() -> None:
    made = office()
    made.bind(ALICE, ALICE_PASSWORD)
    made.organisation.directory.disable("alice")
    assert made.search(base=ALICE, scope=0)


def test_sasl_and_old_versions_are_refused() -> None:
    made = office()
    sasl = pureldap.LDAPBindRequest(dn="", auth=("GSSAPI", b"x"), sasl=True)
    assert made.result(sasl).code == 7
    assert made.result(pureldap.LDAPBindRequest(version=2, dn=ALICE, auth="x")).code == 2
