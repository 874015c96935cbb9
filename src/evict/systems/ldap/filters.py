# SPDX-License-Identifier: Apache-2.0
r"""Search filters, built as BER and never as text: a value cannot become syntax.

The string form of RFC 4515 with its escapes is not used at all (RFC 4511 section 4.5.1.7 is the
wire form). Quirk: anyldap 0.2.0's parser of that string form reads `\c3\a9` as two characters.
"""

from __future__ import annotations

from typing import Final

from anyldap.protocols import pureber, pureldap

Filter = pureber.BERBase


def equals(attribute: str, value: str | bytes) -> Filter:
    return pureldap.LDAPFilter_equalityMatch(
        attributeDesc=pureldap.LDAPAttributeDescription(attribute),
        assertionValue=pureldap.LDAPAssertionValue(value),
    )


def at_least(attribute: str, value: str) -> Filter:
    return pureldap.LDAPFilter_greaterOrEqual(
        attributeDesc=pureldap.LDAPAttributeDescription(attribute),
        assertionValue=pureldap.LDAPAssertionValue(value),
    )


def at_most(attribute: str, value: str) -> Filter:
    return pureldap.LDAPFilter_lessOrEqual(
        attributeDesc=pureldap.LDAPAttributeDescription(attribute),
        assertionValue=pureldap.LDAPAssertionValue(value),
    )


def starts_with(attribute: str, prefix: str) -> Filter:
    initial = pureldap.LDAPFilter_substrings_initial(prefix)
    return pureldap.LDAPFilter_substrings(type=attribute, substrings=[initial])


def present(attribute: str) -> Filter:
    return pureldap.LDAPFilter_present(attribute)


def all_of(*parts: Filter) -> Filter:
    return pureldap.LDAPFilter_and(list(parts))


def any_of(*parts: Filter) -> Filter:
    return pureldap.LDAPFilter_or(list(parts))


def negate(part: Filter) -> Filter:
    return pureldap.LDAPFilter_not(part)


ANYTHING: Final = present("objectClass")
