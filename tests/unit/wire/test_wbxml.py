# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from evict.core.errors import RemoteProtocolError
from evict.wire.activesync_pages import PAGES, TOKENS
from evict.wire.wbxml import Element, Limits, decode, encode

HEAD = b"\x03\x01\x6a\x00"
PING = Element(
    "Ping:Ping",
    (
        Element("Ping:Status", (), "2"),
        Element("Ping:Folders", (Element("Ping:Folder", (), "1"), Element("Ping:Folder", (), ""))),
        Element("Ping:MaxFolders"),
    ),
)


def test_a_document_has_the_bytes_that_the_specification_gives_it() -> None:
    sync_key = Element("FolderHierarchy:SyncKey", (), "0")
    root = Element("FolderHierarchy:FolderSync", (sync_key,))
    assert encode(root, TOKENS) == HEAD + b"\x00\x07\x56\x52\x030\x00\x01\x01"


@pytest.mark.parametrize(
    "root",
    [
        PING,
        Element("AirSync:Sync"),
        Element("ComposeMail:SendMail", (Element("ComposeMail:Mime", (), b"\0" * 300),)),
        Element("AirSync:Sync", (Element("Email:Subject", (), "Grüße €\r\n"), PING)),
    ],
    ids=["nested", "empty", "opaque", "pages"],
)
def test_what_is_written_is_read_back(root: Element) -> None:
    assert decode(encode(root, TOKENS), PAGES) == root


def test_elements_are_found_by_their_path() -> None:
    assert PING.text("Ping:Status") == "2"
    assert PING.find("Ping:Folders", "Ping:Folder") == Element("Ping:Folder", (), "1")
    assert PING.text("Ping:Folders", "Ping:Id", "Ping:Id") is None
    assert [e.tag for e in PING.walk()].count("Ping:Folder") == 2


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "too early"),
        (b"\x45", "too early"),
        (b"\x00", "too early"),
        (b"\x05\x05", "after the document's end"),
        (b"\x01", "nobody knows"),
        (b"\x03x\x00", "nobody knows"),
        (b"\x85\x01", "nobody knows"),
        (b"\xc5\x01\x01", "nobody knows"),
        (b"\x45\x83\x00\x01", "nobody knows"),
        (b"\x45\x02\x20\x01", "nobody knows"),
        (b"\x45\x43\x01", "nobody knows"),
        (b"\x7f\x01", "nobody knows"),
        (b"\x00\x63\x05", "nobody knows"),
        (b"\x45\x03abc", "without end"),
        (b"\x45\x03\xff\x00\x01", "not UTF-8"),
        (b"\x45\xc3\x05ab\x01", "longer than the document"),
        (b"\x45\xc3\x90\x80\x80\x80\x00\x01", "too large"),
        (b"\x45\xc3\x80\x80\x80\x80\x80\x00\x01", "too long"),
        (b"\x45\x03a\x00\xc3\x01b\x01", "text beside opaque"),
        (b"\x45\x03a\x00\x06\x01", "data beside elements"),
    ],
)
def test_a_broken_document_is_one_kind_of_error(body: bytes, says: str) -> None:
    with pytest.raises(RemoteProtocolError, match=says):
        decode(HEAD + body, PAGES)


@pytest.mark.parametrize(
    ("head", "says"),
    [
        (b"<?xml version='1.0'?>", "version"),
        (b"\x00\x01\x6a\x00\x05", "version"),
        (b"\x03\x01\x04\x00\x05", "not UTF-8"),
        (b"\x03\x01\x6a\x03abc\x05", "string table"),
        (b"\x03\x01\x6a\xff\xff\xff\xff\x7f\x05", "too large"),
    ],
)
def test_a_head_that_activesync_has_not_is_refused(head: bytes, says: str) -> None:
    with pytest.raises(RemoteProtocolError, match=says):
        decode(head, PAGES)


def test_strings_that_follow_one_another_are_one() -> None:
    assert decode(HEAD + b"\x45\x03a\x00\x03b\x00\x01", PAGES).data == "ab"


@pytest.mark.parametrize(
    ("body", "limits", "says"),
    [
        (b"\x45" * 40 + b"\x01" * 40, Limits(), "too deep"),
        (b"\x45" + b"\x06" * 11 + b"\x01", Limits(elements=10), "too many"),
        (b"\x45" + b"\x06" * 11 + b"\x01", Limits(size=10), "too long"),
    ],
    ids=["depth", "elements", "size"],
)
def test_limits_are_kept(body: bytes, limits: Limits, says: str) -> None:
    with pytest.raises(RemoteProtocolError, match=says):
        decode(HEAD + body, PAGES, limits)


@pytest.mark.parametrize(
    "root", [Element("Ping:Nothing"), Element("Ping:Id", (), "a\0b")], ids=["tag", "nul"]
)
def test_what_cannot_be_written_is_refused(root: Element) -> None:
    with pytest.raises(ValueError, match=r"no token|NUL"):
        encode(root, TOKENS)
