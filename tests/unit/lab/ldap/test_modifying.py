# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from evict.core.secret import Secret
from evict.systems.active_directory.measures import password_change, swap
from evict.systems.active_directory.refusals import bind_data
from evict.systems.ldap import messages
from evict.systems.ldap.messages import ADD, DELETE, REPLACE, Change
from tests.unit.lab.ldap.talking import (
    ADMIN_PASSWORD,
    ALICE,
    ALICE_PASSWORD,
    BASE,
    Office,
    office,
)

UAC = "userAccountControl"


def change(kind: int, attribute: str, *values: str) -> Change:
    return Change(kind=kind, attribute=attribute, values=tuple(v.encode() for v in values))


def quoted(kind: int, password: str) -> Change:
    return Change(kind=kind, attribute="unicodePwd", values=(f'"{password}"'.encode("utf-16-le"),))


@pytest.fixture
def bound() -> Office:
    made = office()
    made.bind()
    return made


@pytest.fixture
def admin() -> Office:
    made = office()
    assert made.bind("CORP\\adam", ADMIN_PASSWORD).code == messages.SUCCESS
    return made


def test_compare_and_set(bound: Office) -> None:
    before = bound.alice.usn
    assert bound.modify(ALICE, *swap(UAC, 512, 514)).code == messages.SUCCESS
    assert bound.alice.user_account_control == 514
    assert bound.alice.usn > before
    assert bound.modify(ALICE, *swap(UAC, 512, 66048)).code == messages.NO_SUCH_ATTRIBUTE
    assert bound.alice.user_account_control == 514


def test_all_or_nothing(bound: Office) -> None:
    wrong = change(REPLACE, "pwdLastSet", "12345")
    result = bound.modify(ALICE, *swap(UAC, 512, 514), wrong)
    assert result.code == messages.UNWILLING_TO_PERFORM
    assert (bound.alice.user_account_control, bound.alice.password) == (512, ALICE_PASSWORD)
    result = bound.modify(ALICE, password_change(Secret("Other-Pass-2")), wrong)
    assert result.code == messages.UNWILLING_TO_PERFORM
    assert bound.alice.password == ALICE_PASSWORD


def test_a_reset_and_a_mark_in_one(bound: Office) -> None:
    marks = change(REPLACE, "pwdLastSet", "0")
    result = bound.modify(ALICE, password_change(Secret("Other-Pass-2")), marks)
    assert result.code == messages.SUCCESS
    assert bound.alice.password == "Other-Pass-2"
    assert bind_data(office_bind(bound, "Other-Pass-2")) == "773"
    bound.bind()
    assert bound.modify(ALICE, change(REPLACE, "pwdLastSet", "-1")).code == messages.SUCCESS
    assert office_bind(bound, "Other-Pass-2").code == messages.SUCCESS


def office_bind(made: Office, password: str) -> messages.Result:
    return made.bind(ALICE, password)


@pytest.mark.parametrize(
    "value",
    [
        b"plain",
        '"'.encode("utf-16-le"),
        "no quotes".encode("utf-16-le"),
        b'"x"',
        b"\xff\xfe\xff",
        b"",
    ],
)
def test_a_password_in_another_form_is_refused(bound: Office, value: bytes) -> None:
    given = Change(kind=REPLACE, attribute="unicodePwd", values=(value,))
    assert bound.modify(ALICE, given).code == messages.UNWILLING_TO_PERFORM
    assert bound.alice.password == ALICE_PASSWORD


@pytest.mark.parametrize("password", ["Sho-1", "alllowercase", ""])
def test_the_policy(bound: Office, password: str) -> None:
    result = bound.modify(ALICE, quoted(REPLACE, password))
    assert result.code == messages.CONSTRAINT_VIOLATION
    assert "52D" in result.text


def test_no_password_without_tls() -> None:
    made = office(secure=False)
    made.bind()
    result = made.modify(ALICE, password_change(Secret("Other-Pass-2")))
    assert result.code == messages.UNWILLING_TO_PERFORM


def test_rights(bound: Office) -> None:
    assert bound.modify(ALICE, change(REPLACE, "displayName", "X")).code == 50
    adam = f"CN=Adam,OU=People,{BASE}"
    assert bound.modify(adam, *swap(UAC, 512, 514)).code == 50, "AdminSDHolder protects"
    bound.bind(ALICE, ALICE_PASSWORD)
    assert bound.modify(ALICE, *swap(UAC, 512, 66048)).code == 50
    made = office()
    assert made.modify(ALICE, *swap(UAC, 512, 514)).code == 1, "nobody is bound"


def test_ones_own_password_takes_the_old_one(bound: Office) -> None:
    bound.bind(ALICE, ALICE_PASSWORD)
    wrong = bound.modify(ALICE, quoted(DELETE, "wrong"), quoted(ADD, "Other-Pass-2"))
    assert wrong.code == messages.CONSTRAINT_VIOLATION
    right = bound.modify(ALICE, quoted(DELETE, ALICE_PASSWORD), quoted(ADD, "Other-Pass-2"))
    assert right.code == messages.SUCCESS
    assert bound.alice.password == "Other-Pass-2"


def test_an_administrator_changes_other_attributes(admin: Office) -> None:
    proxies = ("SMTP:a.archer@corp.test", "smtp:alice@corp.test")
    result = admin.modify(
        ALICE,
        change(REPLACE, "displayName", "Alice B"),
        change(REPLACE, "userPrincipalName", "a.archer@corp.test"),
        change(REPLACE, "proxyAddresses", *proxies),
        change(ADD, "description", "left", "in May"),
        change(REPLACE, "accountExpires", "9223372036854775807"),
    )
    assert result.code == messages.SUCCESS
    account = admin.organisation.directory.find("a.archer@corp.test")
    assert account is admin.alice
    assert account.addresses == ["a.archer@corp.test", "alice@corp.test"]
    (shown,) = admin.search(base=ALICE, scope=0)
    assert shown.texts("description") == ("left", "in May")
    assert shown.texts("proxyAddresses") == proxies
    assert admin.modify(ALICE, change(DELETE, "description", "left")).code == 0
    assert admin.modify(ALICE, change(DELETE, "description")).code == 0
    assert admin.modify(ALICE, change(DELETE, "description")).code == 16
    assert admin.modify(ALICE, change(REPLACE, "description")).code == 0


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ([change(ADD, UAC, "514")], 20),
        ([change(DELETE, UAC)], 53),
        ([change(REPLACE, UAC, "many")], 21),
        ([change(REPLACE, UAC, "-1")], 53),
        ([change(ADD, "displayName", "Alice Archer")], 20),
        ([change(ADD, "mail", "other@corp.test")], 20),
        ([change(REPLACE, "objectGUID", "x")], 53),
        ([change(REPLACE, "memberOf", "x")], 53),
        ([change(ADD, "description")], 2),
        ([change(7, "description", "x")], 2),
        ([change(REPLACE, "description", "x" * 20_000)], 19),
        ([change(DELETE, "unicodePwd", "x")], 53),
    ],
)
def test_what_the_directory_refuses(admin: Office, changes: list[Change], code: int) -> None:
    before = admin.alice.usn
    assert admin.modify(ALICE, *changes).code == code
    assert admin.alice.usn == before


def test_only_accounts_are_changed(admin: Office) -> None:
    given = change(REPLACE, "description", "x")
    assert admin.modify(f"OU=People,{BASE}", given).code == 53
    assert admin.modify(f"CN=Nobody,{BASE}", given).code == 32
