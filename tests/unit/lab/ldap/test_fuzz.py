# SPDX-License-Identifier: Apache-2.0
"""Octets of any kind are answered or refused; nothing else ever comes out."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from anyldap.protocols import pureber, pureldap
from hypothesis import given, settings
from hypothesis import strategies as st

from evict.lab.ldap import codec
from evict.lab.ldap.codec import Malformed
from evict.systems.active_directory.measures import swap
from evict.systems.ldap import filters, messages
from tests.unit.lab.ldap.talking import ADMIN_PASSWORD, ALICE, BASE, Office, office


def requests() -> list[bytes]:
    """Good ones, to be spoiled."""
    every = (
        pureldap.LDAPBindRequest(dn="CORP\\adam", auth=ADMIN_PASSWORD),
        pureldap.LDAPSearchRequest(
            baseObject=BASE,
            scope=2,
            filter=filters.all_of(
                filters.equals("objectClass", "user"),
                filters.negate(filters.starts_with("cn", "A")),
                pureldap.LDAPFilter_extensibleMatch(
                    matchingRule="1.2.840.113556.1.4.803",
                    type="userAccountControl",
                    matchValue="2",
                    dnAttributes=None,
                ),
            ),
            attributes=["*", "tokenGroups", "nTSecurityDescriptor"],
        ),
        messages.modify_request(ALICE, swap("userAccountControl", 512, 514)),
        pureldap.LDAPExtendedRequest(requestName=b"1.3.6.1.4.1.4203.1.11.3"),
    )
    paged = [messages.paged(2, b"")]
    return [pureldap.LDAPMessage(r, controls=paged, id=5).toWire() for r in every]


REQUESTS = requests()


def tried(made: Office, frame: bytes) -> None:
    try:
        for answer in made.talk.answer(codec.decode(frame)):
            assert answer[0] == 0x30
    except Malformed:
        return


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_octets(frame: bytes) -> None:
    tried(office(), frame)
    tried(office(), b"\x30" + pureber.int2berlen(len(frame)) + frame)


@given(
    which=st.sampled_from(REQUESTS),
    cuts=st.lists(st.tuples(st.integers(0, 400), st.binary(min_size=1, max_size=3)), max_size=6),
)
@settings(max_examples=500, deadline=None)
def test_spoiled_requests(which: bytes, cuts: list[tuple[int, bytes]]) -> None:
    made = office()
    made.bind("CORP\\adam", ADMIN_PASSWORD)
    spoiled = bytearray(which)
    for at, octets in cuts:
        place = at % len(spoiled)
        spoiled[place : place + len(octets)] = octets
    tried(made, bytes(spoiled))


@pytest.mark.parametrize(
    "make",
    [
        lambda: b"\x30\x84\x00\x00\xff\xf0" + b"\x30\x80" * 32_760,
        lambda: nested(b"\xa2", 2000),
        lambda: nested(b"\x30", 10_000),
        lambda: wrapped(b"\x02" + pureber.int2berlen(60_000) + b"\x7f" * 60_000),
        lambda: wrapped(b"\x05\x00" * 30_000),
    ],
    ids=["no length", "deep filter", "deep sequence", "a long number", "many"],
)
def test_what_would_take_long_is_refused_at_once(make: Callable[[], bytes]) -> None:
    with pytest.raises(Malformed):
        codec.decode(make())


def wrapped(content: bytes) -> bytes:
    return b"\x30" + pureber.int2berlen(len(content)) + content


def nested(tag: bytes, depth: int) -> bytes:
    content = b""
    for _ in range(depth):
        content = tag + pureber.int2berlen(len(content)) + content
    return wrapped(b"\x02\x01\x01" + content)


def test_the_codec_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    unknown = b"\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x9f\x00\xa0\x04\x9e\x02\x00\x00"
    for frame in (wrapped(unknown), wrapped(b"\x02\x01\x01\x42\x00\xa0\x02\x5f\x00")):
        tried(office(), frame)
    assert capsys.readouterr().out == ""
