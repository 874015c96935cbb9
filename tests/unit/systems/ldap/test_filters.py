# SPDX-License-Identifier: Apache-2.0
"""A value never becomes syntax: what arrives has the template's shape, and the value unchanged."""

from __future__ import annotations

from anyldap.ldapfilter import parseFilter
from anyldap.protocols import pureber, pureldap
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evict.systems.ldap import filters

HOSTILE = st.text(st.sampled_from("*()\\&|!=<>~:\x00\n\r$`;'\"{}abc\u00e9\u202e"), min_size=1)
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300)


def template(value: str) -> filters.Filter:
    return filters.all_of(
        filters.equals("sAMAccountType", "805306368"),
        filters.any_of(
            filters.equals("mail", value),
            filters.negate(filters.equals("cn", value)),
            filters.starts_with("sAMAccountName", value),
            filters.present("uid"),
        ),
    )


def over_the_wire(what: filters.Filter) -> pureber.BERBase:
    """As a server decodes it."""
    request = pureldap.LDAPSearchRequest(baseObject="DC=x", filter=what, attributes=["cn"])
    decoder = pureldap.LDAPBERDecoderContext(fallback=pureber.BERDecoderContext())
    received, _ = pureber.berDecodeObject(decoder, request.toWire())
    assert isinstance(received, pureldap.LDAPSearchRequest)
    return received.filter


def shape(what: pureber.BERBase) -> object:
    if isinstance(what, pureldap.LDAPFilterSet):
        return (type(what).__name__, [shape(part) for part in what])
    if isinstance(what, pureldap.LDAPFilter_not):
        assert isinstance(what.value, pureber.BERBase)
        return ("not", shape(what.value))
    return type(what).__name__


@settings(max_examples=300, deadline=None)
@given(st.one_of(HOSTILE, ANY_TEXT))
@example("x)(uid=*")
@example("*")
@example("\x00")
@example("a\\2a")
def test_any_value_keeps_the_shape_and_itself(value: str) -> None:
    received = over_the_wire(template(value))
    assert shape(received) == shape(template("x"))
    assert received.toWire() == template(value).toWire()
    assert received.toWire().count(value.encode()) >= 3


@settings(max_examples=100, deadline=None)
@given(st.text(st.sampled_from("*()\\&|!=<>~:\x00ab$`"), min_size=1, max_size=20))
def test_the_text_form_that_anyldap_gives_parses_to_the_same_shape(value: str) -> None:
    """The second judge. ASCII only: its parser reads escaped UTF-8 octets one by one."""
    what = filters.any_of(filters.equals("mail", value), filters.present("uid"))
    assert isinstance(what, pureldap.LDAPFilter_or)
    assert shape(parseFilter(what.asText())) == shape(what)


def test_a_filter_made_of_text_would_be_broken_out_of() -> None:
    """The sabotage twin: what the builders spare us."""
    value = "x)(uid=*"
    assert shape(parseFilter(f"(|(mail={value})(cn=y))")) != shape(parseFilter("(|(mail=x)(cn=y))"))
