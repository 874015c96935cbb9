# SPDX-License-Identifier: Apache-2.0
"""Whose a stored session is. Nothing that somebody typed into it makes it another's."""

from __future__ import annotations

import base64
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evict.systems.roundcube.php import MAX_DEPTH, Unreadable, read, read_stored

SEEN = (
    b'language|s:5:"en_US";imap_namespace|a:4:{s:8:"personal";a:1:{i:0;a:2:{i:0;s:0:"";i:1;s:1:".";}}'
    b's:5:"other";N;s:6:"shared";N;s:10:"prefix_out";s:0:"";}imap_delimiter|s:1:".";'
    b'imap_list_conf|a:2:{i:0;N;i:1;a:0:{}}user_id|i:5;username|s:7:"rcp-one";'
    b'storage_host|s:10:"127.93.0.1";storage_port|i:143;storage_ssl|b:0;'
    b'password|s:4:"eX/n";login_time|i:1795532837;STORAGE_SPECIAL-USE|b:0;task|s:4:"mail";'
)
"""As Roundcube 1.6.5 stores one, with another password."""
ANONYMOUS = b'temp|b:1;language|s:5:"en_US";task|s:5:"login";request_token|s:3:"abc";'

Value = object
VALUES: st.SearchStrategy[Value] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.binary(max_size=40)),
    lambda inner: st.dictionaries(st.one_of(st.integers(), st.binary(max_size=9)), inner),
    max_leaves=12,
)
KEYS = st.binary(min_size=1, max_size=20).filter(
    lambda key: b"|" not in key and b"!" not in key and key != b"username"
)


def serialized(value: Value) -> bytes:
    match value:
        case None:
            return b"N;"
        case bool():
            return b"b:%d;" % value
        case int():
            return b"i:%d;" % (value % 2**63)
        case float():
            shown = repr(value).upper() if value != value or abs(value) == float("inf") else value  # noqa: PLR0124 - NaN
            return f"d:{shown};".encode()
        case bytes():
            return b's:%d:"%b";' % (len(value), value)
        case dict():
            inside = b"".join(serialized(k) + serialized(v) for k, v in value.items())
            return b"a:%d:{%b}" % (len(value), inside)
    raise TypeError(value)


def session(*entries: tuple[bytes, Value]) -> bytes:
    return b"".join(key + b"|" + serialized(value) for key, value in entries)


def test_a_session_as_it_was_seen() -> None:
    assert read(SEEN).username == "rcp-one"
    assert read_stored(base64.b64encode(SEEN).decode()).username == "rcp-one"
    assert read(ANONYMOUS).username is None
    assert read(b"").username is None


def test_what_a_user_typed_is_no_username() -> None:
    """The twin of a search for the word: it would find mallory."""
    typed = b'x";username|s:7:"mallory";'
    raw = session((b"search", typed), (b"username", b"alice"), (b"list", {b"username": b"mallory"}))
    assert raw.index(b"mallory") < raw.index(b"alice")
    assert read(raw + b"damaged").username == "alice"
    assert read(raw).username == "alice"


@pytest.mark.parametrize(
    "value",
    [
        b'O:8:"stdClass":1:{s:1:"a";i:1;}',
        b'C:3:"Abc":5:{ab}{}}',
        b'O:13:"rcube_message":2:{s:4:"\0*\0a";r:1;s:1:"b";R:2;}',
        b'E:11:"Suit:Hearts";',
        b"d:0.5;",
        b"d:-INF;",
        b"d:1.0E+25;",
        b"d:NAN;",
        b"b:1;",
        b"i:-5;",
        b'a:1:{s:0:"";N;}',
    ],
)
def test_every_kind_of_value_is_passed_over(value: bytes) -> None:
    assert read(b"before|" + value + b'username|s:5:"alice";').username == "alice"


@pytest.mark.parametrize(
    "raw",
    [
        b"username",
        b'username|s:9:"alice";',
        b'username|s:4:"alice";',
        b"username|i:1;",
        b'username|s:2:"\xff\xfe";',
        b"x|a:2:{i:0;N;}",
        b"x|z:1;",
        b"x|N",
        b"!x|",
        b'x|O:99:"a":0:{}',
        b'x|C:1:"a":9:{}',
        b"x|" + b"a:1:{i:0;" * (MAX_DEPTH + 2),
        b"x|a:9999999999:{",
        ANONYMOUS[:-1],
        ANONYMOUS + b"\n",
    ],
)
def test_what_cannot_be_read_is_nobodys(raw: bytes) -> None:
    with pytest.raises(Unreadable):
        read(raw)


@pytest.mark.parametrize("text", ["", "!!!", "YQ", "é", base64.b64encode(b"x").decode()])
def test_what_is_stored_otherwise_is_nobodys(text: str) -> None:
    if not text:
        assert read_stored(text).username is None
        return
    with pytest.raises(Unreadable):
        read_stored(text)


@given(
    before=st.lists(st.tuples(KEYS, VALUES), max_size=5),
    name=st.text(max_size=30),
    after=st.lists(st.tuples(KEYS, VALUES), max_size=5),
)
@settings(max_examples=300, deadline=None)
def test_the_username_is_found_among_anything(
    before: list[tuple[bytes, Value]], name: str, after: list[tuple[bytes, Value]]
) -> None:
    raw = session(*before, (b"username", name.encode()), *after)
    assert read(raw).username == name


@given(
    entries=st.lists(st.tuples(KEYS, VALUES), max_size=4), cut=st.integers(0, 99), byte=st.binary()
)
@settings(max_examples=300, deadline=None)
def test_a_damaged_session_is_read_or_nobodys(
    entries: list[tuple[bytes, Value]], cut: int, byte: bytes
) -> None:
    raw = session(*entries, (b"username", b"alice"))
    for damaged in (raw[:cut], raw[:cut] + byte + raw[cut:], byte):
        with suppress(Unreadable):
            assert read(damaged).username is None or isinstance(read(damaged).username, str)
