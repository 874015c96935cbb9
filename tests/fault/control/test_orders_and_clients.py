# SPDX-License-Identifier: Apache-2.0
"""Orders that are repeated, clients that go away, and names that are somebody else's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from evict.control import api
from evict.control.progress import Committed
from evict.control.service import ControlService
from evict.core.access import administrator
from evict.core.errors import ExitCode, UsageError
from tests.contract.fake_entries import BASE_DN
from tests.fault.control.town import UPN, Town, town

ASKER = administrator("a test", person="uid:0")

HOST = "127.103.9.2"


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Town]:
    async with town(tmp_path, HOST) as made:
        yield made


async def reinstate(service: ControlService, request: str) -> ExitCode:
    order = api.Reinstate(name=UPN, request=request)
    async for line in service.answer(order, ASKER):
        if isinstance(line, api.End):
            return line.exit_code
    raise AssertionError("no end")


async def entries(service: ControlService) -> list[str]:
    """The kinds of all entries of the ledger."""
    async for line in service.answer(api.LedgerCall(what="show"), ASKER):
        if isinstance(line, api.Answer):
            assert isinstance(line.data, dict)
            return [row["kind"] for row in line.data["entries"]]
    raise AssertionError("no answer")


async def test_a_revocation_repeated_after_a_reinstatement_closes_nobody(place: Town) -> None:
    async with place.serving() as service:
        assert (await place.revoke(service, "r1")).code is ExitCode.OK
        assert await reinstate(service, "b1") is ExitCode.OK
        again = await place.revoke(service, "r1")
        assert await entries(service) == ["revocation", "reinstatement"]
    assert again.code is ExitCode.USAGE
    assert again.refused is not None
    assert "a new request id" in again.refused.text
    assert place.enabled


async def test_a_reinstatement_repeated_after_a_revocation_opens_nobody(place: Town) -> None:
    async with place.serving() as service:
        await place.revoke(service, "r1")
        assert await reinstate(service, "b1") is ExitCode.OK
        assert (await place.revoke(service, "r2")).code is ExitCode.OK
        with pytest.raises(UsageError, match="with other content"):
            await reinstate(service, "b1")
        await service.settle()
        assert await entries(service) == ["revocation", "reinstatement", "revocation"]
    assert not place.enabled  # what was put back before the ledger said no is undone


async def test_the_commit_waits_for_no_client_that_does_not_read(place: Town) -> None:
    async with place.serving() as service:
        lines = service.answer(api.Revoke(names=(UPN, "nobody"), request="r1"), ASKER)
        first = await anext(lines)
        assert not isinstance(first, Committed)  # it was told of nothing yet
        assert await entries(service) == ["revocation"]
        await service.settle()  # the case ends though nobody listens
    assert not place.enabled


async def test_a_client_that_goes_away_leaves_no_reinstatement_half_done(place: Town) -> None:
    async with place.serving() as service:
        await place.revoke(service, "r1")
        lines = service.answer(api.Reinstate(name=UPN, request="b1"), ASKER)
        await anext(lines)
        assert hasattr(lines, "aclose")
        await lines.aclose()
        async with asyncio.timeout(10):
            while len(await entries(service)) < 2:
                await asyncio.sleep(0.01)
    assert place.enabled


async def test_a_login_form_that_is_somebody_elses_name_is_not_refused(place: Town) -> None:
    bob = f"CN=bob,{BASE_DN}"
    place.controller.store.person("sales", "Pass-sales-1", userPrincipalName="sales@corp.test")
    place.controller.store.put(bob, proxyAddresses=[f"smtp:{UPN}", "smtp:sales@other.test"])
    place.dovecot.sessions.append(("sales", "imap"))
    async with place.serving() as service:
        assert (await place.revoke(service)).code is ExitCode.OK
    assert ("sales", "imap") in place.dovecot.sessions
    assert ("bob", "imap") not in place.dovecot.sessions
