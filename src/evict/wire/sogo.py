# SPDX-License-Identifier: Apache-2.0
"""SOGo's web mail as a probe must speak it: the login, where it leads, and one harmless question.

Source: SOGo 5.8.0, SOGoRootPage.m (connectAction, defaultAction) and SOGoConstants.h; seen on a
server of this version. A login page is known by its marks, never by words that mail may have
brought: what is asked here shows no mail.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from evict.wire.reading import Reading, Says, json_object, of_status, own_address

LOGIN: Final = "/SOGo/connect"
START: Final = "/SOGo/"
COOKIE: Final = "0xHIGHFLYxSOGo"
NO_SESSION: Final = "discard"
"""The cookie's value after a sign-out."""
XSRF_COOKIE: Final = "XSRF-TOKEN"
XSRF_HEADER: Final = "X-XSRF-TOKEN"
MAX_PAGE: Final = 64 * 1024
"""Bytes of a page that are looked at."""
_PLAIN_FAILURE: Final = 65535
_POLICY: Final = {
    0: (Says.UNCLEAR, "the password is right, and has expired"),
    1: (Says.REFUSED, "the account is locked"),
    2: (Says.UNCLEAR, "the password is right, and must be changed"),
}
"""LDAPPasswordPolicyError."""
_LOGIN_PAGE: Final = re.compile(
    rb'ng-controller="LoginController|name="loginForm"|id="loginScreen"'
)
"""The last is what a browser that SOGo does not know is shown."""
_HOME: Final = re.compile(r"/SOGo/(?:so/)?(?!so(?:/|$))([^/]+)(?:/view)?/?")
_NOBODYS: Final = re.compile(r"/SOGo(?:/so)?/?")


def login_body(name: str, password: str) -> bytes:
    """Body of the login. Quirk: SOGo 5.8 loses a worker over an empty name: never send one."""
    if not name:
        raise ValueError("a login needs a name")
    return msgspec.json.encode(
        {"userName": name, "password": password, "domain": None, "rememberLogin": 0}
    )


def read_login(status: int, body: bytes, cookie: str) -> Reading:
    """What the answer to the login means.

    Quirk: SOGo 5.8 says the same of a wrong password, of an account that is off, and of a
    directory that does not answer.

    Args:
        cookie: value of `COOKIE` by now, "" where it has none.
    """
    said = json_object(body, MAX_PAGE)
    if status == 200 and "cn" in said:
        if cookie in ("", NO_SESSION):
            return Reading(says=Says.UNCLEAR, words="the login set no session cookie")
        return Reading(says=Says.GO_ON, words="signed in", path=START)
    if "totpMissingKey" in said or "totpInvalidKey" in said:
        words = "the password is right, and a second factor is asked for"
        return Reading(says=Says.UNCLEAR, words=words)
    code = said.get("LDAPPasswordPolicyError")
    if status == 403 and isinstance(code, int):
        plain = (Says.REFUSED, "the login was refused")
        says, words = plain if code == _PLAIN_FAILURE else _POLICY.get(code, (Says.UNCLEAR, ""))
        return Reading(says=says, words=f"{words or 'the login was refused'} (code {code})")
    return _other(status, body)


def read_start(status: int, location: str, host: str, body: bytes) -> Reading:
    """What the answer to `START` means: a living session is sent to its own pages.

    Quirk: SOGo 5.8 answers a dead session 200 with the login page.
    """
    if not 300 <= status < 400:
        return _other(status, body)
    path = _path(location, host)
    home = _HOME.fullmatch(path)
    if home:
        return Reading(says=Says.GO_ON, words="sent home", path=f"/SOGo/so/{home[1]}/date")
    if _NOBODYS.fullmatch(path):
        return Reading(says=Says.REFUSED, words="sent to the login page")
    return Reading(says=Says.UNCLEAR, words="sent to somewhere else")


def read_date(status: int, location: str, host: str, body: bytes) -> Reading:
    """What the answer to a session's question for today's date means.

    Quirk: SOGo 5.8 answers 500 where `XSRF_HEADER` is not the cookie's value.
    """
    if 300 <= status < 400:
        if _NOBODYS.fullmatch(_path(location, host)):
            return Reading(says=Says.REFUSED, words="sent to the login page")
        return Reading(says=Says.UNCLEAR, words="sent to somewhere else")
    said = json_object(body, MAX_PAGE)
    if status == 200 and "year" in said and "day" in said:
        return Reading(says=Says.IN, words="the session was told the date")
    return _other(status, body)


def _other(status: int, body: bytes) -> Reading:
    """An answer that is not what a living session or a login gets."""
    if status == 200 and _LOGIN_PAGE.search(body[:MAX_PAGE]):
        return Reading(says=Says.REFUSED, words="the login page (HTTP 200)")
    by_status = of_status(status)
    return by_status or Reading(says=Says.UNCLEAR, words=f"an unknown answer (HTTP {status})")


def _path(location: str, host: str) -> str:
    """The path on this server; "" for another one's."""
    url = own_address(location, host)
    return url.path if url else ""
