# SPDX-License-Identifier: Apache-2.0
"""Whether an entry matches a filter, compared as loosely as Active Directory does.

Spec: RFC 4511 section 4.5.1.7; the extensible rules: MS-ADTS 3.1.1.3.4.4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from anyldap.protocols import pureber, pureldap

from evict.lab.ldap import codec, syntax
from evict.lab.ldap.codec import Malformed
from evict.lab.ldap.entries import Entry
from evict.lab.ldap.tree import Tree

BIT_AND: Final = "1.2.840.113556.1.4.803"
BIT_OR: Final = "1.2.840.113556.1.4.804"
IN_CHAIN: Final = "1.2.840.113556.1.4.1941"
_BITS: Final = 0xFFFFFFFFFFFFFFFF


def matches(tree: Tree, entry: Entry, what: pureber.BERBase) -> bool:
    """Raises `Malformed` for what is no filter.

    What cannot be told (an attribute that is not there) is no match, and its negation is one:
    Active Directory finds accounts without adminCount by `(!(adminCount=1))`.
    """
    if isinstance(what, pureldap.LDAPFilter_and):
        return all(matches(tree, entry, part) for part in what)
    if isinstance(what, pureldap.LDAPFilter_or):
        return any(matches(tree, entry, part) for part in what)
    if isinstance(what, pureldap.LDAPFilter_not):
        return not matches(tree, entry, _filter(what.value))
    return _tells(tree, entry, what)


def _tells(tree: Tree, entry: Entry, what: pureber.BERBase) -> bool:
    if isinstance(what, pureldap.LDAPFilter_present):
        return bool(entry.values(codec.text(what.value).lower()))
    if isinstance(what, pureldap.LDAPFilter_substrings):
        return _substrings(entry, what)
    if isinstance(what, pureldap.LDAPFilter_extensibleMatch):
        return _extensible(tree, entry, what)
    if isinstance(what, pureldap.LDAPAttributeValueAssertion):
        return _compare(tree, entry, what)
    raise Malformed("no filter")


def equal(tree: Tree, entry: Entry, name: str, value: bytes) -> bool:
    """Whether one of the attribute's values is this one."""
    wanted = _wanted(tree, name, value)
    return any(_form(name, held) == wanted for held in entry.values(name))


def _compare(tree: Tree, entry: Entry, what: pureldap.LDAPAttributeValueAssertion) -> bool:
    if what.assertionValue is None:
        raise Malformed("no filter")
    name = codec.text(what.attributeDesc.value).lower()
    value = codec.octets(what.assertionValue.value)
    if isinstance(what, pureldap.LDAPFilter_equalityMatch | pureldap.LDAPFilter_approxMatch):
        return equal(tree, entry, name, value)
    upwards = isinstance(what, pureldap.LDAPFilter_greaterOrEqual)
    return any(_ordered(name, held, value, upwards=upwards) for held in entry.values(name))


def _ordered(name: str, held: bytes, value: bytes, *, upwards: bool) -> bool:
    if name in syntax.INTEGERS:
        left, right = _number(held), _number(value)
        if left is None or right is None:
            return False
        return left >= right if upwards else left <= right
    one, other = _form(name, held), _form(name, value)
    return one >= other if upwards else one <= other


def _substrings(entry: Entry, what: pureldap.LDAPFilter_substrings) -> bool:
    name = codec.text(what.type).lower()
    pieces: list[tuple[type, bytes]] = []
    for part in what.substrings:
        if not isinstance(part, pureber.BEROctetString):
            raise Malformed("no filter")
        pieces.append((type(part), _form(name, codec.octets(part.value))))
    return any(_has(_form(name, held), pieces) for held in entry.values(name))


def _has(held: bytes, pieces: list[tuple[type, bytes]]) -> bool:
    at, end = 0, len(held)
    for kind, piece in pieces:
        if kind is pureldap.LDAPFilter_substrings_initial:
            if not held.startswith(piece):
                return False
            at = len(piece)
        elif kind is pureldap.LDAPFilter_substrings_final:
            end = len(held) - len(piece)
            if not held.endswith(piece) or end < at:
                return False
        else:
            found = held.find(piece, at, end)
            if found < 0:
                return False
            at = found + len(piece)
    return True


def _extensible(tree: Tree, entry: Entry, what: pureldap.LDAPFilter_extensibleMatch) -> bool:
    name = codec.text(what.type.value).lower() if what.type else ""
    rule = codec.text(what.matchingRule.value) if what.matchingRule else ""
    value = codec.octets(what.matchValue.value)
    if rule == IN_CHAIN:
        return _in_chain(tree, entry, name, value)
    if rule in (BIT_AND, BIT_OR):
        return _bits(entry, name, value, every=rule == BIT_AND)
    return False


def _bits(entry: Entry, name: str, value: bytes, *, every: bool) -> bool:
    mask = _number(value)
    if mask is None:
        return False
    held = (_number(v) for v in entry.values(name))
    test: Callable[[int], bool] = (
        (lambda n: n & mask == mask) if every else (lambda n: bool(n & mask))
    )
    return any(number is not None and test(number & _BITS) for number in held)


def _in_chain(tree: Tree, entry: Entry, name: str, value: bytes) -> bool:
    """Of memberOf: the entry is in the group, or in one that is; of member the other way round."""
    dn = value.decode("utf-8", "replace")
    if name == "memberof":
        groups = [v.decode() for v in entry.values("memberof")]
        return syntax.dn_key(dn) in tree.chain(groups)
    if name == "member":
        member = tree.locate(dn)
        groups = [v.decode() for v in member.values("memberof")] if member else []
        return syntax.dn_key(entry.dn) in tree.chain(groups)
    return False


def _wanted(tree: Tree, name: str, value: bytes) -> bytes:
    """A class may be called by its name, a SID by its text."""
    text = value.decode("utf-8", "replace")
    if name == "objectcategory" and "=" not in text:
        return _form(name, tree.category(text))
    if name in ("objectsid", "tokengroups"):
        return syntax.sid_of_text(text) or value
    return _form(name, value)


def _form(name: str, value: bytes) -> bytes:
    """What two equal values have in common."""
    if name in syntax.OCTETS:
        return value
    text = value.decode("utf-8", "surrogateescape")
    if name in syntax.NAMES:
        return syntax.dn_key(text).encode("utf-8", "surrogateescape")
    if name in syntax.INTEGERS:
        number = _number(value)
        return value if number is None else str(number).encode()
    return syntax.loose(text).encode("utf-8", "surrogateescape")


def _number(value: bytes) -> int | None:
    if len(value) > 20:
        return None
    try:
        return int(value)
    except ValueError:
        return None


def _filter(value: object) -> pureber.BERBase:
    if not isinstance(value, pureber.BERBase):
        raise Malformed("no filter")
    return value
