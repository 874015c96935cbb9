# SPDX-License-Identifier: Apache-2.0
"""Outlook on the web as a probe must speak it: the login form, the first page, one service call.

Sources: published readings of HttpProxy's FbaModule (logon.aspx and its reasons, auth.owa and its
fields, 440); KB 2652193 (the words of a refused mailbox). What an error page looks like is assumed:
it names an exception in X-OWA-Error or in its address, or has elements whose id or class begins
with "err".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html.parser import HTMLParser
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec

from evict.wire.reading import Reading, Says, of_status

START: Final = "/owa/"
LOGIN: Final = "/owa/auth.owa"
LOGOFF: Final = "/owa/logoff.owa"
SERVICE: Final = "/owa/service.svc?action=FindItem"
COOKIE: Final = "cadata"
CANARY: Final = "X-OWA-CANARY"
SESSION_COOKIES: Final = (CANARY, "UserContext")
"""Set by the mailbox's own server once it let somebody in; the second one before 2013."""
MAX_TEXT: Final = 200
MAX_PAGE: Final = 128 * 1024
"""Bytes of a page that are looked at."""
_PRIVATE: Final = 4
_LOGIN_PAGE: Final = re.compile(r"/logon\.aspx$", re.IGNORECASE)
_LOGIN_FORM: Final = re.compile(r"/(auth\.owa|owaauth\.dll)$", re.IGNORECASE)
_ERROR_PAGE: Final = re.compile(r"/error(fe|2|)\.aspx$", re.IGNORECASE)
_PASSWORD_PAGE: Final = re.compile(r"/expiredpassword\.aspx$", re.IGNORECASE)
_REASONS: Final = {
    "0": "no session",
    "1": "signed out",
    "2": "bad credentials",
    "3": "timed out",
    "4": "the password changed",
    "5": "blocked by a client access rule",
    "6": "blocked by a rule",
}
_JUDGED: Final = frozenset({"2", "4", "5", "6"})
_FOR_NOW: Final = re.compile(
    r"in ?transit|being moved|moved|server ?busy|try again|unavailable", re.IGNORECASE
)
_REFUSED: Final = re.compile(
    r"disabled|access ?(is )?denied|permission|quarantin|no ?mailbox|not enabled|isn't enabled"
    r"|isn't available for",
    re.IGNORECASE,
)


def login_form(name: str, password: str, destination: str, *, private: bool = False) -> bytes:
    """Body of the login. Args: destination: absolute URL or path of this site."""
    fields = {
        "destination": destination,
        "flags": str(_PRIVATE if private else 0),
        "forcedownlevel": "0",
        "username": name,
        "password": password,
        "passwordText": "",
        "isUtf8": "1",
    }
    return urlencode(fields).encode("ascii")


def service_headers(canary: str) -> dict[str, str]:
    return {
        "Content-Type": "application/json; charset=utf-8",
        "Action": "FindItem",
        CANARY: canary,
    }


def service_body() -> bytes:
    """FindItem of the inbox: ids alone, one at most."""
    body = {
        "__type": "FindItemRequest:#Exchange",
        "ItemShape": {"__type": "ItemResponseShape:#Exchange", "BaseShape": "IdOnly"},
        "ParentFolderIds": [{"__type": "DistinguishedFolderId:#Exchange", "Id": "inbox"}],
        "Traversal": "Shallow",
        "Paging": {
            "__type": "IndexedPageView:#Exchange",
            "BasePoint": "Beginning",
            "Offset": 0,
            "MaxEntriesReturned": 1,
        },
    }
    header = {"__type": "JsonRequestHeaders:#Exchange", "RequestServerVersion": "Exchange2013"}
    request = {"__type": "FindItemJsonRequest:#Exchange", "Header": header, "Body": body}
    return msgspec.json.encode(request)


def read_login(status: int, location: str, host: str, cookies: Sequence[str]) -> Reading:
    """What the answer to the login form means.

    Args:
        host: that the form was sent to; elsewhere nothing is asked.
        cookies: names that the answer sets.
    """
    if status not in (301, 302, 303, 307):
        if status == 200:
            return Reading(says=Says.UNCLEAR, words="the login form was answered with a page")
        return of_status(status) or Reading(says=Says.UNCLEAR, words=f"HTTP {status}")
    reading = _redirect(location, host, judged=True)
    if reading.says is not Says.GO_ON or COOKIE in cookies:
        return reading
    return Reading(says=Says.UNCLEAR, words=f"the login set no {COOKIE} cookie")


def read_page(  # noqa: PLR0913 - the parts of an answer
    *, status: int, location: str, host: str, error: str, body: bytes, cookies: Sequence[str]
) -> Reading:
    """What the first page of a session means.

    A login page and an error page are what they show, whatever their status is; a page without
    either is the mailbox's only if the mailbox's server has set a cookie of its own. It never
    looks for words in what mail may have brought.

    Args:
        error: the X-OWA-Error header.
        cookies: names that the session has by now.
    """
    if 300 <= status < 400:
        return _redirect(location, host)
    page = _Page()
    page.take(body)
    if page.asks_password:
        return Reading(says=Says.REFUSED, words=f"the login page (HTTP {status})")
    if error or page.errors:
        return _of_error(f"{error} {page.errors}", f"an error page (HTTP {status})")
    if any(name in cookies for name in SESSION_COOKIES) and page.elements > 1:
        return Reading(says=Says.IN, words=f"a page of the mailbox (HTTP {status})")
    by_status = of_status(status)
    return by_status or Reading(says=Says.UNCLEAR, words=f"an unknown page (HTTP {status})")


def read_service(status: int, location: str, host: str, error: str, body: bytes) -> Reading | None:
    """What the answer to `service_body` means; None where only the page can tell.

    That is where there is no such service (2010), or where it wants a canary that is renewed.
    """
    if status in (404, 449):
        return None
    if 300 <= status < 400:
        reading = _redirect(location, host)
        return Reading(says=Says.UNCLEAR, words=reading.words) if reading.path else reading
    code, fault = _service_code(body)
    if code == "NoError" and status == 200 and not error:
        return Reading(says=Says.IN, words="FindItem: NoError")
    if error or code not in ("", "NoError"):
        return _of_error(f"{error} {code} {fault}", f"the service (HTTP {status})")
    by_status = of_status(status)
    return by_status or Reading(says=Says.UNCLEAR, words=f"the service says nothing ({status})")


def _redirect(location: str, host: str, *, judged: bool = False) -> Reading:
    """Where it sends to. Args: judged: credentials were sent, so the reason must speak of them."""
    try:
        url = urlsplit(location)
        elsewhere = url.netloc not in ("", host)
    except ValueError:
        return Reading(says=Says.UNCLEAR, words="a redirect that is no address")
    query = {key.lower(): values[0] for key, values in parse_qs(url.query).items()}
    if _LOGIN_PAGE.search(url.path):
        reason = query.get("reason", "")
        words = f"back to the login page (reason {reason}: {_REASONS.get(reason, 'unknown')})"
        untold = judged and reason not in _JUDGED
        return Reading(says=Says.UNCLEAR if untold else Says.REFUSED, words=words)
    if _ERROR_PAGE.search(url.path):
        said = " ".join(query.get(key, "") for key in ("owaerror", "msg", "cafeerror"))
        return _of_error(said, "sent to the error page")
    if _PASSWORD_PAGE.search(url.path):
        return Reading(says=Says.UNCLEAR, words="the password is right, and must be changed")
    if elsewhere or not url.path.startswith("/"):
        return Reading(says=Says.UNCLEAR, words="sent to another server")
    path = f"{url.path}?{url.query}" if url.query else url.path
    return Reading(says=Says.GO_ON, words=f"sent to {url.path}", path=path)


def _of_error(said: str, where: str) -> Reading:
    words = f"{where}: {said.strip()[:MAX_TEXT]}"
    if not _FOR_NOW.search(said) and _REFUSED.search(said):
        return Reading(says=Says.REFUSED, words=words)
    return Reading(says=Says.UNCLEAR, words=words)


def _service_code(body: bytes) -> tuple[str, str]:
    """The first code that is not NoError, else NoError, else ""; and the words of a fault."""
    try:
        said: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return "", ""
    inner = said.get("Body") if isinstance(said, dict) else None
    if not isinstance(inner, dict):
        return "", ""
    messages = inner.get("ResponseMessages")
    items = messages.get("Items") if isinstance(messages, dict) else None
    found = [inner, *items] if isinstance(items, list) else [inner]
    codes = [
        code for m in found if isinstance(m, dict) if isinstance(code := m.get("ResponseCode"), str)
    ]
    code = next((code for code in codes if code != "NoError"), codes[0] if codes else "")
    fault = inner.get("FaultMessage")
    return code, fault if isinstance(fault, str) else ""


class _Page(HTMLParser):
    """Sees forms and error elements; words elsewhere may be mail."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.asks_password = False
        self.elements = 0
        self.errors = ""
        self._in_login = False
        self._open: list[tuple[str, bool]] = []

    def take(self, body: bytes) -> None:
        self.feed(body[:MAX_PAGE].decode("utf-8", "replace"))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements += 1
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._in_login = bool(_LOGIN_FORM.search(values.get("action", "").partition("?")[0]))
        elif tag == "input":
            is_password = values.get("type", "").lower() == "password"
            self.asks_password |= is_password and self._in_login
        if tag in _VOID:
            return
        names = f"{values.get('id', '')} {values.get('class', '')}".lower().split()
        inside = bool(self._open) and self._open[-1][1]
        hides = tag in ("script", "style")
        self._open.append((tag, not hides and (inside or any(n.startswith("err") for n in names))))
        del self._open[_MAX_DEPTH:]

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._in_login = False
        for number in range(len(self._open) - 1, -1, -1):
            if self._open[number][0] == tag:
                del self._open[number:]
                return

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1][1] and data.strip():
            self.errors = f"{self.errors} {data.strip()}"[-2 * MAX_TEXT :].strip()


_VOID: Final = frozenset({"br", "hr", "img", "input", "link", "meta", "area", "base", "col", "wbr"})
_MAX_DEPTH: Final = 256
