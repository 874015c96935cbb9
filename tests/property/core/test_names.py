# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evict.core.account import Account
from evict.core.names import canonical, login_forms, try_canonical, without_sub_address

_UNASSIGNED = ("Cn", "Co", "Cs")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@pytest.mark.parametrize("pattern", ["{}ab", "a{}b", "ab{}", "{0}{0}"])
def test_the_canonical_form_of_every_character_is_stable_or_refused(pattern: str) -> None:
    """All assigned code points: 144,762 of Unicode 14, in four surroundings."""
    taken = 0
    for point in range(sys.maxunicode + 1):
        char = chr(point)
        if unicodedata.category(char) in _UNASSIGNED:
            continue
        form = try_canonical(pattern.format(char))
        if form is not None:
            taken += 1
            assert try_canonical(form) == form, f"U+{point:04X}"
    assert taken > 5_000, "most would be refused by a canonical form that is worth nothing"


@pytest.mark.parametrize("category", _UNASSIGNED)
def test_no_character_without_a_meaning_is_taken(category: str) -> None:
    points = [p for p in range(sys.maxunicode + 1) if unicodedata.category(chr(p)) == category]
    assert not [p for p in points[::97] if try_canonical(f"a{chr(p)}") is not None]


@settings(max_examples=500, deadline=None)
@given(TEXT)
def test_a_canonical_form_is_its_own(name: str) -> None:
    form = try_canonical(name)
    if form is not None:
        assert canonical(form) == form
        assert form == form.strip()
        assert not any(unicodedata.category(c).startswith("C") for c in form)


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(categories=["Ll", "Lu", "Nd"], max_codepoint=0x24F), min_size=1))
def test_case_and_composition_make_no_other_name(name: str) -> None:
    form = try_canonical(name)
    if form is not None:
        assert try_canonical(unicodedata.normalize("NFD", name)) == form
        assert try_canonical(form.swapcase().swapcase()) == try_canonical(form.swapcase().lower())


@settings(max_examples=300, deadline=None)
@example("0 ", "", "")
@given(TEXT, st.text("abcABC+.", max_size=12), st.text("abc.+", max_size=12))
def test_each_login_form_is_canonical_and_stands_once(sam: str, local: str, domain: str) -> None:
    account = Account(
        id="x",
        directory="d",
        dn="",
        sam=sam,
        upn=f"{local}@{domain}",
        domain="CORP",
        dns_domain="corp.test",
        addresses=(f"{sam}@{domain}",),
    )
    forms = login_forms(account, ["%Lu", "%n"])
    assert list(forms) == sorted(set(forms))
    assert all(canonical(form) == form for form in forms)


@given(TEXT)
def test_a_sub_address_is_stripped_once_and_for_all(name: str) -> None:
    plain = without_sub_address(name)
    assert without_sub_address(plain) == plain
