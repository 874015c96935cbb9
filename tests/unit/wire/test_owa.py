# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from urllib.parse import parse_qs

import msgspec
import pytest

from evict.wire import owa
from evict.wire.reading import Says

HOST = "mail.corp.test"


def read(body: bytes, *cookies: str, status: int = 200, error: str = "") -> Says:
    reading = owa.read_page(
        status=status, location="", host=HOST, error=error, body=body, cookies=cookies
    )
    return reading.says


def test_the_form_carries_what_a_browser_sends() -> None:
    fields = parse_qs(
        owa.login_form("corp\\alice", "p&=+ä", "/owa/").decode(), keep_blank_values=True
    )
    assert fields["username"] == ["corp\\alice"]
    assert fields["password"] == ["p&=+ä"]
    assert fields["destination"] == ["/owa/"]
    assert fields["flags"] == ["0"]
    assert b"flags=4" in owa.login_form("a", "b", "/", private=True)


@pytest.mark.parametrize(
    ("location", "says"),
    [
        ("/owa/auth/logon.aspx?reason=2", Says.REFUSED),
        (f"https://{HOST}/owa/auth/logon.aspx?url=x&reason=5", Says.REFUSED),
        ("/owa/auth/LOGON.aspx?reason=0", Says.UNCLEAR),
        ("/owa/auth/logon.aspx", Says.UNCLEAR),
        ("/owa/", Says.GO_ON),
        (f"https://{HOST}/owa/?ae=1", Says.GO_ON),
        ("https://other.test/owa/", Says.UNCLEAR),
        ("//other.test/owa/", Says.UNCLEAR),
        ("https://[::1/owa", Says.UNCLEAR),
        ("", Says.UNCLEAR),
    ],
)
def test_where_the_login_leads(location: str, says: Says) -> None:
    assert owa.read_login(302, location, HOST, ["cadata"]).says is says


def test_a_page_is_read_by_its_parts_and_not_by_words_that_mail_may_have() -> None:
    mail = b"<div>Your mailbox is disabled. <a href='/owa/auth/logon.aspx'>x</a></div><p>x</p>"
    assert read(mail, owa.CANARY) is Says.IN
    assert read(mail, "UserContext") is Says.IN
    assert read(mail) is Says.UNCLEAR
    assert read(b"<div class='errorHeader'>x</div>" + mail, owa.CANARY) is Says.UNCLEAR
    assert read(b"<div class=ErrBox>OWA is <b>disabled</b></div>", owa.CANARY) is Says.REFUSED
    assert read(b"<script class=err>disabled</script><p>x", owa.CANARY) is Says.IN
    assert read(b"<div class='error'>   </div><p>x", owa.CANARY) is Says.IN


def test_a_form_for_a_password_elsewhere_is_no_login_page() -> None:
    field = b"<input type=PASSWORD name=password>"
    assert read(b"<form action=/owa/auth.owa?x>" + field, owa.CANARY) is Says.REFUSED
    assert read(b"<form action=/owa/auth/owaauth.dll>" + field) is Says.REFUSED
    assert read(b"<form action=/search>" + field, owa.CANARY) is Says.IN
    assert read(b"<form action=/owa/auth.owa></form>" + field, owa.CANARY) is Says.IN


def test_the_service_says_what_is_so() -> None:
    def says(status: int, body: bytes = b"", error: str = "", location: str = "") -> Says | None:
        reading = owa.read_service(status, location, HOST, error, body)
        return None if reading is None else reading.says

    good = msgspec.json.encode(
        {"Body": {"ResponseMessages": {"Items": [{"ResponseCode": "NoError"}]}}}
    )
    assert says(200, good) is Says.IN
    assert says(500, good) is Says.UNCLEAR
    assert says(200, good, "AccountDisabledException") is Says.REFUSED
    assert says(500, b'{"Body":{"ResponseCode":"ErrorAccessDenied"}}') is Says.REFUSED
    assert says(404) is None
    assert says(440) is Says.REFUSED
    assert says(302, location="/owa/auth/logon.aspx?reason=0") is Says.REFUSED
    assert says(302, location="/owa/") is Says.UNCLEAR
    for body in (b"", b"[]", b"{}", b'{"Body":[]}', b'{"Body":{"ResponseMessages":{"Items":3}}}'):
        assert says(200, body) is Says.UNCLEAR


def test_the_service_is_asked_for_ids_alone() -> None:
    assert b'"BaseShape":"IdOnly"' in owa.service_body()
    assert owa.service_headers("c")[owa.CANARY] == "c"
