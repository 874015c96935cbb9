# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from urllib.parse import parse_qs

import pytest

from evict.wire import roundcube
from evict.wire.reading import Says

HOST = "mail.corp.test:8443"
LOGIN_PAGE = (
    b'<script>rcmail.set_env({"task":"login","rcversion":10605,"session_lifetime":600,"action":""'
    b"});</script>"
    b'<form id="login-form" method="post" action="/roundcube/?_task=login">'
    b'<input type="hidden" name="_token" value="8ax1C0MU5nysZqvGLrNQaxnJ3ke3iabY">'
    b'<input name="_user" type="text"><input name="_pass" id="rcmloginpwd" type="password"></form>'
)


def told(text: str) -> bytes:
    return LOGIN_PAGE + f'<script>rcmail.display_message("{text}","warning",0);</script>'.encode()


def test_the_form_and_what_the_page_tells() -> None:
    form = roundcube.read_form(200, LOGIN_PAGE)
    assert (form.says, form.token) == (Says.GO_ON, "8ax1C0MU5nysZqvGLrNQaxnJ3ke3iabY")
    assert roundcube.lifetime_s(LOGIN_PAGE) == 600
    assert roundcube.version(LOGIN_PAGE) == "1.6.5"
    fields = parse_qs(roundcube.login_form("corp\\alice", "p&=ä", form.token).decode())
    assert (fields["_user"], fields["_pass"]) == (["corp\\alice"], ["p&=ä"])
    assert (fields["_token"], fields["_action"]) == ([form.token], ["login"])


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b""), (200, b"<form>"), (403, LOGIN_PAGE), (502, b""), (302, b"")],
)
def test_no_form_is_neither_yes_nor_no(status: int, body: bytes) -> None:
    """Nobody's password was sent, so nothing was refused."""
    form = roundcube.read_form(status, body)
    assert (form.says, form.token) == (Says.UNCLEAR, "")
    assert (roundcube.lifetime_s(b""), roundcube.version(b"")) == (None, "")


@pytest.mark.parametrize(
    ("status", "location", "body", "says"),
    [
        (302, "/roundcube/?_task=mail&_token=abc", b"", Says.GO_ON),
        (302, f"https://{HOST}/?_task=mail&_token=abc", b"", Says.GO_ON),
        (302, "https://elsewhere.test/?_task=mail", b"", Says.UNCLEAR),
        (302, "/?_task=login", b"", Says.REFUSED),
        (302, "https://elsewhere.test/?_task=login", b"", Says.UNCLEAR),
        (302, "/portal", b"", Says.UNCLEAR),
        (302, "http://[x", b"", Says.UNCLEAR),
        (401, "", told("Login failed."), Says.REFUSED),
        (401, "", told("Die Anmeldung ist fehlgeschlagen."), Says.REFUSED),
        (401, "", told("La connexion a \\u00e9chou\\u00e9."), Says.REFUSED),
        (200, "", told("Login failed."), Says.REFUSED),
        (401, "", told("Connection to storage server failed."), Says.UNCLEAR),
        (401, "", told("Invalid request! No data was saved."), Says.UNCLEAR),
        (401, "", told("Too many failed login attempts. Try again later."), Says.UNCLEAR),
        (401, "", told("\\x"), Says.UNCLEAR),
        (401, "", LOGIN_PAGE, Says.UNCLEAR),
        (401, "", b"the front says no", Says.REFUSED),
        (403, "", b"the front says no", Says.REFUSED),
        (200, "", b"<html>a portal", Says.UNCLEAR),
        (503, "", b"", Says.UNCLEAR),
    ],
)
def test_only_the_message_tells_a_refusal_from_trouble(
    status: int, location: str, body: bytes, says: Says
) -> None:
    reading = roundcube.read_login(status, location, HOST, body)
    assert reading.says is says
    assert reading.token == ("abc" if says is Says.GO_ON else "")


@pytest.mark.parametrize(
    ("status", "location", "body", "says"),
    [
        (200, "", b'{"action":"keep-alive","exec":""}', Says.IN),
        (
            200,
            "",
            b'{"action":"keep-alive","exec":"this.session_error(\\"/?_task=login\\");\\n"}',
            Says.REFUSED,
        ),
        (200, "", b'{"action":"list","exec":""}', Says.UNCLEAR),
        (200, "", b'{"action":"keep-alive"}', Says.UNCLEAR),
        (200, "", LOGIN_PAGE, Says.REFUSED),
        (200, "", b"<html>a portal", Says.UNCLEAR),
        (200, "", b"{" * 300_000, Says.UNCLEAR),
        (302, "/roundcube/?_task=login", b"", Says.REFUSED),
        (302, "/elsewhere", b"", Says.UNCLEAR),
        (401, "", b"", Says.REFUSED),
        (403, "", b"", Says.REFUSED),
        (500, "", b"", Says.UNCLEAR),
    ],
)
def test_a_dead_session_is_told_in_the_body(
    status: int, location: str, body: bytes, says: Says
) -> None:
    assert roundcube.read_alive(status, location, HOST, body).says is says
