# SPDX-License-Identifier: Apache-2.0
"""Our codec and that of pyactivesync say the same; whatever comes is read or refused."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pyactivesync._codepages import CODEPAGES, PAGE_INDEX  # type: ignore[import-untyped]
from pyactivesync._wbxml import Node, NodeBuilder, WBXMLReader, WBXMLWriter, wtag  # type: ignore[import-untyped]

from evict.core.errors import RemoteProtocolError
from evict.wire.activesync import read_body, status_of, write_body
from evict.wire.activesync_pages import PAGES, TOKENS
from evict.wire.activesync_query import Query, read_query
from evict.wire.wbxml import Element, decode, encode

THEIRS = {
    (PAGE_INDEX[page], token): (page, tag)
    for page in CODEPAGES
    for tag, token in CODEPAGES[page].items()
}
SHARED = sorted(tag for tag, place in TOKENS.items() if place in THEIRS)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
DATA = st.one_of(st.none(), TEXTS, st.binary(max_size=200))
ELEMENTS = st.recursive(
    st.builds(Element, st.sampled_from(SHARED), st.just(()), DATA),
    lambda inner: st.builds(
        Element, st.sampled_from(SHARED), st.lists(inner, min_size=1, max_size=4).map(tuple)
    ),
    max_leaves=12,
)


def built(element: Element) -> NodeBuilder:
    page, tag = THEIRS[TOKENS[element.tag]]
    data = element.data
    return wtag(
        page,
        tag,
        children=[built(child) for child in element.children] or None,
        text=data if isinstance(data, str) else None,
        opaque=data if isinstance(data, bytes) else None,
    )


def node_of(element: Element) -> Node:
    page, tag = THEIRS[TOKENS[element.tag]]
    inner: list[Any] = [node_of(child) for child in element.children]
    if element.data is not None:
        inner = [("#text" if isinstance(element.data, str) else "#opaque", element.data, [])]
    return f"{page}.{tag}", None, inner


@given(root=ELEMENTS)
@settings(max_examples=200, deadline=None)
def test_ours_writes_what_theirs_writes_and_reads_it(root: Element) -> None:
    writer = WBXMLWriter()
    built(root)(writer)
    assert encode(root, TOKENS) == writer.render()
    assert decode(writer.render(), PAGES) == root


@given(root=ELEMENTS)
@settings(max_examples=200, deadline=None)
def test_theirs_reads_what_ours_writes(root: Element) -> None:
    assert WBXMLReader(encode(root, TOKENS)).parse() == [node_of(root)]


def test_no_tag_of_theirs_has_another_token_here() -> None:
    known = {number for number, _ in TOKENS.values()}
    assert {page for page, _ in THEIRS if page not in known} <= {1, 5, 9, 10, 15, 16, 25}
    names = {TOKENS[tag]: tag.partition(":")[2].lower() for tag in SHARED}
    assert {place: THEIRS[place][1].lower() for place in names} == names


@given(root=ELEMENTS, cut=st.integers(0, 300), byte=st.integers(0, 255))
@settings(max_examples=300, deadline=None)
def test_a_damaged_document_is_read_or_refused(root: Element, cut: int, byte: int) -> None:
    whole = encode(root, TOKENS)
    for damaged in (whole[:cut], whole[:cut] + bytes((byte,)) + whole[cut + 1 :]):
        with suppress(RemoteProtocolError):
            read = read_body(damaged)
            status_of(read)
            assert read_body(write_body(read)) == read


@given(body=st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_arbitrary_bytes_are_read_or_refused(body: bytes) -> None:
    for data in (body, b"\x03\x01\x6a\x00" + body):
        with suppress(RemoteProtocolError):
            assert isinstance(read_body(data), Element)


@given(text=st.one_of(st.text(max_size=80), st.from_regex(r"[A-Za-z0-9+/]{0,60}={0,2}")))
@settings(max_examples=300, deadline=None)
def test_an_arbitrary_query_is_read_or_refused(text: str) -> None:
    with suppress(RemoteProtocolError):
        assert isinstance(read_query(text), Query)
