# SPDX-License-Identifier: Apache-2.0
"""Whatever a web server sends: a reading, or `RemoteProtocolError`, and never another end."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from evict.core.errors import RemoteProtocolError
from evict.wire import ews, mapihttp, owa
from evict.wire.reading import Reading, Says

PIECES = st.sampled_from(
    b"<form action=/owa/auth.owa>|<input type=password>|<div class=err>|</div>|<p|disabled|>|"
    b'{|}|[|]|"Body":|"ResponseCode":|"NoError"|,|<!DOCTYPE x|&amp;|<![CDATA[|]]>|'
    b"<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'>|</s:Envelope>|"
    b"PROCESSING\r\n|DONE\r\n|\r\n|\0|\xff|<!--|</script|<script>".split(b"|")
)
BODIES = st.one_of(st.binary(max_size=200), st.lists(PIECES, max_size=40).map(b"".join))
STATUS = st.integers(100, 599)
COOKIES = st.lists(st.sampled_from(["cadata", owa.CANARY, "UserContext", "x"]), max_size=3)


@given(status=STATUS, body=BODIES, location=st.text(max_size=60), cookies=COOKIES)
@settings(max_examples=300, deadline=None)
def test_a_page_is_always_read(status: int, body: bytes, location: str, cookies: list[str]) -> None:
    page = owa.read_page(
        status=status, location=location, host="h", error="", body=body, cookies=cookies
    )
    assert isinstance(page, Reading)
    assert page.says is not Says.IN or any(name in owa.SESSION_COOKIES for name in cookies)
    login = owa.read_login(status, location, "h", cookies)
    assert login.says is not Says.IN
    service = owa.read_service(status, location, "h", "", body)
    assert service is None or service.says is not Says.IN or b"NoError" in body


@given(status=STATUS, code=st.text(max_size=4), body=BODIES)
@settings(max_examples=300, deadline=None)
def test_an_answer_is_read_or_broken(status: int, code: str, body: bytes) -> None:
    with suppress(RemoteProtocolError):
        assert isinstance(ews.read(status, body), Reading)
    with suppress(RemoteProtocolError):
        assert mapihttp.read(status, code, body, mapihttp.CONNECT).words
    with suppress(RemoteProtocolError):
        assert mapihttp.parse_connect(body) is not None


@given(dn=st.text(max_size=50))
def test_a_connect_request_keeps_its_name(dn: str) -> None:
    plain = dn.encode("ascii", "replace").replace(b"\0", b"").decode()
    assert mapihttp.parse_connect(mapihttp.connect_body(dn)) == plain
