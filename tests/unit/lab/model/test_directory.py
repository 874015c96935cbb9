# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from evict.lab.model.words import Denial, ModelError, Principal, Protocol
from tests.unit.lab.model.made import NAME, NEW, OLD, Estate, denial


@pytest.mark.parametrize(
    "name",
    ["alice", "ALICE@corp.example", "corp\\Alice", "CN=alice archer,OU=People,DC=corp,DC=example"],
)
def test_an_account_is_found_by_any_of_its_names(name: str) -> None:
    directory = Estate().org.directory
    found = directory.find(name)
    assert found is not None
    assert found.sam == "alice"
    assert directory.find(found.guid.upper()) is found


def test_nobody_is_found_by_a_name_that_none_has() -> None:
    directory = Estate().org.directory
    assert directory.find("mallory") is None
    with pytest.raises(ModelError):
        directory.get("mallory")
    with pytest.raises(ModelError):
        directory.add("alice", "Another", "x")


def test_a_renamed_account_is_found_anew() -> None:
    directory = Estate().org.directory
    account = directory.get("alice")
    account.upn, account.addresses = "a@corp.example", ["a@corp.example"]
    directory.reindex()
    assert directory.find("a@corp.example") is account
    assert directory.find(NAME) is None


def test_a_change_is_numbered() -> None:
    estate = Estate()
    account = estate.org.directory.get("alice")
    before = account.usn
    estate.wait(5)
    estate.org.directory.disable("alice")
    assert (account.usn > before, account.when_changed) == (True, estate.clock.now)
    assert account.usn == estate.org.directory.usn
    assert account.user_account_control & 2


def test_a_second_reset_makes_the_first_password_useless_to_ntlm_too() -> None:
    estate = Estate()
    estate.org.directory.set_password("alice", NEW)
    assert denial(estate.org.sign_in_integrated("ex01", NAME, OLD)) is None
    estate.org.directory.set_password("alice", "Third-password-1")
    assert denial(estate.org.sign_in_integrated("ex01", NAME, OLD)) is Denial.BAD_CREDENTIALS
    assert denial(estate.org.sign_in_integrated("ex01", NAME, NEW)) is None


def test_the_previous_password_is_ntlms_alone_and_a_disable_stops_it() -> None:
    estate = Estate()
    estate.org.directory.set_password("alice", NEW)
    direct = estate.org.sign_in_direct("ex01", Protocol.IMAP, NAME, OLD)
    assert denial(direct) is Denial.BAD_CREDENTIALS
    estate.org.directory.disable("alice")
    refused = estate.org.sign_in_integrated("ex01", NAME, OLD)
    assert denial(refused) is Denial.ACCOUNT_DISABLED


def test_a_password_that_must_be_changed_lets_nobody_in() -> None:
    estate = Estate()
    estate.org.directory.set_password("alice", NEW, must_change=True)
    assert denial(estate.basic(NEW)) is Denial.PASSWORD_MUST_CHANGE
    assert estate.org.directory.get("alice").pwd_last_set == 0
    estate.org.directory.set_password("alice", NEW)
    assert isinstance(estate.basic(NEW), Principal)


def test_no_password_is_shown() -> None:
    estate = Estate()
    estate.org.directory.set_password("alice", NEW)
    cookie = estate.org.sign_in_forms("ex01", NAME, NEW, private=True)
    shown = repr(estate.org.directory.get("alice")) + repr(cookie)
    assert OLD not in shown
    assert NEW not in shown


def test_any_text_may_be_a_password() -> None:
    estate = Estate()
    odd = "\ud800\0é"
    estate.org.directory.set_password("alice", odd)
    assert isinstance(estate.basic(odd), Principal)
    assert isinstance(estate.basic(odd), Principal)
