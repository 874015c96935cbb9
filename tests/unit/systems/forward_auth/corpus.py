# SPDX-License-Identifier: Apache-2.0
"""Requests of a leaver who tries to be somebody else, or nobody, and of bystanders.

Each is what a client sends, byte for byte; `{x}` is the number of the case. The leaver is alice:
her name and her cookie stand in no bystander's request, and may never reach the origin.

Long: it is data, and one list is easier to look through than three.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator

SIGNS = (b"alice", b"leaver", b"ywxpy2u")
"""Of the leaver, in lower case: her name, her cookie, base64 of her name at its start."""

_HOST = "Host: mail.corp.test"
_CLOSE = "Connection: close"


def basic(name: str, word: str = "pw") -> str:
    return "Basic " + base64.b64encode(f"{name}:{word}".encode()).decode()


ALICE = basic("alice")
BOB = basic("bob@corp.test")
COOKIE = "0xHIGHFLYxSOGo"
LEAVER = f"{COOKIE}=leaver-session"
BYSTANDER = f"{COOKIE}=bystander-session"

NAMES = (
    "alice",
    "ALICE",
    "Alice@Corp.Test",
    "CORP\\alice",
    "CORP/alice",
    "\\alice",
    ".\\alice",
    "alice@corp.test.",
    "alice+x@corp.test",
    " alice",
    "alice ",
    "al\u200dice",
    "\uff41lice",
    "a%6cice",
    "alice*bob",
)

LINES: dict[str, tuple[str, ...]] = {
    **{f"Basic {name!r}": (f"Authorization: {basic(name)}",) for name in NAMES},
    "cookie": (f"Cookie: {LEAVER}",),
    "cookie, other case": (f"cOOKIE: {LEAVER}",),
    "cookie behind others": (f"Cookie: a=b; c=d;{LEAVER} ; e",),
    "cookie's name in another case": (f"Cookie: {LEAVER.replace('SOG', 'sog')}",),
    "cookie's name escaped": (f"Cookie: {LEAVER.replace('SOGo', '%53OGo')}",),
    "cookie's name all escaped": (
        "Cookie: " + "".join(f"%{ord(c):02x}" for c in COOKIE) + "=leaver-session",
    ),
    "cookie with spaces": (f"Cookie: {COOKIE} = leaver-session",),
    "cookie behind a comma": (f"Cookie: a=b, {LEAVER}",),
    "cookie in quotes": (f'Cookie: a="; {LEAVER}; b="',),
    "two cookies, bystander first": (f"Cookie: {BYSTANDER}; {LEAVER}",),
    "two cookies, leaver first": (f"Cookie: {LEAVER}; {BYSTANDER}",),
    "two Cookie lines": (f"Cookie: {BYSTANDER}", f"Cookie: {LEAVER}"),
    "two Cookie lines, leaver first": (f"Cookie: {LEAVER}", f"Cookie: {BYSTANDER}"),
    "Cookie lines with one each": ("Cookie: a=b", f"Cookie: {LEAVER}"),
    "value escaped": (f"Cookie: {LEAVER.replace('l', '%6c')}",),
    "two Authorization lines": (f"Authorization: {BOB}", f"Authorization: {ALICE}"),
    "two Authorization lines, leaver first": (f"Authorization: {ALICE}", f"Authorization: {BOB}"),
    "Authorization in two cases": (f"Authorization: {BOB}", f"AUTHORIZATION: {ALICE}"),
    "two in one line": (f"Authorization: {BOB}, {ALICE}",),
    "space before the colon": (f"Authorization: {BOB}", f"Authorization : {ALICE}"),
    "tab before the colon": (f"Authorization\t: {ALICE}",),
    "folded": ("Authorization:", f" {ALICE}"),
    "folded behind a bystander": (f"Authorization: {BOB}", f"\t{ALICE}"),
    "scheme in another case": (f"Authorization: bAsIc {ALICE[6:]}",),
    "two spaces": (f"Authorization: Basic  {ALICE[6:]}",),
    "a tab": (f"Authorization: Basic\t{ALICE[6:]}",),
    "no padding": (f"Authorization: {basic('alice', 'pass').rstrip('=')}",),
    "a line feed inside": (f"Authorization: {BOB}\nAuthorization: {ALICE}",),
    "a carriage return inside": (f"Authorization: {BOB}\rAuthorization: {ALICE}",),
    "beside a bystander's Basic": (f"Authorization: {BOB}", f"Cookie: {LEAVER}"),
    "beside a bystander's cookie": (f"Authorization: {ALICE}", f"Cookie: {BYSTANDER}"),
    "claims with underscores": ("Remote_User: alice", "X_Forwarded_User: alice"),
    "claims with underscores for SOGo": ("x_webobjects_remote_user: alice",),
    "taken out by Connection": (
        f"Authorization: {ALICE}",
        "Connection: Authorization, X-Original-URI, X-Forwarded-Uri",
    ),
    "cookie taken out by Connection": (f"Cookie: {LEAVER}", "Connection: Cookie"),
    **{
        f"{header} says {what}": (f"Authorization: {ALICE}", f"{header}: {what}")
        for header in ("X-Original-URI", "x_original_uri", "X-Forwarded-Uri", "X_Forwarded_Uri")
        for what in ("/SOGo/", "/SOGo/WebServerResources/x.css")
    },
    **{
        f"cookie, {header}": (f"Cookie: {LEAVER}", f"{header}: /SOGo/")
        for header in (
            "X-Original-URI",
            "X-Original-URL",
            "X-Rewrite-URL",
            "X-Forwarded-Uri",
            "X-Forwarded-Path",
            "X-Forwarded-Prefix",
            "x_original_uri",
            "X_Forwarded_Uri",
        )
    },
    **{
        f"{header} alone": (f"{header}: alice",)
        for header in (
            "X-Forwarded-User",
            "Remote-User",
            "X-Remote-User",
            "x-webobjects-remote-user",
            "X-WebObjects-Remote-User",
            "X-Evict-Login",
        )
    },
    "X-Evict-Nobody": (f"Cookie: {LEAVER}", "X-Evict-Nobody: 1"),
    "X-Evict-Renewed": (f"Cookie: {BYSTANDER}", "X-Evict-Renewed: leaver-session"),
    "an upgrade": (f"Cookie: {LEAVER}", "Connection: Upgrade", "Upgrade: h2c", "HTTP2-Settings: A"),
    "a websocket": (f"Cookie: {LEAVER}", "Connection: Upgrade", "Upgrade: websocket"),
}

TARGETS = (
    "/SOGo/",
    "/SOGo/?x=/SOGo/so/in",
    "/SOGo/so/in",
    "/SOGo/so/in?/SOGo/",
    "/SOGo/so/../",
    "/SOGo//so/in",
    "//SOGo/so/in",
    "/%53OGo/so/in",
    "/SOGo/%2e%2e/SOGo/so/in",
    "/SOGo/WebServerResources/../so/in",
    "/SOGo/WebServerResources/..%2fso/in",
    "/SOGo/WebServerResources/%2e%2e/so/in",
    "/SOGo/WebServerResources/.%2e/so/in",
    "/SOGo/WebServerResources/..;/so/in",
    "/SOGo/WebServerResources/..\\so\\in",
    "/SOGo/WebServerResources//../so/in",
    "/sogo/so/in",
    "/SOGo/so/in;/SOGo/",
    "/SOGo/so/in%00/SOGo/",
    "/SOGo/so/in#/SOGo/",
    "/SOGo/connect",
    "/SOGo/connect?x",
    "/auth",
    "/renewed",
    "/evict_mail",
    "/SOGo/../evict_mail",
    "http://mail.corp.test/SOGo/so/in",
    "/SOGo/Microsoft-Server-ActiveSync?Cmd=Sync",
    "/Microsoft-Server-ActiveSync?Cmd=Sync",
    "/Microsoft-Server-ActiveSync/default.eas",
)

METHODS = ("GET", "HEAD", "POST", "OPTIONS", "PROPFIND", "REPORT", "get", "CONNECT", "TRACE")

_INNER = f"GET /SOGo/so/in HTTP/1.1\r\n{_HOST}\r\nX-Case: {{x}}\r\nCookie: {LEAVER}\r\n\r\n"


def _raw(first: str, *lines: str, body: str = "") -> str:
    return "\r\n".join([first, _HOST, "X-Case: {x}", *lines, "", ""]) + body


SMUGGLED: dict[str, str] = {
    "pipelined behind a bystander": (
        _raw("GET /SOGo/so/in HTTP/1.1", f"Authorization: {BOB}")
        + _raw("GET /SOGo/so/in HTTP/1.1", f"Cookie: {LEAVER}", _CLOSE)
    ),
    "both lengths": _raw(
        "POST /SOGo/so/in HTTP/1.1",
        f"Authorization: {BOB}",
        _CLOSE,
        "Content-Length: 5",
        "Transfer-Encoding: chunked",
        body="0\r\n\r\n" + _INNER,
    ),
    "both lengths, long": _raw(
        "POST /SOGo/so/in HTTP/1.1",
        f"Authorization: {BOB}",
        _CLOSE,
        f"Content-Length: {5 + len(_INNER)}",
        "Transfer-Encoding: chunked",
        body="0\r\n\r\n" + _INNER,
    ),
    **{
        f"coding {coding!r}": _raw(
            "POST /SOGo/so/in HTTP/1.1",
            f"Authorization: {BOB}",
            _CLOSE,
            coding,
            "Content-Length: 5",
            body="0\r\n\r\n" + _INNER,
        )
        for coding in (
            "Transfer-Encoding: xchunked",
            "Transfer-Encoding : chunked",
            "Transfer_Encoding: chunked",
            "Transfer-Encoding: chunked, identity",
            "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding:\x0bchunked",
            "Transfer-Encoding:\r\n chunked",
        )
    },
    "two lengths": _raw(
        "POST /SOGo/so/in HTTP/1.1",
        f"Authorization: {BOB}",
        _CLOSE,
        "Content-Length: 0",
        f"Content-Length: {len(_INNER)}",
        body=_INNER,
    ),
    "a length with a sign": _raw(
        "POST /SOGo/so/in HTTP/1.1",
        f"Authorization: {BOB}",
        _CLOSE,
        "Content-Length: +0",
        body=_INNER,
    ),
    "a chunk's extension": _raw(
        "POST /SOGo/so/in HTTP/1.1",
        f"Authorization: {BOB}",
        _CLOSE,
        "Transfer-Encoding: chunked",
        body="0;x\n\r\n" + _INNER,
    ),
    "a trailer": _raw(
        "POST /SOGo/so/in HTTP/1.1",
        f"Authorization: {BOB}",
        _CLOSE,
        "Transfer-Encoding: chunked",
        "Trailer: Authorization",
        body=f"0\r\nAuthorization: {ALICE}\r\nCookie: {LEAVER}\r\n\r\n",
    ),
    "HTTP/1.0": _raw("GET /SOGo/so/in HTTP/1.0", f"Authorization: {ALICE}"),
    "no version": f"GET /SOGo/so/in\r\nAuthorization: {ALICE}\r\n\r\n",
    "two hosts": _raw("GET /SOGo/so/in HTTP/1.1", "Host: evict", f"Cookie: {LEAVER}", _CLOSE),
    "a NUL in a header": _raw("GET /SOGo/so/in HTTP/1.1", f"Cookie: a\0; {LEAVER}", _CLOSE),
    "line feeds alone": f"GET /SOGo/so/in HTTP/1.1\n{_HOST}\nCookie: {LEAVER}\n{_CLOSE}\n\n",
}


def leavers() -> Iterator[tuple[str, str]]:
    """Every case: what it is, and the request."""
    for what, lines in LINES.items():
        for target in ("/SOGo/so/in", "/SOGo/", "/SOGo/WebServerResources/x.css"):
            raw = _raw(f"GET {target} HTTP/1.1", *lines)
            yield f"{what} at {target}", raw + _raw("GET /SOGo/ HTTP/1.1", _CLOSE)
    for target in TARGETS:
        for line in (f"Cookie: {LEAVER}", f"Authorization: {ALICE}"):
            yield f"{line[:6]} at {target}", _raw(f"GET {target} HTTP/1.1", line, _CLOSE)
    for method in METHODS:
        yield (
            f"method {method}",
            _raw(f"{method} /SOGo/so/in HTTP/1.1", f"Cookie: {LEAVER}", _CLOSE),
        )
    yield from SMUGGLED.items()


def bystanders() -> Iterator[tuple[str, str]]:
    """Nobody of these may be refused."""
    for target in ("/SOGo/", "/SOGo/so/in", "/SOGo/so/in?a=%2F..&b=c;d", "/SOGo/dav/x%20y/"):
        yield f"nobody at {target}", _raw(f"GET {target} HTTP/1.1", _CLOSE)
        for line in (
            f"Authorization: {BOB}",
            f"authorization:{BOB} ",
            f"Cookie: {BYSTANDER}",
            f"Cookie: a=b%3D; {BYSTANDER}; XSRF-TOKEN=1",
            f"COOKIE: theme=dark.blue; {BYSTANDER}",
            "Cookie: theme=dark",
        ):
            yield f"{line} at {target}", _raw(f"GET {target} HTTP/1.1", line, _CLOSE)
    browser = (
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        "Accept: text/html,application/xhtml+xml,*/*;q=0.8",
        "Accept-Language: de,en;q=0.5",
        "X-Forwarded-For: 10.0.0.1",
        "DNT: 1",
    )
    yield (
        "a browser",
        _raw("GET /SOGo/so/in HTTP/1.1", *browser, f"Cookie: {BYSTANDER}", _CLOSE),
    )
    yield (
        "a phone's upload",
        _raw(
            "POST /Microsoft-Server-ActiveSync?Cmd=Sync&User=bob HTTP/1.1",
            f"Authorization: {BOB}",
            "Content-Type: application/vnd.ms-sync.wbxml",
            "MS-ASProtocolVersion: 14.1",
            "Content-Length: 100000",
            _CLOSE,
            body="x" * 100_000,
        ),
    )
    yield (
        "a body in chunks",
        _raw(
            "PUT /SOGo/dav/x.ics HTTP/1.1",
            f"Authorization: {BOB}",
            "Transfer-Encoding: chunked",
            "Expect: 100-continue",
            _CLOSE,
            body="5\r\nhello\r\n0\r\n\r\n",
        ),
    )
    yield (
        "4 KB of cookie",
        _raw("GET /SOGo/so/in HTTP/1.1", f"Cookie: {BYSTANDER}; pad=" + "x" * 4000, _CLOSE),
    )
