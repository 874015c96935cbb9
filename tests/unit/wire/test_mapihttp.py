# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from evict.core.errors import RemoteProtocolError
from evict.wire import mapihttp
from evict.wire.reading import Says

META = b"PROCESSING\r\nPENDING\r\nPENDING\r\nDONE\r\nX-ElapsedTime: 5\r\n\r\n"


def test_the_payload_comes_after_the_tags_and_the_headers() -> None:
    assert mapihttp.payload(META + b"\r\nx") == b"\r\nx"
    assert mapihttp.payload(b"DONE\r\n\r\nx") == b"x"
    for cut in (b"", b"PROCESSING\r\n", b"DONE", b"DONE\r\nX: y\r\n", b"<html>\r\n"):
        with pytest.raises(RemoteProtocolError):
            mapihttp.payload(cut)


def test_a_connect_body_can_be_read_back() -> None:
    assert mapihttp.parse_connect(mapihttp.connect_body("/o=x/cn=alice")) == "/o=x/cn=alice"
    assert mapihttp.parse_connect(mapihttp.connect_body("a\0b\u00e4")) == "ab?"
    for body in (b"", b"abc", b"a\0" + bytes(19), b"a\0" + bytes(21), b"\xff\0" + bytes(20)):
        with pytest.raises(RemoteProtocolError):
            mapihttp.parse_connect(body)


def test_what_an_answer_means() -> None:
    read = mapihttp.read
    assert read(200, "0", META + bytes(8), mapihttp.CONNECT).says is Says.IN
    assert read(200, "0", b"", mapihttp.PING).says is Says.IN
    assert read(200, "10", b"", mapihttp.PING).says is Says.GONE
    assert read(200, "6", b"", mapihttp.PING).says is Says.GONE
    assert read(200, "8", b"", mapihttp.PING).says is Says.REFUSED
    assert read(200, "99", b"", mapihttp.PING).words == "X-ResponseCode 99 (unknown)"
    assert read(302, "0", b"", mapihttp.PING).says is Says.UNCLEAR
    assert read(200, "-1", b"", mapihttp.PING).says is Says.UNCLEAR
    with pytest.raises(RemoteProtocolError):
        read(200, "0", META + bytes(6), mapihttp.CONNECT)


def test_an_endpoint_is_named_by_a_mailbox_and_nothing_else() -> None:
    assert mapihttp.path("") == "/mapi/emsmdb/"
    assert mapihttp.path("a-b@corp.test&x=/../") == "/mapi/emsmdb/?MailboxId=a-b@corp.testx.."
