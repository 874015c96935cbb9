# SPDX-License-Identifier: Apache-2.0
"""Servers of a directory that are others than before, were restored, or are away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from evict.config.watch import WatchSection
from evict.core.errors import RemoteProtocolError, Unreachable
from evict.systems.base import PositionLost
from evict.systems.ldap import messages
from tests.fault.watch.ad_liar import Liar, Scene, directory_of, scene

_ADDRESS = "127.162.1.4"


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(tmp_path, _ADDRESS) as made:
        yield made


async def test_a_cookie_of_another_server_is_a_lost_position(place: Scene, tmp_path: Path) -> None:
    _, position = await place.everybody()
    async with scene(tmp_path, "127.162.1.2") as other:
        await other.everybody()
        with pytest.raises(PositionLost, match="the position is of dc01"):
            await other.watch.since(position)


async def test_a_server_that_was_restored_is_a_lost_position(place: Scene) -> None:
    _, position = await place.everybody()
    await place.watch.close()
    place.organisation.directory.usn -= 10
    with pytest.raises(PositionLost, match="restored"):
        await place.watch.since(position)


@pytest.mark.parametrize("position", [b"", b"noise", b'{"kind":"dirsync"}'])
async def test_an_unreadable_position_is_a_lost_one(place: Scene, position: bytes) -> None:
    with pytest.raises(PositionLost):
        await place.watch.since(position)


async def test_other_settings_are_a_lost_position(place: Scene) -> None:
    _, position = await place.everybody()
    rules = WatchSection(leavers_units=("OU=Left,DC=corp,DC=test",))
    other = place.directory.watch(rules)
    with pytest.raises(PositionLost):
        await other.since(position)
    await other.close()


async def test_another_domain_is_an_error_and_no_lost_position(
    place: Scene, tmp_path: Path
) -> None:
    """Else everything would be compared with the wrong domain."""
    _, position = await place.everybody()
    async with scene(tmp_path, "127.162.1.3", domain="other.test") as other:
        with pytest.raises(RemoteProtocolError, match="DC=other,DC=test") as caught:
            await other.everybody()
        assert not isinstance(caught.value, PositionLost)
    sid = place.server.tree.domain_sid
    place.liar.alter = lambda _, answer: [
        messages.decode(bytes(answer.toWire()).replace(sid, sid[:-1] + bytes([sid[-1] ^ 1])))
    ]
    await place.watch.close()
    for ask in (place.watch.since(position), place.everybody()):
        with pytest.raises(RemoteProtocolError, match="another domain") as told:
            await ask
        assert not isinstance(told.value, PositionLost)


async def test_five_hundred_changes_while_it_was_away_are_all_seen(place: Scene) -> None:
    directory = place.organisation.directory
    for number in range(500):
        directory.add(f"more-{number}", f"More {number}", "Some-Pass-1")
    _, position = await place.everybody()
    await place.liar.stop()
    with pytest.raises(Unreachable):
        await place.watch.since(position)
    for number in range(500):
        directory.disable(f"more-{number}")
    await place.liar.start(place.authority.server_context(_ADDRESS))
    before = place.liar.requests
    glimpse = await place.watch.since(position)
    assert len(glimpse.presences) == 500
    assert not any(presence.account.enabled for presence in glimpse.presences)
    assert place.liar.requests - before < 20, "read in bulk"


async def test_a_server_that_does_not_answer_is_unreachable_in_time(place: Scene) -> None:
    _, position = await place.everybody()
    place.liar.alter = lambda _, __: []
    async with asyncio.timeout(3):
        with pytest.raises(Unreachable, match="no answer within"):
            await place.watch.since(position)


async def test_a_second_server_takes_over_with_a_full_comparison(
    place: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not at once: a controller that restarts is waited for."""
    second = Liar(_ADDRESS, place.liar.behind)
    await second.start(place.authority.server_context(_ADDRESS))
    servers = [f"{_ADDRESS}:{place.liar.port}", f"{_ADDRESS}:{second.port}"]
    directory = directory_of(place.ca_file, servers)
    watch = directory.watch(WatchSection())
    invocation = place.server.tree.invocation.bytes_le
    # The second one is another database of the same domain.
    second.alter = lambda _, answer: [
        messages.decode(bytes(answer.toWire()).replace(invocation, invocation[::-1]))
    ]
    position = [glimpse.position async for glimpse in watch.everybody()][-1]
    await place.liar.stop()
    with pytest.raises(Unreachable, match="where the watch goes on"):
        await watch.since(position)
    monkeypatch.setattr("evict.systems.active_directory.watch.sources._GIVEN_UP_S", 0.0)
    with pytest.raises(PositionLost):
        await watch.since(position)
    taken = [glimpse.position async for glimpse in watch.everybody()][-1]
    assert (await watch.since(taken)).position == taken
    await watch.close()
    await directory.close()
    await second.stop()
