# SPDX-License-Identifier: Apache-2.0
"""Who is let in again, after how many people said so, and how often."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from evict.config.guard import GuardSection
from evict.control import api
from evict.control.orders.reinstating import Reinstating
from evict.control.progress import Committed
from evict.control.service import ControlService
from evict.core.access import Asker
from evict.core.errors import AuditNotWritten, Bug, ExitCode
from tests.fault.control.answers import (
    CORP,
    ERIKA,
    MAX,
    answer,
    ask,
    configure,
    held,
    is_enabled,
    refuse_to_note,
    replace,
)
from tests.fault.control.town import NAME, UPN, Town, town

HOST = "127.165.1.3"


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Town]:
    async with town(tmp_path, HOST) as made:
        configure(made, GuardSection(an_hour=1, a_minute=1))
        yield made


async def reinstate(service: ControlService, asker: Asker, request: str) -> tuple[ExitCode, str]:
    """The exit code, and the password that was told."""
    lines = await ask(service, api.Reinstate(name=UPN, request=request), asker)
    passwords = [line.password for line in lines if isinstance(line, api.Password)]
    return lines[-1].exit_code, "".join(passwords)


async def permitted(service: ControlService) -> str:
    """Bob is revoked, and two people approved that he is reinstated."""
    code, password = await reinstate(service, ERIKA, "b1")
    assert (code, password) == (ExitCode.GUARD_REFUSED, "")
    (row,) = await held(service)
    for asker in (ERIKA, MAX):
        found = await answer(service, api.Approve(ids=(row["id"],)), asker)
    assert [one["label"] for one in found["permitted"]] == [UPN]
    return str(row["id"])


async def test_a_reinstatement_by_one_approver_goes_through(place: Town) -> None:
    async with place.serving() as service:
        await place.revoke(service)
        directory = service._parts.systems.directory
        bob = await directory.resolve(UPN)
        await service._revoking.gate.hold_reinstatement(bob, source=CORP, why="enabled")
        assert len(await held(service)) == 1
        code, password = await reinstate(service, ERIKA, "b1")
        assert (code, bool(password)) == (ExitCode.OK, True)
        assert await held(service) == []


async def test_a_reinstatement_waits_for_two_and_is_carried_out_once(place: Town) -> None:
    configure(place, GuardSection(approvers=2))
    async with place.serving() as service:
        await place.revoke(service)
        await permitted(service)
        assert not is_enabled(place, NAME)
        code, password = await reinstate(service, ERIKA, "b2")
        assert (code, bool(password)) == (ExitCode.OK, True)
        assert is_enabled(place, NAME)
        await place.revoke(service, "r2")
        assert await reinstate(service, ERIKA, "b3") == (ExitCode.GUARD_REFUSED, "")
    assert not place.enabled


async def test_two_at_once_use_one_permit_once(place: Town) -> None:
    configure(place, GuardSection(approvers=2))
    async with place.serving() as service:
        await place.revoke(service)
        await permitted(service)
        both = await asyncio.gather(
            reinstate(service, ERIKA, "b2"), reinstate(service, MAX, "b3"), return_exceptions=True
        )
        passwords = [one[1] for one in both if not isinstance(one, BaseException)]
        assert sum(map(bool, passwords)) == 1


async def test_a_permit_is_for_one_leaving_and_not_for_the_next(place: Town) -> None:
    configure(place, GuardSection(approvers=2))
    async with place.serving() as service:
        await place.revoke(service)
        await permitted(service)
    configure(place, GuardSection(approvers=1))
    async with place.serving() as service:
        await reinstate(service, ERIKA, "b2")
        await place.revoke(service, "r2")
    configure(place, GuardSection(approvers=2))
    async with place.serving() as service:
        assert await reinstate(service, ERIKA, "b3") == (ExitCode.GUARD_REFUSED, "")


async def test_a_permit_of_which_nothing_came_is_there_still(place: Town) -> None:
    configure(place, GuardSection(approvers=2))
    async with place.serving() as service:
        await place.revoke(service)
        await permitted(service)
        before = service._parts.note
        replace(service, note=refuse_to_note)
        with pytest.raises(AuditNotWritten):
            await reinstate(service, ERIKA, "b2")
        assert not place.enabled
        replace(service, note=before)
        assert (await reinstate(service, ERIKA, "b3"))[0] is ExitCode.OK


async def test_a_fault_of_ours_in_the_middle_is_told_and_what_was_opened_is_closed_again(
    place: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(place, GuardSection(approvers=2))
    append = Reinstating._append

    async def trip(*_: object) -> Committed:
        raise RuntimeError("a fault")

    async with place.serving() as service:
        await place.revoke(service)
        name = await permitted(service)
        monkeypatch.setattr(Reinstating, "_append", trip)
        with pytest.raises(Bug):
            await reinstate(service, ERIKA, "b2")
        await service.settle()
        assert not is_enabled(place, NAME)
        assert [row["id"] for row in await held(service)] == [name]
        monkeypatch.setattr(Reinstating, "_append", append)
        assert (await reinstate(service, ERIKA, "b3"))[0] is ExitCode.OK
