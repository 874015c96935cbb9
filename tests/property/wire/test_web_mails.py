# SPDX-License-Identifier: Apache-2.0
"""Whatever SOGo, Roundcube or what stands before them sends: a reading, or a broken protocol."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from evict.core.errors import RemoteProtocolError
from evict.wire import dav, roundcube, sogo
from evict.wire.reading import Reading, Says

PIECES = st.sampled_from(
    b'{|}|[|]|"cn":|"year":|"day":|"exec":|"action":|"keep-alive"|"this.session_error("|,|""|1|'
    b'<form name="loginForm">|<input name="_pass">|name="_token" value="x"|rcmail.display_message('
    b'"Login failed."|)|<D:multistatus xmlns:D="DAV:">|</D:multistatus>|<D:response>|</D:response>|'
    b"<D:propstat>|</D:propstat>|<D:status>HTTP/1.1 200 OK</D:status>|<D:href>x</D:href>|"
    b"<D:current-user-principal>|</D:current-user-principal>|<D:resourcetype>|</D:resourcetype>|"
    b"<!DOCTYPE x>|&amp;|<![CDATA[|]]>|\0|\xff".split(b"|")
)
BODIES = st.one_of(st.binary(max_size=200), st.lists(PIECES, max_size=40).map(b"".join))
STATUS = st.one_of(st.sampled_from([200, 207, 302, 401, 403]), st.integers(100, 599))
PLACES = st.one_of(
    st.text(max_size=60),
    st.sampled_from(["/SOGo/alice", "/SOGo/", "/?_task=mail", "/?_task=login", "//x/SOGo/alice"]),
)


@given(status=STATUS, body=BODIES, location=PLACES, cookie=st.text(max_size=10))
@settings(max_examples=500, deadline=None)
def test_a_web_mails_answer_is_always_read(
    status: int, body: bytes, location: str, cookie: str
) -> None:
    login = sogo.read_login(status, body, cookie)
    assert login.says is not Says.IN
    assert (login.says is Says.GO_ON) <= (status == 200 and b'"cn"' in body and bool(cookie))
    start = sogo.read_start(status, location, "h", body)
    assert start.says is not Says.IN
    assert not start.path or start.path.startswith("/SOGo/so/")
    date = sogo.read_date(status, location, "h", body)
    assert (date.says is Says.IN) <= (status == 200 and b'"year"' in body)
    page = roundcube.read_form(status, body)
    assert (page.says is Says.GO_ON) == bool(page.token)
    form = roundcube.read_login(status, location, "h", body)
    assert form.says is not Says.IN
    alive = roundcube.read_alive(status, location, "h", body)
    assert (alive.says is Says.IN) <= (status == 200 and b"session_error(" not in body)


@given(status=STATUS, body=BODIES)
@settings(max_examples=500, deadline=None)
def test_a_multistatus_is_read_or_broken(status: int, body: bytes) -> None:
    for read in (dav.read_who, dav.read_published):
        with suppress(RemoteProtocolError):
            reading = read(status, body)
            assert isinstance(reading, Reading)
            assert (reading.says is Says.IN) <= (status == 207)
