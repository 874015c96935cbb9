# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import pytest

from evict.wire import sogo
from evict.wire.reading import Says

HOST = "mail.corp.test:8443"
COOKIE = "Zm9vOmJhcg=="
GOOD = b'{"cn":"alice","expire":-1,"grace":-1}'
DATE = b'{"year":"2026","weekday":"Tuesday","day":"24","month":"November"}'
BROWSERS_LOGIN = (
    b'<html><body ng-controller="LoginController as app"><form method="post"'
    b' name="loginForm"><input type="password"></form></body></html>'
)
UNKNOWN_BROWSERS_LOGIN = b'<html><body class="main"><div id="loginScreen"><table>'


def test_the_login_is_what_a_browser_sends() -> None:
    sent = json.loads(sogo.login_body('al"ice', "p&=ä"))
    assert sent == {"userName": 'al"ice', "password": "p&=ä", "domain": None, "rememberLogin": 0}


def test_an_empty_name_is_never_sent() -> None:
    with pytest.raises(ValueError, match="name"):
        sogo.login_body("", "x")


@pytest.mark.parametrize(
    ("status", "body", "cookie", "says"),
    [
        (200, GOOD, COOKIE, Says.GO_ON),
        (200, GOOD, "", Says.UNCLEAR),
        (200, GOOD, "discard", Says.UNCLEAR),
        (200, BROWSERS_LOGIN, COOKIE, Says.REFUSED),
        (200, b"<html>a portal</html>", COOKIE, Says.UNCLEAR),
        (202, b'{"totpMissingKey":1}', "", Says.UNCLEAR),
        (403, b'{"totpInvalidKey":1}', "", Says.UNCLEAR),
        (403, b'{"LDAPPasswordPolicyError":65535}', "", Says.REFUSED),
        (403, b'{"LDAPPasswordPolicyError":0}', "", Says.UNCLEAR),
        (403, b'{"LDAPPasswordPolicyError":1}', "", Says.REFUSED),
        (403, b'{"LDAPPasswordPolicyError":2}', "", Says.UNCLEAR),
        (403, b'{"LDAPPasswordPolicyError":77}', "", Says.UNCLEAR),
        (403, b"closed", "", Says.REFUSED),
        (401, b"", "", Says.REFUSED),
        (502, b"<html>Bad Gateway", "", Says.UNCLEAR),
        (302, b"", COOKIE, Says.UNCLEAR),
        (200, b"[" * 40_000, COOKIE, Says.UNCLEAR),
        (200, b"[]", COOKIE, Says.UNCLEAR),
    ],
)
def test_what_an_answer_to_the_login_means(
    status: int, body: bytes, cookie: str, says: Says
) -> None:
    reading = sogo.read_login(status, body, cookie)
    assert reading.says is says
    assert reading.words


@pytest.mark.parametrize(
    ("status", "location", "body", "says", "path"),
    [
        (302, "/SOGo/alice", b"", Says.GO_ON, "/SOGo/so/alice/date"),
        (302, f"https://{HOST}/SOGo/so/alice/view", b"", Says.GO_ON, "/SOGo/so/alice/date"),
        (302, "/SOGo/alice%40corp.test/view", b"", Says.GO_ON, "/SOGo/so/alice%40corp.test/date"),
        (302, "/SOGo/", b"", Says.REFUSED, ""),
        (302, "/SOGo/so/", b"", Says.REFUSED, ""),
        (302, "/SOGo/so", b"", Says.REFUSED, ""),
        (302, "https://elsewhere.test/SOGo/alice", b"", Says.UNCLEAR, ""),
        (302, "/portal", b"", Says.UNCLEAR, ""),
        (302, "http://[x", b"", Says.UNCLEAR, ""),
        (200, "", BROWSERS_LOGIN, Says.REFUSED, ""),
        (200, "", UNKNOWN_BROWSERS_LOGIN, Says.REFUSED, ""),
        (200, "", b"", Says.UNCLEAR, ""),
        (403, "", b"", Says.REFUSED, ""),
        (503, "", b"", Says.UNCLEAR, ""),
    ],
)
def test_where_a_living_session_is_sent(
    status: int, location: str, body: bytes, says: Says, path: str
) -> None:
    reading = sogo.read_start(status, location, HOST, body)
    assert (reading.says, reading.path) == (says, path)


@pytest.mark.parametrize(
    ("status", "location", "body", "says"),
    [
        (200, "", DATE, Says.IN),
        (200, "", BROWSERS_LOGIN, Says.REFUSED),
        (200, "", UNKNOWN_BROWSERS_LOGIN, Says.REFUSED),
        (200, "", b'{"cn":"alice"}', Says.UNCLEAR),
        (500, "", b"the called object returned no result", Says.UNCLEAR),
        (500, "", DATE, Says.UNCLEAR),
        (302, "/SOGo/", b"", Says.REFUSED),
        (302, "/SOGo/alice", b"", Says.UNCLEAR),
        (401, "", b"", Says.REFUSED),
        (404, "", b"object not found", Says.UNCLEAR),
    ],
)
def test_what_the_date_means(status: int, location: str, body: bytes, says: Says) -> None:
    assert sogo.read_date(status, location, HOST, body).says is says
