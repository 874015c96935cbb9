# SPDX-License-Identifier: Apache-2.0
"""Whatever is sent: each site has an answer that can be written down, and lets nobody in."""

from __future__ import annotations

import asyncio
import base64

from hypothesis import given, settings
from hypothesis import strategies as st

from evict.lab.http.messages import Connection, Handler, Headers, Request, Response
from evict.lab.model.cookies import OwaCookie
from evict.lab.model.organisation import Organisation
from evict.lab.model.profile import Profile, Version
from evict.lab.web.ews.site import EwsSite
from evict.lab.web.mapi.site import MapiSite
from evict.lab.web.owa.cookie import NAMES, CookieKey
from evict.lab.web.owa.login import own_path, read_form
from evict.lab.web.owa.site import OwaSite
from evict.wire import ews, mapihttp
from tests.unit.lab.web.loopback import NAME, PASSWORD
from tests.unit.lab.web.owa.place import cookie_key

BASIC = ("Authorization", "Basic " + base64.b64encode(f"{NAME}:{PASSWORD}".encode()).decode())
LATIN = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"))
FIELDS = ("destination", "flags", "username", "password", "canary", "to")
KEY = cookie_key()


def organisation(version: Version = Version.SE) -> Organisation:
    made = Organisation(Profile(version), lambda: 1_800_000_000.0)
    made.add_person("alice", "Alice Archer", PASSWORD, "DB01")
    return made


def ask(
    site: Handler, method: str, target: str, headers: list[tuple[str, str]], body: bytes = b""
) -> Response:
    request = Request(method, target, Headers(headers), Connection("127.0.0.1"), body)

    async def answer() -> Response:
        return await site(request)

    response = asyncio.run(answer())
    assert response.encode().startswith(b"HTTP/1.1 ")
    return response


def cookies(values: dict[str, str]) -> tuple[str, str]:
    return "Cookie", "; ".join(f"{name}={value}" for name, value in values.items())


def sealed(key: CookieKey = KEY) -> dict[str, str]:
    now = 1_800_000_000.0
    return key.seal(
        OwaCookie(name=NAME, password=PASSWORD, private=True, issued=now, expires=now + 3600)
    )


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from(FIELDS), LATIN, max_size=6) | st.binary(max_size=200),
    st.sampled_from(["/owa/auth.owa", "/owa/", "/exchweb/bin/auth/owaauth.dll"]),
)
def test_forms(form: dict[str, str] | bytes, path: str) -> None:
    if isinstance(form, dict):
        form = "&".join(f"{name}={value}" for name, value in form.items()).encode("latin-1")
    answer = ask(OwaSite(organisation(), "ex01", KEY), "POST", path, [("Host", "h")], form)
    assert answer.status in (302, 400, 440)
    assert not any("cadata=A" in value for _, value in answer.headers)
    assert read_form(Request("POST", "/", Headers(), Connection("x"), b"\xff")) is None


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from([*NAMES, "sessionid", "X-OWA-CANARY"]), LATIN, max_size=7),
    st.sampled_from([Version.V2010, Version.SE]),
)
def test_cookies_of_nobody(values: dict[str, str], version: Version) -> None:
    site = OwaSite(organisation(version), "ex01", KEY)
    assert ask(site, "GET", "/owa/", [cookies(values)]).status == 302


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(NAMES), st.integers(0, 10_000), st.integers(1, 255))
def test_a_cookie_with_one_other_byte(name: str, at: int, change: int) -> None:
    values = sealed()
    raw = bytearray(base64.b64decode(values[name]))
    raw[at % len(raw)] ^= change
    values[name] = base64.b64encode(raw).decode()
    opened = KEY.open(values, "ex01")
    assert opened is None or (opened.name, opened.password) == (NAME, PASSWORD) or name == "cadata"


def test_a_cookie_opens_by_its_own_key_alone() -> None:
    values = sealed()
    KEY._known.clear()
    opened = KEY.open(values, "ex02")
    assert opened is not None
    assert (opened.name, opened.password, opened.private) == (NAME, PASSWORD, True)
    assert KEY.open(values, "ex02") is opened
    assert PASSWORD not in repr(opened)
    other = type(KEY)()
    assert other.open(values, "ex01") is None


def test_what_is_remembered_has_a_bound() -> None:
    key = CookieKey(remembered=3)
    values = [sealed(key) for _ in range(5)]
    assert len(key._known) == 3
    assert all(key.open(one, "ex01") is not None for one in values)
    assert len(key._known) == 3


@given(st.text(max_size=80))
def test_a_destination_never_leads_elsewhere(text: str) -> None:
    path = own_path(text, "mail.corp.example")
    assert path is None or (path.startswith("/") and not path.startswith(("//", "/\\")))


@settings(deadline=None)
@given(
    LATIN,
    st.lists(st.tuples(st.sampled_from(["ae", "a", "id", "fld", "url", "to"]), LATIN), max_size=4),
)
def test_addresses(tail: str, query: list[tuple[str, str]]) -> None:
    target = f"/owa/{tail}?" + "&".join(f"{k}={v}" for k, v in query)
    site = OwaSite(organisation(), "ex01", KEY)
    answer = ask(site, "GET", target, [cookies(sealed())])
    assert answer.status in (200, 302, 404)


@settings(deadline=None)
@given(st.integers(0, 2000), st.binary(max_size=20))
def test_soap_with_bytes_in_its_middle(at: int, noise: bytes) -> None:
    body = ews.get_inbox()
    cut = at % len(body)
    site = EwsSite(organisation(), "ex01")
    answer = ask(site, "POST", ews.PATH, [BASIC], body[:cut] + noise + body[cut:])
    assert answer.status in (200, 500)
    assert ews.parse(answer.body).codes


@settings(deadline=None)
@given(LATIN, st.binary(max_size=80))
def test_authorization_headers(value: str, token: bytes) -> None:
    encoded = base64.b64encode(token).decode()
    for header in (value, f"Basic {encoded}", f"NTLM {encoded}", f"Negotiate {encoded}"):
        site = EwsSite(organisation(), "ex01")
        answer = ask(site, "POST", ews.PATH, [("Authorization", header)], ews.get_inbox())
        assert answer.status == 401


@settings(deadline=None)
@given(st.sampled_from(["Connect", "PING", "Disconnect", "Execute", "x"]), st.binary(max_size=60))
def test_mapi_bodies(kind: str, body: bytes) -> None:
    site = MapiSite(organisation(), "ex01")
    headers = [BASIC, ("X-RequestType", kind), ("X-RequestId", "{x}:1")]
    answer = ask(site, "POST", mapihttp.PATH, headers, body)
    assert answer.status == 200
    code = dict(answer.headers)["X-ResponseCode"]
    assert code in {"0", "5", "12", "13"}
    if code == "0":
        assert len(mapihttp.payload(answer.body)) >= 8
