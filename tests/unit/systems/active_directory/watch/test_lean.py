# SPDX-License-Identifier: Apache-2.0
"""The lean reader says what the codec says, and refuses whatever is no whole message."""

from __future__ import annotations

import pytest
from anyldap.protocols import pureber, pureldap
from hypothesis import given
from hypothesis import strategies as st

from evict.systems.active_directory.watch import lean
from evict.systems.active_directory.watch.lean import Done, Reference
from evict.systems.ldap import messages
from evict.systems.ldap.messages import Entry, Malformed

_NAMES = st.text(
    alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=30
)
_VALUES = st.lists(st.binary(max_size=300), max_size=4)
_ENTRIES = st.tuples(st.text(max_size=200), st.lists(st.tuples(_NAMES, _VALUES), max_size=6))


def wire_of(dn: str, attributes: list[tuple[str, list[bytes]]], number: int) -> bytes:
    entry = pureldap.LDAPSearchResultEntry(
        dn.encode(), [(name.encode(), values) for name, values in attributes]
    )
    return bytes(pureldap.LDAPMessage(entry, id=number).toWire())


@given(_ENTRIES, st.integers(min_value=1, max_value=2**31 - 1))
def test_an_entry_reads_as_the_codec_reads_it(
    made: tuple[str, list[tuple[str, list[bytes]]]], number: int
) -> None:
    wire = wire_of(*made, number)
    decoded = messages.decode(wire)
    assert isinstance(decoded.value, pureldap.LDAPSearchResultEntry)
    assert lean.read(wire) == (decoded.id, messages.entry_of(decoded.value))


@given(
    st.integers(min_value=0, max_value=5000),
    st.text(max_size=80),
    st.lists(
        st.tuples(st.sampled_from([b"1.2.3", b"1.2.4"]), st.booleans(), st.binary(max_size=300)),
        max_size=3,
    ),
)
def test_an_end_reads_as_the_codec_reads_it(
    code: int, text: str, controls: list[tuple[bytes, bool, bytes]]
) -> None:
    done = pureldap.LDAPSearchResultDone(resultCode=code, errorMessage=text.encode())
    sent = [(oid, int(critical), value) for oid, critical, value in controls]
    wire = bytes(pureldap.LDAPMessage(done, controls=sent or None, id=9).toWire())
    decoded = messages.decode(wire)
    number, answer = lean.read(wire)
    assert number == decoded.id
    assert isinstance(answer, Done)
    assert isinstance(decoded.value, pureldap.LDAPResult)
    assert answer.result == messages.result_of(decoded.value)
    assert answer.controls == {oid: value for oid, _, value in controls}


@given(_ENTRIES, st.data())
def test_what_is_cut_off_is_refused(
    made: tuple[str, list[tuple[str, list[bytes]]]], data: st.DataObject
) -> None:
    wire = wire_of(*made, 5)
    cut = data.draw(st.integers(min_value=0, max_value=len(wire) - 1))
    with pytest.raises(Malformed):
        lean.read(wire[:cut])


@given(st.binary(max_size=200))
def test_noise_never_raises_anything_else(noise: bytes) -> None:
    try:
        number, answer = lean.read(noise)
    except Malformed:
        return
    assert isinstance(number, int)
    assert isinstance(answer, Entry | Done | Reference)


@given(_ENTRIES, st.data())
def test_one_wrong_octet_never_raises_anything_else(
    made: tuple[str, list[tuple[str, list[bytes]]]], data: st.DataObject
) -> None:
    wire = bytearray(wire_of(*made, 5))
    wire[data.draw(st.integers(min_value=0, max_value=len(wire) - 1))] = data.draw(
        st.integers(min_value=0, max_value=255)
    )
    try:
        _, answer = lean.read(bytes(wire))
    except Malformed:
        return
    assert isinstance(answer, Entry | Done | Reference)


def test_a_reference_is_told_from_an_entry() -> None:
    reference = pureldap.LDAPSearchResultReference([pureber.BEROctetString(b"ldap://elsewhere")])
    wire = bytes(pureldap.LDAPMessage(reference, id=3).toWire())
    assert lean.read(wire) == (3, Reference())
