# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from evict.core.errors import ConfigError, Unreachable
from evict.core.exposure import Severity
from evict.systems.active_directory.connector import ActiveDirectory
from evict.systems.ldap.target import tls_context
from tests.contract.fake_controller import FakeController
from tests.contract.fake_entries import Store
from tests.contract.fakes import Authority, directory_of

YESTERDAY = datetime.now(UTC) - timedelta(days=1)
NEXT_WEEK = datetime.now(UTC) + timedelta(days=7)


@pytest.fixture
async def server() -> AsyncIterator[FakeController]:
    controller = FakeController(store=Store())
    controller.store.person("alice", "Old-Pass-1")
    yield controller
    await controller.stop()


async def refusal(directory: ActiveDirectory) -> str:
    with pytest.raises(Unreachable) as caught:
        await directory.resolve("alice")
    await directory.close()
    return str(caught.value)


async def test_a_certificate_of_an_unknown_authority_is_refused(
    server: FakeController, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    ours, theirs = Authority(tmp_path), Authority(tmp_path / "other")
    await server.start(theirs.context(server.host))
    assert "unable to get local issuer" in await refusal(directory_of(ours.ca_file, [server]))
    assert server.binds == 0, "no password was sent"


async def test_an_expired_certificate_is_refused(server: FakeController, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    await server.start(authority.context(server.host, not_after=YESTERDAY))
    assert "has expired" in await refusal(directory_of(authority.ca_file, [server]))
    assert server.binds == 0


async def test_a_certificate_of_another_name_is_refused(
    server: FakeController, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    await server.start(authority.context("other.corp.test"))
    assert "mismatch" in await refusal(directory_of(authority.ca_file, [server]))
    assert server.binds == 0


async def test_the_same_certificate_is_taken_where_its_name_is_configured(
    server: FakeController, tmp_path: Path
) -> None:
    """The twin of the test above: only the name made the difference."""
    authority = Authority(tmp_path)
    await server.start(authority.context("other.corp.test"))
    directory = directory_of(authority.ca_file, [server], server_name="other.corp.test")
    assert (await directory.resolve("alice")).sam == "alice"
    await directory.close()


async def test_a_certificate_that_ends_soon_is_a_warning(
    server: FakeController, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    await server.start(authority.context(server.host, not_after=NEXT_WEEK))
    directory = directory_of(authority.ca_file, [server])
    findings = {f.code: f for f in await directory.findings()}
    assert findings["directory-certificate"].severity is Severity.WARNING
    assert "6 days" in findings["directory-certificate"].text
    await directory.close()


def test_trust_anchors_that_cannot_be_read_are_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("")
    for path in (tmp_path / "none.pem", tmp_path / "empty.pem"):
        with pytest.raises(ConfigError, match="ca_file"):
            tls_context(str(path))
