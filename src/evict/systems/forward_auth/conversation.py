# SPDX-License-Identifier: Apache-2.0
"""The front's sub-request, sans-I/O: HTTP requests in, answers out.

As nginx's auth_request makes it (ngx_http_auth_request_module: 2xx allows; 401 and 403 refuse with
that status; anything else, no answer included, is an error and refuses). The front says the
client's Authorization and Cookie, and in X-Original-URI what was asked for; the path decides
nothing but that the login page needs no identity. No other header counts, whatever it claims.

Answers:
    204: let through. X-Evict-Login, where it is there, is the name (percent-encoded) by which the
        front keeps the live request; without it the request is not identified.
    401 with X-Evict-Login-Page: the cookie is unknown, or its account is closed: to the login.
    401 with WWW-Authenticate: identity is wanted (`unidentified = "refuse"`).
    403: the account is closed, or who it is cannot be read in one way alone.
    503: nobody may, for now.
"""

from __future__ import annotations

from typing import Final

import httptools
from msgspec import Struct

from evict.systems.forward_auth.bindings import Bindings
from evict.systems.forward_auth.credentials import CookieReader, Scheme, authorization, is_open
from evict.systems.forward_auth.names import Decide, may_enter, shown

ASK: Final = b"/auth"
RENEWED: Final = b"/renewed"
"""The front tells that the server issued a new cookie (X-Evict-Renewed) in place of the one in
Cookie: OWA does so for somebody who stays active. Without it people sign in again then."""
MAX_REQUEST: Final = 64 * 1024
"""Bytes of one request. OWA's cookies take about 2 KB, a Kerberos token up to 48 KB (assumed)."""
MAX_HEADERS: Final = 200
_ANYBODY: Final = b"anybody"
"""Asked about to learn whether anybody may come in at all yet."""
_URI: Final = b"x-original-uri"
_NEW: Final = b"x-evict-renewed"
_WATCHED: Final = frozenset({b"authorization", b"cookie", _URI, b"x-original-method", _NEW})


def _answer(status: str, *headers: str, close: bool = False) -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers]
    if not status.startswith("204"):
        lines.append("Content-Length: 0")
    if close:
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


LET_THROUGH: Final = _answer("204 No Content")
TO_LOGIN: Final = _answer("401 Unauthorized", "X-Evict-Login-Page: 1")
WHO: Final = _answer("401 Unauthorized", 'WWW-Authenticate: Basic realm="mail"')
REFUSE: Final = _answer("403 Forbidden")
NOT_NOW: Final = _answer("503 Service Unavailable", "Retry-After: 1")
MALFORMED: Final = _answer("400 Bad Request", close=True)


def let_in(name: str) -> bytes:
    return _answer("204 No Content", f"X-Evict-Login: {name}")


class Rules(Struct, frozen=True, kw_only=True):
    """What is configured.

    Attributes:
        cookie: name of the cookie that signs in.
        open_paths: beginnings of paths that need no identity, in lower case.
        unidentified: whether requests of nobody, and NTLM's and Kerberos', pass.
    """

    cookie: str = "cadata"
    open_paths: tuple[bytes, ...] = (b"/owa/auth/",)
    unidentified: bool = True


class Judge:
    """Decides about one request; shared by all connections."""

    def __init__(self, decide: Decide, bindings: Bindings, rules: Rules) -> None:
        self._decide = decide
        self._bindings = bindings
        self._rules = rules
        self._cookies = CookieReader(rules.cookie)

    def judge(self, headers: dict[bytes, bytes]) -> bytes:
        scheme, name = authorization(headers.get(b"authorization"))
        fit, cookie = self._cookies.find(headers.get(b"cookie"))
        if scheme is Scheme.REFUSED or not fit:
            return REFUSE
        login = None if cookie is None else self._bindings.find(cookie)
        by_name = may_enter(self._decide, name) if scheme is Scheme.BASIC else True
        by_cookie = login is not None and may_enter(self._decide, login)
        if by_name is None or by_cookie is None or self._decide(_ANYBODY, b"") is None:
            return NOT_NOW
        if not by_name:
            return REFUSE
        at_login = is_open(headers.get(_URI, b""), self._rules.open_paths)
        if cookie is not None and not by_cookie and not at_login:
            return TO_LOGIN
        return self._of(scheme, name, login if by_cookie else None, at_login=at_login)

    def _of(self, scheme: Scheme, name: bytes, login: bytes | None, *, at_login: bool) -> bytes:
        """Somebody who may. Two names on one request are refused: which one counts is unknown."""
        known = {shown(n) for n in (login, name if scheme is Scheme.BASIC else None) if n}
        if len(known) > 1 or None in known:
            return REFUSE
        for who in known:
            return let_in(who or "")
        return LET_THROUGH if at_login or self._rules.unidentified else WHO

    def renew(self, headers: dict[bytes, bytes]) -> bytes:
        """Bind the new cookie as the old one is bound."""
        fit, cookie = self._cookies.find(headers.get(b"cookie"))
        new = headers.get(_NEW, b"")
        login = self._bindings.find(cookie) if fit and cookie else None
        if login is None or not new or not may_enter(self._decide, login):
            return REFUSE
        self._bindings.bind(new, login)
        return LET_THROUGH


class Conversation:
    """One connection. `receive` gives what to write; `ended` says to close after writing it."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._parser = httptools.HttpRequestParser(self)
        self._answers: list[bytes] = []
        self.ended = False
        self._size = 0
        self._forget()

    def _forget(self) -> None:
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._doubted = False
        self._count = 0

    def receive(self, data: bytes) -> bytes:
        """Take what came; give the answers to all whole requests in it, in order."""
        if self.ended:
            return b""
        self._size += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._end()
        if self._size > MAX_REQUEST:
            self._end()
        answers, self._answers = self._answers, []
        return b"".join(answers)

    def _end(self) -> None:
        if not self.ended:
            self._answers.append(MALFORMED)
            self.ended = True

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A second copy, or one spelled with underscores, may be a client's: nobody is let in."""
        self._count += 1
        low = name.lower()
        spelled = low.replace(b"_", b"-")
        if spelled in _WATCHED:
            if low != spelled or low in self._headers:
                self._doubted = True
            self._headers[spelled] = value.strip(b" \t")

    def on_message_complete(self) -> None:
        if self.ended:
            return
        self._size = 0
        if self._url not in (ASK, RENEWED) or self._count > MAX_HEADERS:
            self._end()
            return
        if self._doubted:
            self._answers.append(REFUSE)
        elif self._url == RENEWED:
            self._answers.append(self._judge.renew(self._headers))
        else:
            self._answers.append(self._judge.judge(self._headers))
        if not self._parser.should_keep_alive():
            self.ended = True
        self._forget()
