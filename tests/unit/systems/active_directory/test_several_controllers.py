# SPDX-License-Identifier: Apache-2.0
"""Written on the first that answers, seen at all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from evict.core.account import Account
from evict.core.errors import Unreachable
from evict.core.exposure import Severity
from evict.core.sighting import Outcome
from evict.core.verdict import Judgement, judge
from evict.systems.active_directory.connector import ActiveDirectory
from evict.systems.base import Observation
from tests.contract.directory_contract import close_all, order
from tests.contract.fake_controller import FakeController
from tests.contract.fake_entries import Store
from tests.contract.fakes import Authority, directory_of, running


@dataclass
class Pair:
    first: FakeController
    second: FakeController
    directory: ActiveDirectory
    alice: Account


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    """Two controllers; the second is a replica that gets no changes by itself."""
    authority, store = Authority(tmp_path), Store()
    store.person("alice", "Old-Pass-1")
    async with running(authority, store, store.copy()) as (first, second):
        directory = directory_of(authority.ca_file, [first, second])
        yield Pair(first, second, directory, await directory.resolve("alice"))
        await directory.close()


def outcomes(seen: Observation) -> dict[str, Outcome]:
    return {s.where: s.outcome for s in seen.sightings if s.door.protocol == "ldap"}


async def test_a_controller_that_lags_is_an_open_door(pair: Pair) -> None:
    given = order()
    await close_all(pair.directory, pair.alice, given)
    seen = await pair.directory.observe(pair.alice, given)
    first, second = (f"{c.host}:{c.port}" for c in (pair.first, pair.second))
    assert outcomes(seen) == {first: Outcome.EMPTY, second: Outcome.PRESENT}
    verdict = judge(seen.expectations[0], seen.sightings, given.commit_at)
    assert verdict.judgement is Judgement.OPEN
    assert second in verdict.why


async def test_the_same_door_is_shut_once_the_other_has_followed(pair: Pair) -> None:
    given = order()
    await close_all(pair.directory, pair.alice, given)
    pair.second.store = pair.first.store.copy()
    seen = await pair.directory.observe(pair.alice, given)
    assert set(outcomes(seen).values()) == {Outcome.EMPTY}
    verdict = judge(seen.expectations[0], seen.sightings, given.commit_at)
    assert verdict.judgement is Judgement.SHUT


async def test_the_first_that_answers_is_written_on(pair: Pair) -> None:
    await pair.first.stop()
    given = order()
    await close_all(pair.directory, pair.alice, given)
    assert pair.second.writes == 3
    assert pair.first.writes == 0
    seen = await pair.directory.observe(pair.alice, given)
    assert sorted(outcomes(seen).values()) == [Outcome.EMPTY, Outcome.UNREACHABLE]
    verdict = judge(seen.expectations[0], seen.sightings, given.commit_at)
    assert verdict.judgement is Judgement.UNVERIFIABLE, "a controller nobody saw is not shut"


async def test_where_none_answers_each_is_named(pair: Pair) -> None:
    await pair.first.stop()
    await pair.second.stop()
    with pytest.raises(Unreachable) as caught:
        await pair.directory.resolve("alice")
    assert str(pair.first.port) in str(caught.value)
    assert str(pair.second.port) in str(caught.value)
    with pytest.raises(Unreachable):
        await pair.directory.observe(pair.alice, None)


async def test_the_doctor_speaks_of_each_controller(pair: Pair) -> None:
    await pair.second.stop()
    pair.first.store.put("", currentTime="20010101000000.0Z")
    found = {f.code: f for f in await pair.directory.findings()}
    assert found["directory-unusable"].severity is Severity.ERROR
    assert str(pair.second.port) in found["directory-unusable"].text
    assert found["directory-clock"].severity is Severity.ERROR
    assert found["directory-shared-name"].severity is Severity.OK


def test_each_controller_is_an_endpoint_of_ldap_and_of_kerberos(tmp_path: Path) -> None:
    directory = directory_of(
        Authority(tmp_path).ca_file, [FakeController(port=636), FakeController(port=1636)]
    )
    told = [(e.protocol, e.port, e.realm) for e in directory.endpoints()]
    assert told == [
        ("ldap", 636, ""),
        ("ldap", 1636, ""),
        ("kerberos", 88, "CORP.TEST"),
        ("kerberos", 88, "CORP.TEST"),
    ]
