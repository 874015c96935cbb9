# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import msgspec
import pytest

from evict.core.account import Account
from evict.core.errors import NameRefused
from evict.core.names import (
    MAX_LENGTH,
    apply_username_format,
    canonical,
    login_forms,
    try_canonical,
    without_sub_address,
)

ALICE = Account(
    id="47c0b77b-0678-46b8-8899-edbe4c77b9e9",
    directory="directory",
    dn="CN=Alice,DC=corp,DC=test",
    sam="Alice",
    upn="Alice@corp.test",
    domain="CORP",
    dns_domain="corp.test",
    addresses=("alice@corp.test", "A.Example@Corp.Test"),
)

LOOK_ALIKES = (
    "\u0430lice",  # Cyrillic a
    "a\u217cice",  # small Roman numeral fifty
    "al\u0456ce",  # Cyrillic i
    "ali\u03f2e",  # Greek lunate sigma
    "al\u0131ce",  # dotless i
    "al\u00a1ce",  # inverted exclamation mark
    "\u0251lice",  # Latin alpha
    "alic\u0435",  # Cyrillic ie
    "a1ice",
    "alice\u200b",  # zero width space
    "al\u00adice",  # soft hyphen
    "\u202eecila",  # right-to-left override
    "alice\ufe0f",  # variation selector
    "a\u034flice",  # combining grapheme joiner
    "alice\u3164",  # Hangul filler
    "\U0001d41alice",  # mathematical bold a
    "\u24d0lice",  # circled a
    "\u0430\u04cf\u0456\u0441\u0435",  # all of it Cyrillic
    "alice\u0301",
)


@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_a_look_alike_is_never_the_one_it_looks_like(name: str) -> None:
    assert try_canonical(name) != "alice"


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("Alice", "alice"),
        ("ALICE@CORP.TEST", "alice@corp.test"),
        ("CORP\\Alice", "corp\\alice"),
        ("\uff41\uff4c\uff49\uff43\uff45", "alice"),  # full width: RFC 8265 section 3.3.2
        ("Zoe\u0308", "zo\u00eb"),
        ("STRA\u00dfE", "stra\u00dfe"),
        ("o'brien", "o'brien"),
        ("Anna Maria", "anna maria"),
        ("\u5c71\u7530\u3055\u3093", "\u5c71\u7530\u3055\u3093"),
        ("\uff76\uff85", "\u30ab\u30ca"),  # half width
        ("\u0418\u0412\u0410\u041d", "\u0438\u0432\u0430\u043d"),
    ],
)
def test_a_name_has_one_form(name: str, form: str) -> None:
    assert canonical(name) == form
    assert canonical(form) == form


@pytest.mark.parametrize(
    "name",
    [
        "",
        " alice",
        "alice ",
        "a\x00b",
        "a\nb",
        "a\tb",
        "a\x7fb",
        "a\u00a0b",
        "a\u2028b",
        "victim*master",
        "a?b",
        'a"b',
        "%u",
        "a<b",
        "a|b",
        "\ud800",
        "\ue000",
        "\u0378",
        "a" * (MAX_LENGTH + 1),
    ],
)
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(NameRefused):
        canonical(name)
    assert try_canonical(name) is None


def test_a_refusal_shows_no_character_raw() -> None:
    with pytest.raises(NameRefused) as caught:
        canonical("a\u202eb")
    assert str(caught.value).isascii()


def test_the_longest_name_is_taken() -> None:
    assert canonical("a" * MAX_LENGTH) == "a" * MAX_LENGTH


@pytest.mark.parametrize(
    ("form", "plain"),
    [
        ("alice+news@corp.test", "alice@corp.test"),
        ("alice+a+b@corp.test", "alice@corp.test"),
        ("alice+news", "alice"),
        ("alice@corp.test", "alice@corp.test"),
        ("+49@corp.test", "+49@corp.test"),
        ("alice@a+b.test", "alice@a+b.test"),
    ],
)
def test_a_sub_address_is_what_follows_the_first_plus(form: str, plain: str) -> None:
    assert without_sub_address(form) == plain


def test_an_account_logs_in_with_each_of_its_names() -> None:
    assert login_forms(ALICE) == (
        "a.example@corp.test",
        "alice",
        "alice@corp",
        "alice@corp.test",
        "corp.test\\alice",
        "corp\\alice",
    )


def test_a_renamed_upn_leaves_the_implicit_one_a_form() -> None:
    renamed = msgspec.structs.replace(ALICE, upn="alice.new@corp.test")
    assert {"alice.new@corp.test", "alice@corp.test"} <= set(login_forms(renamed))


def test_what_a_server_makes_of_a_name_is_a_form_too() -> None:
    assert "a.example" not in login_forms(ALICE)
    assert "a.example" in login_forms(ALICE, ["%Ln"])
    assert "" not in login_forms(ALICE, ["%d"])


@pytest.mark.parametrize(
    ("username_format", "made"),
    [
        ("%u", "alice@corp.test"),
        ("%Lu", "alice@corp.test"),
        ("%n", "alice"),
        ("%Ln@mail", "alice@mail"),
        ("%d/%n", "corp.test/alice"),
        ("%{orig_user}", "%{orig_user}"),
    ],
)
def test_dovecots_variables_are_read_as_dovecot_does(username_format: str, made: str) -> None:
    assert apply_username_format(username_format, "alice@corp.test") == made


def test_an_account_that_shows_no_name_has_none() -> None:
    bare = msgspec.structs.replace(ALICE, sam="", upn="", addresses=())
    assert login_forms(bare, ["%Ln"]) == ()
