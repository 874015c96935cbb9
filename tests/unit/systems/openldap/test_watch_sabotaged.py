# SPDX-License-Identifier: Apache-2.0
"""Without each protection the same word of the server would have closed somebody."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest

from evict.config.watch import WatchSection
from evict.core.errors import AccessRefused, RemoteProtocolError
from evict.systems.base import DirectoryWatch
from evict.systems.openldap import sync
from evict.systems.openldap.find import is_same
from evict.systems.openldap.syncrepl import SyncreplWatch
from evict.systems.openldap.watching import Place, Reader
from tests.unit.systems.openldap.fake_slapd import (
    COOKIE,
    ROOT,
    FakeSlapd,
    done,
    fake,
    info,
    number,
    person,
)

AT = Place(root=ROOT, way="syncrepl", at=COOKIE.decode()).octets


class Scene:
    def __init__(self, server: FakeSlapd, watch: DirectoryWatch) -> None:
        self.server = server
        self.watch = watch

    async def deleted(self) -> list[str]:
        glimpse = await self.watch.since(AT)
        return [p.account.id for p in glimpse.presences if p.deleted]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with fake(tmp_path) as (server, directory):
        watch = directory.watch(WatchSection())
        async for _ in watch.everybody():
            pass
        yield Scene(server, watch)
        await watch.close()


async def taken_at_its_word(_: Reader, accounts: Iterable[str]) -> dict[str, str]:
    return dict.fromkeys(accounts, "")


async def test_a_deletion_of_a_refresh(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.server.people = {7}
    scene.server.refresh = [info(sync.write_deleted((number(1),))), done()]
    assert await scene.deleted() == []
    monkeypatch.setattr(Reader, "logged", taken_at_its_word)
    assert await scene.deleted() == [number(1)]


async def test_somebody_who_only_left_the_filter(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Reader, "logged", taken_at_its_word)
    scene.server.refresh = [info(sync.write_deleted((number(1),))), done()]
    assert await scene.deleted() == [], "it is there"

    async def nowhere(_: Reader, __: str) -> bool:
        return False

    monkeypatch.setattr(Reader, "_is_anywhere", nowhere)
    assert await scene.deleted() == [number(1)]


async def test_a_directory_that_shows_nobody_any_more(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Reader, "logged", taken_at_its_word)
    scene.server.people = set()
    scene.server.refresh = [info(sync.write_deleted((number(1),))), done()]
    with pytest.raises(AccessRefused):
        await scene.deleted()

    async def never_mind(*_: object) -> bool:
        return True

    monkeypatch.setattr(Reader, "_shows_somebody", never_mind)
    assert await scene.deleted() == [number(1)]


async def test_a_position_of_another_directory(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    strange = COOKIE.replace(b"#001#", b"#0aa#").decode()
    position = Place(root=ROOT, way="syncrepl", at=strange).octets
    scene.server.refresh = [person(1, pwdAccountLockedTime="000001010000Z"), done()]
    with pytest.raises(RemoteProtocolError):
        await scene.watch.since(position)
    monkeypatch.setattr(SyncreplWatch, "_look_whether_taken", lambda *_: None)
    assert (await scene.watch.since(position)).presences


async def test_a_base_of_elsewhere(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.server.base = "dc=far,dc=test"
    scene.server.refresh = [person(1, pwdAccountLockedTime="000001010000Z"), done()]
    with pytest.raises(RemoteProtocolError):
        await scene.watch.since(AT)
    monkeypatch.setattr("evict.systems.openldap.watching.is_same", lambda *_: True)
    assert (await scene.watch.since(AT)).presences
    assert not is_same("dc=far,dc=test", "dc=corp,dc=test")
