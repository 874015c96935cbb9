# SPDX-License-Identifier: Apache-2.0
"""What a server may say to a watch that is no word on anybody: an error each, and nobody gone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from evict.config.watch import WatchSection
from evict.core.errors import AccessRefused, RemoteProtocolError, SystemFault, Unreachable
from evict.core.presence import Presence
from evict.systems.base import DirectoryWatch, PositionLost
from evict.systems.openldap import sync
from evict.systems.openldap.persisting import Deletions
from evict.systems.openldap.watching import Place
from tests.unit.systems.openldap.fake_slapd import (
    COOKIE,
    CUT,
    ROOT,
    Answer,
    FakeSlapd,
    bare,
    done,
    fake,
    info,
    number,
    person,
    reference,
)

AT = Place(root=ROOT, way="syncrepl", at=COOKIE.decode()).octets
LATER = COOKIE.replace(b"20260101", b"20260102")


class Scene:
    def __init__(self, server: FakeSlapd, watch: DirectoryWatch) -> None:
        self.server = server
        self.watch = watch

    async def everybody(self) -> list[Presence]:
        return [p async for glimpse in self.watch.everybody() for p in glimpse.presences]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with fake(tmp_path) as (server, directory):
        watch = directory.watch(WatchSection())
        yield Scene(server, watch)
        await watch.close()


async def test_a_whole_answer_is_everybody(scene: Scene) -> None:
    scene.server.refresh = [person(n) for n in range(1, 1203)] + [done()]
    sizes, positions = [], []
    async for glimpse in scene.watch.everybody():
        sizes.append(len(glimpse.presences))
        positions.append(glimpse.position)
    assert sizes == [500, 500, 202]
    assert positions[:2] == [b"", b""]
    assert positions[2] == AT


BROKEN: dict[str, tuple[Sequence[Answer | None], type[SystemFault]]] = {
    "half": ([person(1), CUT], Unreachable),
    "no end": ([person(1)], Unreachable),
    "nothing": ([CUT], Unreachable),
    "nobody": ([done()], RemoteProtocolError),
    "a size limit": ([person(1), done(4)], RemoteProtocolError),
    "a time limit": ([person(1), done(3)], RemoteProtocolError),
    "no right": ([done(50)], AccessRefused),
    "a referral as result": ([person(1), done(10)], RemoteProtocolError),
    "a reference": ([person(1), reference(), done()], RemoteProtocolError),
    "no such base": ([done(32)], RemoteProtocolError),
    "busy": ([done(51)], Unreachable),
    "a foreign entry": ([person(1, "uid=p1,dc=far,dc=test"), done()], RemoteProtocolError),
    "an entry without state": ([bare(person(1)), done()], RemoteProtocolError),
    "another id": ([person(1, entryUUID=number(9)), done()], RemoteProtocolError),
    "no id": ([person(1, entryUUID=""), done()], RemoteProtocolError),
    "no cookie": ([person(1), done(cookie=b"")], RemoteProtocolError),
    "a cookie of no CSN": ([person(1), done(cookie=b"rid=000")], RemoteProtocolError),
    "no end control": ([person(1), bare(done())], RemoteProtocolError),
    "nonsense": ([person(1), info(b"\x30\x01"), done()], RemoteProtocolError),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_what_is_no_whole_answer_is_an_error(scene: Scene, name: str) -> None:
    scene.server.refresh, kind = BROKEN[name]
    with pytest.raises(kind):
        await scene.everybody()
    if name not in {"nobody", "no cookie", "no end control"}:  # of a change these are allowed
        with pytest.raises(SystemFault):
            await scene.watch.since(AT)


async def test_nothing_new_is_the_same_position(scene: Scene) -> None:
    for end in (bare(done()), done(cookie=b""), done()):
        scene.server.refresh = [end]
        glimpse = await scene.watch.since(AT)
        assert (glimpse.presences, glimpse.position) == ((), AT)


async def test_a_change_moves_on_and_is_asked_for_from_there(scene: Scene) -> None:
    scene.server.refresh = [person(1), done(cookie=LATER)]
    glimpse = await scene.watch.since(AT)
    assert [p.account.sam for p in glimpse.presences] == ["p1"]
    await scene.watch.since(glimpse.position)
    assert scene.server.cookies == [COOKIE, LATER]


async def test_who_is_said_to_be_still_there_is_not_gone(scene: Scene) -> None:
    """A present phase: whoever it does not name might be gone, and might not."""
    await scene.everybody()
    scene.server.people = {7}
    here = info(sync.write_present((number(7), number(8))))
    scene.server.refresh = [here, info(b"\xa2\x00"), done(cookie=LATER)]
    assert (await scene.watch.since(AT)).presences == ()


async def test_a_deletion_told_by_a_refresh_alone_is_none(scene: Scene) -> None:
    await scene.everybody()
    scene.server.people = {7}
    gone = info(sync.write_deleted((number(1),)))
    scene.server.refresh = [gone, done(cookie=LATER, deletes=True)]
    assert (await scene.watch.since(AT)).presences == ()


@pytest.mark.parametrize("code", [4096, 53])
async def test_a_cookie_that_is_not_taken_is_lost(scene: Scene, code: int) -> None:
    scene.server.refresh = [done(code)]
    with pytest.raises(PositionLost):
        await scene.watch.since(AT)


async def test_another_base_is_an_error(scene: Scene) -> None:
    scene.server.base = "dc=far,dc=test"
    with pytest.raises(RemoteProtocolError, match="dc=corp"):
        await scene.everybody()
    with pytest.raises(RemoteProtocolError, match="dc=corp"):
        await scene.watch.since(AT)


def test_a_deletion_is_offered_until_it_was_dealt_with() -> None:
    deletions = Deletions()
    deletions.told("a", "uid=a")
    assert deletions.open(b"0") == {"a": "uid=a"}
    deletions.offer(frozenset("a"), b"1")
    assert deletions.open(b"0") == {"a": "uid=a"}, "it came back without having dealt with it"
    deletions.offer(frozenset("a"), b"1")
    assert deletions.open(b"1") == {}
    deletions.told("a", "uid=a")
    assert deletions.open(b"1") == {}, "told again of the same one"
    deletions.lives("a")
    deletions.told("a", "uid=a")
    assert deletions.open(b"1") == {"a": "uid=a"}, "restored, and deleted again"
