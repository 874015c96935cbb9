# SPDX-License-Identifier: Apache-2.0
"""What SOGo keeps in its database: taken away, and given back as it was."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator

import pytest
from msgspec import structs

from estate import layout as at
from estate.clients.https import Https
from estate.layout import Layout
from estate.people import Person
from evict.core.sighting import Outcome
from evict.systems.sogo.connector import SogoConnector
from tests.live.accounts import PASSWORDS, account, order
from tests.live.sogo_rig import (
    DONE,
    DRIFTED,
    UNCHANGED,
    Browser,
    carry_out,
    look,
    outcomes,
    profile_of,
    rows_of,
    sql,
)

pytestmark = pytest.mark.live


@pytest.fixture
def leaver(someone: Callable[[], Person]) -> Person:
    return someone()


def sees(layout: Layout, person: Person, owner: Person, source: str) -> bool:
    """Whether somebody else's calendar opens to a calendar program."""
    https = Https(layout, at.HAPROXY, source)
    token = base64.b64encode(f"{person.name}:{person.password}".encode()).decode()
    find = '<d:propfind xmlns:d="DAV:"><d:prop><d:getetag/></d:prop></d:propfind>'
    path = f"/SOGo/dav/{owner.name}/Calendar/personal/"
    headers = {"Authorization": f"Basic {token}", "Depth": "1", "Content_Type": "text/xml"}
    answer = https.request("PROPFIND", path, find, **headers)
    https.close()
    assert answer.status in (207, 403, 404)
    return answer.status == 207


async def test_forwarding_goes_off_and_comes_back_to_the_byte(
    web_estate: Layout, sogo: SogoConnector, leaver: Person, web_sources: Iterator[str]
) -> None:
    browser = Browser(web_estate, leaver, next(web_sources))
    to = ["else@where.example"]
    browser.prefer(Forward={"enabled": 1, "forwardAddress": to, "keepCopy": 1})
    before = profile_of(web_estate, leaver)
    assert outcomes(await look(sogo, leaver))["forward/grant"] is Outcome.PRESENT
    _, (image,) = await carry_out(sogo, leaver, "stop-forward")
    assert outcomes(await look(sogo, leaver))["forward/grant"] is Outcome.EMPTY
    # A live session's next save does not bring it back: SOGo has nothing of before cached.
    browser.prefer(SOGoTimeZone="UTC")
    assert outcomes(await look(sogo, leaver))["forward/grant"] is Outcome.EMPTY
    effect = await sogo.undo(account(leaver), image, overwrite=False)
    assert effect.kind is DONE
    assert _forward(profile_of(web_estate, leaver)) == _forward(before)
    _, (image,) = await carry_out(sogo, leaver, "stop-forward")
    await sogo.undo(account(leaver), image, overwrite=False)
    browser.prefer(Forward={"enabled": 0, "forwardAddress": ["third@where.example"], "keepCopy": 0})
    assert (await sogo.undo(account(leaver), image, overwrite=False)).kind is DRIFTED
    assert "third@where.example" in profile_of(web_estate, leaver)[0]
    assert (await sogo.undo(account(leaver), image, overwrite=True)).kind is DONE
    assert (await sogo.undo(account(leaver), image, overwrite=True)).kind is UNCHANGED
    browser.close()


async def test_every_other_byte_of_the_preferences_stays(
    web_estate: Layout, sogo: SogoConnector, leaver: Person, web_sources: Iterator[str]
) -> None:
    browser = Browser(web_estate, leaver, next(web_sources))
    browser.prefer(Forward={"enabled": 1, "forwardAddress": ["a@b.example"], "keepCopy": 0})
    browser.close()
    _plant_account(web_estate, leaver)
    before = profile_of(web_estate, leaver)
    _, images = await carry_out(sogo, leaver, "stop-forward", "set-aside-accounts")
    assert len(images) == 2
    assert profile_of(web_estate, leaver) != before
    for image in images:
        assert (await sogo.undo(account(leaver), image, overwrite=False)).kind is DONE
    assert profile_of(web_estate, leaver) == before


def _forward(profile: tuple[str, str]) -> object:
    return json.loads(profile[0])["Forward"]


def _plant_account(layout: Layout, person: Person) -> None:
    planted = '"AuxiliaryMailAccounts":[{"name":"Home","serverName":"imap.home.example",'
    planted += '"userName":"me@home.example","password":"Sesam-1"}]'
    query = "UPDATE sogo_user_profile SET c_defaults = replace(c_defaults, %s, %s) WHERE c_uid = %s"
    sql(layout, query, '"AuxiliaryMailAccounts":[]', planted, person.name)
    assert "Sesam-1" in profile_of(layout, person)[0]


async def test_stored_accounts_are_set_aside_and_their_passwords_are_told_to_nobody(
    web_estate: Layout, sogo: SogoConnector, leaver: Person, web_sources: Iterator[str]
) -> None:
    browser = Browser(web_estate, leaver, next(web_sources))
    browser.prefer(SOGoTimeZone="UTC")
    _plant_account(web_estate, leaver)
    seen = await look(sogo, leaver)
    assert outcomes(seen)["external/grant"] is Outcome.PRESENT
    planned = sogo.plan(account(leaver), seen, order(leaver))
    effects, images = await carry_out(sogo, leaver, "set-aside-accounts")
    assert "Sesam-1" not in repr((seen, planned, effects, images))
    assert outcomes(await look(sogo, leaver))["external/grant"] is Outcome.EMPTY
    # SOGo keeps what it does not know over a save of the preferences, and adds an empty list.
    browser.prefer(SOGoTimeZone="Europe/Berlin")
    assert (await sogo.undo(account(leaver), images[0], overwrite=False)).kind is DONE
    assert outcomes(await look(sogo, leaver))["external/grant"] is Outcome.PRESENT
    assert "Sesam-1" in profile_of(web_estate, leaver)[0]
    browser.close()


async def test_rights_elsewhere_are_taken_and_given_back_exactly(
    web_estate: Layout,
    sogo: SogoConnector,
    someone: Callable[[], Person],
    web_sources: Iterator[str],
) -> None:
    """What everybody has there does not count instead."""
    leaver, owner = someone(), someone()
    theirs = Browser(web_estate, owner, next(web_sources))
    source = next(web_sources)
    assert not sees(web_estate, leaver, owner, source)
    theirs.share("<default>", Public="Viewer")
    assert sees(web_estate, leaver, owner, source)
    theirs.share(leaver.name, Public="Modifier", Private="DAndTViewer", canCreateObjects=1)
    before = _rows(web_estate, owner)
    assert outcomes(await look(sogo, leaver))["delegate/grant"] is Outcome.PRESENT
    _, (image,) = await carry_out(sogo, leaver, "take-share")
    assert outcomes(await look(sogo, leaver))["delegate/grant"] is Outcome.EMPTY
    assert not sees(web_estate, leaver, owner, source)
    assert (await sogo.undo(account(leaver), image, overwrite=False)).kind is DONE
    assert (await sogo.undo(account(leaver), image, overwrite=False)).kind is UNCHANGED
    assert _rows(web_estate, owner) == before
    assert sees(web_estate, leaver, owner, source)
    await carry_out(sogo, leaver, "take-share")
    theirs.share(leaver.name, Public="Viewer")
    assert (await sogo.undo(account(leaver), image, overwrite=False)).kind is DRIFTED
    assert (await sogo.undo(account(leaver), image, overwrite=True)).kind is DONE
    assert _rows(web_estate, owner) == before
    theirs.close()


async def test_a_right_that_is_only_deleted_leaves_what_everybody_has(
    web_estate: Layout,
    sogo: SogoConnector,
    someone: Callable[[], Person],
    web_sources: Iterator[str],
) -> None:
    """Why a row that gives nothing takes its place: the twin of the test above."""
    leaver, owner = someone(), someone()
    theirs = Browser(web_estate, owner, next(web_sources))
    theirs.share("<default>", Public="Viewer")
    theirs.share(leaver.name, Public="Modifier")
    theirs.close()
    seen = await look(sogo, leaver)
    (take,) = (m for m in sogo.plan(account(leaver), seen, order(leaver)) if ":take-share:" in m.id)
    assert take.image is not None
    deletes = structs.replace(take, image=structs.replace(take.image, after={"roles": "[]"}))
    await sogo.apply(account(leaver), deletes, order(leaver), PASSWORDS)
    assert leaver.name not in repr(_rows(web_estate, owner))
    assert sees(web_estate, leaver, owner, next(web_sources))


def _rows(layout: Layout, owner: Person) -> list[tuple[object, ...]]:
    query = "SELECT c_acl_location FROM sogo_folder_info WHERE c_path = %s"
    ((location,),) = sql(layout, query, f"/Users/{owner.name}/Calendar/personal")
    name = str(location).rpartition("/")[2].lower()
    return sorted(rows_of(layout, name))


async def test_a_published_calendar_is_read_by_nobody_without_a_name(
    web_estate: Layout, sogo: SogoConnector, leaver: Person, web_sources: Iterator[str]
) -> None:
    browser = Browser(web_estate, leaver, next(web_sources))
    browser.share("anonymous", Public="Viewer")
    browser.close()
    nobody = Https(web_estate, at.HAPROXY, next(web_sources))
    path = f"/SOGo/dav/public/{leaver.name}/Calendar/personal.ics"
    assert "BEGIN:VCALENDAR" in nobody.request("GET", path).text
    before = _rows(web_estate, leaver)
    assert outcomes(await look(sogo, leaver))["calendar/grant"] is Outcome.PRESENT
    _, (image,) = await carry_out(sogo, leaver, "take-share")
    assert "BEGIN:VCALENDAR" not in nobody.request("GET", path).text
    assert (await sogo.undo(account(leaver), image, overwrite=False)).kind is DONE
    assert "BEGIN:VCALENDAR" in nobody.request("GET", path).text
    assert _rows(web_estate, leaver) == before
    nobody.close()


async def test_nobody_elses_mail_identity_is_left_and_it_comes_back(
    web_estate: Layout,
    sogo: SogoConnector,
    someone: Callable[[], Person],
    web_sources: Iterator[str],
) -> None:
    leaver, owner = someone(), someone()
    theirs = Browser(web_estate, owner, next(web_sources))
    mine = Browser(web_estate, leaver, next(web_sources))
    mine.inbox()
    for name in ("carol", leaver.name):
        path = f"/SOGo/so/{owner.name}/Mail/0/addDelegate?uid={name}"
        assert theirs.call("GET", path) == 204
    before = profile_of(web_estate, owner)[1], profile_of(web_estate, leaver)[1]
    seen = await look(sogo, leaver)
    assert outcomes(seen)["delegate/grant"] is Outcome.PRESENT
    _, (image,) = await carry_out(sogo, leaver, "take-identity")
    assert outcomes(await look(sogo, leaver))["delegate/grant"] is Outcome.EMPTY
    assert "carol" in profile_of(web_estate, owner)[1]
    mine.prefer(SOGoTimeZone="UTC")  # SOGo sees that the two do not agree, and takes its end away
    assert (await sogo.undo(account(leaver), image, overwrite=False)).kind is DONE
    assert (profile_of(web_estate, owner)[1], profile_of(web_estate, leaver)[1]) == before
    theirs.close()
    mine.close()
