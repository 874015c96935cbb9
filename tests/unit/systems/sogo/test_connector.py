# SPDX-License-Identifier: Apache-2.0
"""The connector where a store is missing, silent or strange; on real stores: tests/live."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from evict.config.sogo import SogoSection
from evict.core.errors import Bug, SystemFault, Unsupported
from evict.core.exposure import Severity
from evict.core.measure import BeforeImage, EffectKind, Measure
from evict.core.secret import Secret
from evict.core.sighting import Outcome
from evict.systems.base import Connector, Observation, Passwords
from evict.systems.postgres import Timeouts
from evict.systems.sogo.connector import SogoConnector
from tests.unit.systems.sogo.fake_memcached import FakeMemcached, served
from tests.unit.systems.sogo.samples import ALICE, ORDER, section

HOST = "127.96.2.1"
HELD = b'{"password":"32ffea95"}'
PASSWORDS = Passwords(first=Secret("first"), second=Secret("second"))
QUICK = Timeouts(connect_s=1, whole_s=1.0)


@asynccontextmanager
async def made(
    with_: SogoSection, dsn: str | None = None, timeouts: Timeouts = QUICK
) -> AsyncIterator[SogoConnector]:
    connector = SogoConnector(with_, Secret(dsn) if dsn else None, timeouts=timeouts)
    yield connector
    await connector.close()


def outcomes(seen: Observation) -> dict[str, Outcome]:
    return {s.door.name: s.outcome for s in seen.sightings}


def planned(sogo: SogoConnector, seen: Observation) -> list[Measure]:
    return list(sogo.plan(ALICE, seen, ORDER))


async def test_with_memcached_alone_the_password_goes_and_the_rest_is_not_called_shut() -> None:
    fake = FakeMemcached({b"alice+attributes": HELD})
    async with served(fake, HOST) as address, made(section(memcached=(address,))) as sogo:
        seen = await sogo.observe(ALICE, ORDER)
        assert outcomes(seen) == {"sogo/cache/grant": Outcome.PRESENT}
        (forget,) = planned(sogo, seen)
        effect = await sogo.apply(ALICE, forget, ORDER, PASSWORDS)
        assert effect.kind is EffectKind.DONE
        assert (await sogo.apply(ALICE, forget, ORDER, PASSWORDS)).kind is EffectKind.UNCHANGED
        seen = await sogo.observe(ALICE, ORDER)
        assert outcomes(seen) == {"sogo/cache/grant": Outcome.EMPTY}
        assert planned(sogo, seen) == []
        notes = {e.door.name: e.note for e in seen.expectations}
        assert "nobody can look" in notes["sogo/forward/grant"]


async def test_an_entry_that_comes_back_is_told_as_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("evict.systems.sogo.cache._BETWEEN_S", 0.0)
    fake = FakeMemcached({b"alice+attributes": HELD})
    fake.after_delete = lambda key: fake.values.update({key: HELD})
    async with served(fake, HOST) as address, made(section(memcached=(address,))) as sogo:
        (forget,) = planned(sogo, await sogo.observe(ALICE, ORDER))
        effect = await sogo.apply(ALICE, forget, ORDER, PASSWORDS)
    assert effect.kind is EffectKind.FAILED
    assert "does the directory refuse" in effect.detail


async def test_it_is_what_the_control_plane_expects() -> None:
    async with made(section()) as sogo:
        connector: Connector = sogo
        assert (connector.name, connector.product) == ("sogo", "sogo")
        assert {e.protocol for e in connector.endpoints()} == {
            *("sogo-web", "activesync", "caldav", "carddav", "calendar")
        }


async def test_neither_store_is_no_sighting_at_all() -> None:
    async with made(section(config_file=Path("/nowhere/sogo.conf"))) as sogo:
        seen = await sogo.observe(ALICE, None)
        assert seen.sightings == ()
        codes = {f.code: f.severity for f in await sogo.findings()}
    assert codes == {
        "sogo-memcached": Severity.WARNING,
        "sogo-database": Severity.WARNING,
        "sogo-no-hook": Severity.WARNING,
        "sogo-settings-unread": Severity.ERROR,
    }


async def test_a_database_that_does_not_listen_is_unreachable_at_each_of_its_doors() -> None:
    with socket.socket() as unused:
        unused.bind((HOST, 0))
        port = unused.getsockname()[1]
        dsn = f"postgresql://sogo:Sesam-1@{HOST}:{port}/sogo"
        async with made(section(database_file=Path("/x")), dsn) as sogo:
            seen = await sogo.observe(ALICE, ORDER)
            said = repr((seen, await sogo.findings()))
    assert set(outcomes(seen).values()) == {Outcome.UNREACHABLE}
    assert len(seen.sightings) == 5
    assert "Sesam" not in said


async def test_without_a_database_its_measures_are_unsupported() -> None:
    measure = "sogo:stop-forward:Alice"
    image = BeforeImage(
        measure=measure, system="sogo", target="Alice", before={"Forward": "{}"}, after={}
    )
    async with made(section()) as sogo:
        with pytest.raises(Unsupported):
            await sogo.undo(ALICE, image, overwrite=False)


@pytest.mark.parametrize("measure", ["sogo:reboot", "sogo:forget"])
async def test_what_has_no_undo_is_a_bug(measure: str) -> None:
    image = BeforeImage(measure=measure, system="sogo", target="", before={}, after={})
    async with made(section()) as sogo:
        with pytest.raises(Bug):
            await sogo.undo(ALICE, image, overwrite=False)


async def test_a_memcached_without_a_list_is_warned_of_and_a_dead_one_is_an_error() -> None:
    fake = FakeMemcached({b"alice+attributes": HELD})
    fake.lists = False
    dead = f"{HOST}:1"
    async with served(fake, HOST) as address, made(section(memcached=(address, dead))) as sogo:
        findings = [f for f in await sogo.findings() if f.code.startswith("sogo-memcached")]
        assert [(f.code, f.severity) for f in findings] == [
            ("sogo-memcached-list", Severity.WARNING),
            ("sogo-memcached", Severity.ERROR),
        ]
        seen = await sogo.observe(ALICE, ORDER)
        assert outcomes(seen) == {"sogo/cache/grant": Outcome.UNREACHABLE}
        with pytest.raises(SystemFault):
            await sogo._cache.forget_password(sogo._names(ALICE))


CONF = """{
  SOGoCacheCleanupInterval = 3600;
  SOGoMaximumPingInterval = 3540;
  SOGoEnablePublicAccess = YES;
  SOGoTrustProxyAuthentication = YES;
  SOGoCalendarDefaultRoles = (PublicViewer);
  SOGoEnableDomainBasedUID = YES;
  SOGoAuthenticationType = saml2;
}"""


async def test_what_the_settings_leave_open_is_said(tmp_path: Path) -> None:
    file = tmp_path / "sogo.conf"
    file.write_text(CONF)
    async with made(section(config_file=file)) as sogo:
        codes = {f.code for f in await sogo.findings()}
        lines = {e.door.name: e.closes_after_s for e in await sogo.exposure()}
    assert codes >= {
        *("sogo-password-cache", "sogo-ping", "sogo-public-access", "sogo-trusts-header"),
        *("sogo-default-roles", "sogo-uid", "sogo-single-sign-on"),
    }
    assert lines["sogo/cache/grant"] == 3600.0
