# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from evict.lab.model.profile import Version
from evict.lab.model.words import Pool
from tests.unit.lab.web.owa.place import FORM, HOUR, MINUTE, MakePlace, Place

CADATA = {"cadata", "cadataTTL", "cadataKey", "cadataIV", "cadataSig"}


async def test_without_a_cookie_one_is_sent_to_the_form(place: Place) -> None:
    client = await place.client()
    answer = await client.get("/owa/?ae=Item")
    assert answer.status_code == 302
    assert answer.headers["location"] == ("/owa/auth/logon.aspx?url=%2Fowa%2F%3Fae%3DItem&reason=0")
    form = await client.get(answer.headers["location"])
    assert form.status_code == 200
    assert 'action="/owa/auth.owa"' in form.text
    assert 'name="destination" value="/owa/?ae=Item"' in form.text


async def test_a_post_without_a_cookie_is_a_login_time_out(place: Place) -> None:
    client = await place.client()
    assert (await client.post("/owa/", data={"a": "b"})).status_code == 440
    assert (await client.get("/owa/?oeh=1")).status_code == 440


async def test_the_form_lets_in_and_sets_the_five_cookies(place: Place) -> None:
    client = await place.client()
    answer = await client.post("/owa/auth.owa", data=FORM | {"destination": place.url("/owa/?a=1")})
    assert (answer.status_code, answer.headers["location"]) == (302, "/owa/?a=1")
    lines = answer.headers.get_list("set-cookie")
    assert {line.partition("=")[0] for line in lines} == CADATA | {"PBack", "PrivateComputer"}
    assert all(line.endswith("; path=/; Secure; HttpOnly") for line in lines)
    page = await client.get("/owa/")
    assert page.status_code == 200
    assert "Alice &lt;Archer&gt;" in page.text


async def test_a_public_computer_is_not_called_private(place: Place) -> None:
    client = await place.browser(flags="0")
    assert "PrivateComputer" not in client.cookies


async def test_a_wrong_password_goes_back_to_the_form_for_reason_2(place: Place) -> None:
    client = await place.client()
    answer = await client.post("/owa/auth.owa", data=FORM | {"password": "wrong"})
    assert answer.status_code == 302
    assert answer.headers["location"].endswith("reason=2")
    assert not CADATA & set(client.cookies)
    assert "entered isn" in (await client.get(answer.headers["location"])).text


@pytest.mark.parametrize(
    "change",
    [
        {"destination": "https://evil.example/owa/"},
        {"destination": "//evil.example/"},
        {"destination": "https:evil.example"},
        {"destination": "/\\evil.example"},
        {"destination": "/owa/\r\nX: y"},
        {"destination": "javascript:alert(1)"},
        {"destination": "https://[::1/"},
        {"destination": ""},
        {"flags": "x"},
        {"flags": "\u0664"},
        {"username": "a" * 3000},
    ],
)
async def test_a_bad_form_is_400(place: Place, change: dict[str, str]) -> None:
    client = await place.client()
    answer = await client.post("/owa/auth.owa", data=FORM | change)
    assert answer.status_code == 400
    assert place.organisation.directory.sign_ins == 0


@pytest.mark.parametrize("missing", sorted(FORM))
async def test_each_field_of_the_form_is_needed(place: Place, missing: str) -> None:
    client = await place.client()
    fields = {name: value for name, value in FORM.items() if name != missing}
    assert (await client.post("/owa/auth.owa", data=fields)).status_code == 400
    assert (await client.get("/owa/auth.owa")).status_code == 405


async def test_any_server_takes_the_cookie(place: Place) -> None:
    first = await place.browser("ex01")
    other = await place.client("ex02", dict(first.cookies))
    assert (await other.get("/owa/")).status_code == 200


async def test_an_old_cookie_is_reason_3(place: Place) -> None:
    browser = await place.browser(flags="0")
    place.wait(23 * MINUTE)
    answer = await browser.get("/owa/")
    assert answer.headers["location"].endswith("reason=3")
    assert not CADATA & set(browser.cookies)
    again = await place.browser(flags="0")
    place.wait(23 * MINUTE)
    assert (await again.post("/owa/", data={"a": "b"})).status_code == 440


async def test_a_cookie_is_renewed_for_a_person_and_not_for_a_poll(place: Place) -> None:
    browser = await place.browser()
    before = browser.cookies["cadataTTL"]
    await browser.get("/owa/")
    assert browser.cookies["cadataTTL"] == before
    place.wait(5 * HOUR)
    await browser.get("/owa/?UA=0")
    assert browser.cookies["cadataTTL"] == before
    await browser.get("/owa/")
    assert browser.cookies["cadataTTL"] != before
    place.wait(11 * HOUR)
    assert (await browser.get("/owa/")).status_code == 200


async def test_a_disabled_account_goes_on_until_token_and_worker_are_gone(place: Place) -> None:
    browser = await place.browser()
    place.organisation.directory.disable("alice")
    place.organisation.directory.set_password("alice", "Another-pw-1")
    for _ in range(3):
        place.wait(14 * MINUTE)
        assert (await browser.get("/owa/")).status_code == 200
    place.organisation.recycle("ex01", Pool.OWA)
    answer = await browser.get("/owa/")
    assert answer.status_code == 302
    assert answer.headers["location"].endswith("reason=2")


async def test_signing_out_takes_the_cookies_back(place: Place) -> None:
    browser = await place.browser()
    copy = dict(browser.cookies)
    answer = await browser.get("/owa/logoff.owa")
    assert answer.headers["location"].endswith("reason=1")
    assert not browser.cookies
    other = await place.client(cookies=copy)
    assert (await other.get("/owa/")).status_code == 200


async def test_before_2013_the_server_keeps_the_session(places: MakePlace) -> None:
    place = await places(Version.V2010)
    browser = await place.browser()
    assert {"sessionid", "cadata"} <= set(browser.cookies)
    assert (await browser.get("/owa/")).status_code == 200
    assert "UserContext" in browser.cookies
    assert (await browser.post("/owa/service.svc?action=FindItem")).status_code == 404
    copy = dict(browser.cookies)
    answer = await (await place.client("ex02", copy)).get("/owa/")
    assert answer.headers["location"].endswith("reason=3")
    await browser.get("/owa/logoff.owa")
    answer = await (await place.client(cookies=copy)).get("/owa/")
    assert answer.headers["location"].endswith("reason=3")


async def test_a_server_that_restarts_answers_503(place: Place) -> None:
    browser = await place.browser()
    place.organisation.servers["ex01"].down = True
    assert (await browser.get("/owa/")).status_code == 503
    assert (await browser.post("/owa/auth.owa", data=FORM)).status_code == 503


async def test_every_request_is_in_the_log(place: Place) -> None:
    browser = await place.browser()
    await browser.get("/owa/?ae=Folder")
    await (await place.client()).get("/owa/")
    lines = [(line.sam, line.status, line.url) for line in place.organisation.http_log["ex01"]]
    assert lines == [
        ("alice", 302, "/owa/auth.owa"),
        ("alice", 200, "/owa/?ae=Folder"),
        ("", 302, "/owa/"),
    ]
