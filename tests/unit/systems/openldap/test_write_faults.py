# SPDX-License-Identifier: Apache-2.0
"""A write that is refused, referred elsewhere, or not answered; and servers that differ."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from evict.core.errors import (
    AccessRefused,
    RemoteProtocolError,
    SystemFault,
    Uncertain,
    Unreachable,
    Unsupported,
)
from evict.core.measure import EffectKind, Measure
from evict.core.secret import Secret
from evict.core.sighting import Outcome
from evict.systems.base import Order, Passwords
from evict.systems.openldap.connector import OpenLdapDirectory
from tests.unit.systems.openldap.fake_slapd import CUT, fake, fakes, number

ORDER = Order(generation=1, commit_at=datetime.now(UTC), forms=())
PASSWORDS = Passwords(first=Secret("first-A1"), second=Secret("second-B2"))
REFERRAL = 10


async def disabling(directory: OpenLdapDirectory) -> Measure:
    account = await directory.read(number(1))
    return directory.plan(account, await directory.observe(account, ORDER), ORDER)[0]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (50, AccessRefused),
        (17, Unsupported),
        (19, Unsupported),
        (53, Unsupported),
        (51, Unreachable),
        (REFERRAL, Unreachable),
        (80, RemoteProtocolError),
        (CUT, Uncertain),
    ],
)
async def test_each_refusal_has_its_error(
    tmp_path: Path, code: int | None, kind: type[SystemFault]
) -> None:
    async with fake(tmp_path) as (server, directory):
        measure = await disabling(directory)
        account = await directory.read(number(1))
        server.write = code
        with pytest.raises(kind):
            await directory.apply(account, measure, ORDER, PASSWORDS)
        assert server.writes == 1, "no write is repeated by itself"


async def test_a_replica_that_refers_elsewhere_is_passed_over(tmp_path: Path) -> None:
    async with fakes(tmp_path, 2) as ((replica, writer), directory):
        measure = await disabling(directory)
        account = await directory.read(number(1))
        replica.write = REFERRAL
        effect = await directory.apply(account, measure, ORDER, PASSWORDS)
        assert effect.kind is EffectKind.DONE
        assert (replica.writes, writer.writes) == (1, 1)


async def test_an_unanswered_write_is_not_sent_to_the_next(tmp_path: Path) -> None:
    async with fakes(tmp_path, 2) as ((first, second), directory):
        measure = await disabling(directory)
        account = await directory.read(number(1))
        first.write = CUT
        with pytest.raises(Uncertain):
            await directory.apply(account, measure, ORDER, PASSWORDS)
        assert second.writes == 0


async def test_every_server_is_looked_at(tmp_path: Path) -> None:
    async with fakes(tmp_path, 2) as ((_, lacking), directory):
        account = await directory.read(number(1))
        lacking.people = set()
        seen = await directory.observe(account, ORDER)
        assert sorted(s.outcome for s in seen.sightings) == [Outcome.EMPTY, Outcome.PRESENT]
        assert len({s.where for s in seen.sightings}) == 2
