# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from evict.core.exposure import Exposure, Source
from evict.core.secret import Secret
from evict.systems.active_directory.connector import ActiveDirectory
from tests.contract.fake_controller import EVICT_PASSWORD, FakeController
from tests.contract.fake_entries import BASE_DN, Store
from tests.contract.fakes import Authority, running, section


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
async def server(authority: Authority) -> AsyncIterator[FakeController]:
    async with running(authority, Store()) as (only,):
        yield only


async def lines(
    authority: Authority, server: FakeController, **settings: int | str | None
) -> dict[str, Exposure]:
    told = section(authority.ca_file, [f"{server.host}:{server.port}"])
    directory = ActiveDirectory(msgspec.structs.replace(told, **settings), Secret(EVICT_PASSWORD))
    try:
        return {e.setting: e for e in await directory.exposure()}
    finally:
        await directory.close()


async def test_without_a_declaration_the_defaults_are_assumed(
    authority: Authority, server: FakeController
) -> None:
    told = await lines(authority, server)
    old, ticket = told["OldPasswordAllowedPeriod"], told["MaxServiceAge"]
    assert (old.closes_after_s, old.source) == (3600, Source.ASSUMED)
    assert (ticket.closes_after_s, ticket.source) == (36000, Source.ASSUMED)
    assert told["userAccountControl"].closes_after_s == 0
    assert told["MaxConnIdleTime"].closes_after_s is None


async def test_what_is_declared_is_said_to_be(authority: Authority, server: FakeController) -> None:
    told = await lines(authority, server, old_password_minutes=0, ticket_life_minutes=60)
    old, ticket = told["OldPasswordAllowedPeriod"], told["MaxServiceAge"]
    assert (old.closes_after_s, old.source) == (0, Source.DECLARED)
    assert (ticket.closes_after_s, ticket.source) == (3600, Source.DECLARED)


@pytest.mark.parametrize(
    ("length", "closes_after_s"), [("0", 0), ("1", 0), ("2", 3600), ("24", 3600)]
)
async def test_a_short_password_history_ends_the_old_password_at_once(
    authority: Authority, server: FakeController, length: str, closes_after_s: int
) -> None:
    server.store.put(BASE_DN, pwdHistoryLength=length)
    told = await lines(authority, server)
    setting = "OldPasswordAllowedPeriod" if closes_after_s else "pwdHistoryLength"
    assert told[setting].closes_after_s == closes_after_s
    if not closes_after_s:
        assert told[setting].source is Source.READ


async def test_without_a_realm_kerberos_is_left_alone(
    authority: Authority, server: FakeController
) -> None:
    assert "MaxServiceAge" not in await lines(authority, server, realm=None)
