# SPDX-License-Identifier: Apache-2.0
"""What is held, approved, dismissed and permitted, by the whole control plane on its fakes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec import structs

from evict.config.guard import GuardSection
from evict.config.model import Protected
from evict.control import api
from evict.control.guard.approving import Approving
from evict.control.guard.held import Approval, Held
from evict.control.progress import HeldBack
from evict.core.access import Asker
from evict.core.allowance import Moment
from evict.core.errors import (
    ExitCode,
    NotAllowed,
    UsageError,
)
from tests.contract.fake_entries import BASE_DN
from tests.fault.control.answers import (
    ERIKA,
    MAX,
    PEOPLE,
    ROOT,
    ROOT_AGAIN,
    answer,
    ask,
    close,
    configure,
    entries,
    held,
    is_enabled,
)
from tests.fault.control.town import Town, town

HOST = "127.165.1.1"


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Town]:
    async with town(tmp_path, HOST) as made:
        for name in PEOPLE:
            made.controller.store.person(
                name, f"Pass-{name}-1", userPrincipalName=f"{name}@corp.test"
            )
        configure(made, GuardSection(an_hour=1, a_minute=1))
        yield made


async def test_an_order_of_which_a_part_is_held_ends_with_5_and_says_what_is_held(
    place: Town,
) -> None:
    async with place.serving() as service:
        names = tuple(f"{name}@corp.test" for name in PEOPLE[:3])
        lines = await ask(service, api.Revoke(names=names, request="r1", wait=True))
        (told,) = [line for line in lines if isinstance(line, HeldBack)]
        assert [a.label for a in told.accounts] == ["bernd@corp.test", "clara@corp.test"]
        assert told.why == "more than uid:0(root) may close: 1 accounts an hour"
        assert lines[-1] == api.End(exit_code=ExitCode.GUARD_REFUSED)
        assert [row["label"] for row in await held(service)] == [a.label for a in told.accounts]
    assert [is_enabled(place, name) for name in PEOPLE[:3]] == [False, True, True]


async def test_a_dry_run_shows_what_would_be_held_and_counts_nothing(place: Town) -> None:
    async with place.serving() as service:
        names = ("anna", "bernd")
        for _ in range(2):
            found = await answer(service, api.Revoke(names=names, request="r1", dry_run=True))
            assert [h["label"] for h in found["would_hold"]] == ["bernd@corp.test"]
            assert len(found["would_revoke"]) == 1
        assert await held(service) == []


async def test_one_approver_closes_what_the_directory_asked_for(place: Town) -> None:
    async with place.serving() as service:
        closing = await close(service, "anna", "bernd", "clara")
        assert (len(closing.committed), len(closing.held)) == (1, 2)
        found = await answer(service, api.Approve(source="directory:corp"), ERIKA)
        assert [row["label"] for row in found["closed"]] == ["bernd@corp.test", "clara@corp.test"]
        await service.settle()
        assert await held(service) == []
        by = {row["label"]: row["actor"] for row in await entries(service)}
        assert by["clara@corp.test"] == "directory:corp, approved by uid:1000(erika)"
    assert not any(is_enabled(place, name) for name in PEOPLE[:3])


async def test_two_different_people_are_two_and_root_twice_is_one(place: Town) -> None:
    configure(place, GuardSection(an_hour=1, approvers=2))
    async with place.serving() as service:
        await close(service, "anna", "bernd")
        for asker in (ROOT, ROOT_AGAIN, ROOT):
            found = await answer(service, api.Approve(source="directory:corp"), asker)
            assert found["closed"] == []
            assert len(found["waiting"][0]["approved_by"]) == 1
        assert is_enabled(place, "bernd")
        found = await answer(service, api.Approve(source="directory:corp"), ERIKA)
        assert len(found["closed"]) == 1
        await service.settle()
    assert not is_enabled(place, "bernd")


async def test_whoever_ordered_it_may_be_one_of_the_two(place: Town) -> None:
    configure(place, GuardSection(an_hour=1, approvers=2))
    async with place.serving() as service:
        await close(service, "anna", "bernd", asker=ERIKA)
        (row,) = await held(service)
        assert (await answer(service, api.Approve(ids=(row["id"],)), ERIKA))["closed"] == []
        assert len((await answer(service, api.Approve(ids=(row["id"],)), MAX))["closed"]) == 1


async def test_a_machine_approves_nothing(place: Town) -> None:
    async with place.serving() as service:
        await close(service, "anna", "bernd")
        machine = Asker(name="token:robot", roles=ROOT.roles)
        with pytest.raises(NotAllowed, match="no person"):
            await answer(service, api.Approve(source="directory:corp"), machine)
        assert len(await held(service)) == 1


async def test_an_approval_grows_old_but_not_by_a_restart(
    place: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(place, GuardSection(an_hour=1, approvers=2, approval_minutes=10))
    async with place.serving() as service:
        await close(service, "anna", "bernd")
        await answer(service, api.Approve(source="directory:corp"), ROOT)
    async with place.serving() as service:
        (row,) = await held(service)
        assert row["approved_by"] == ["uid:0(root)"]
        gate = service._revoking.gate
        true = gate._clock
        monkeypatch.setattr(gate, "_clock", lambda: later(true(), 601))
        found = await answer(service, api.Approve(source="directory:corp"), ERIKA)
        assert found["closed"] == []
        assert found["waiting"][0]["approved_by"] == ["uid:1000(erika)"]


def later(moment: Moment, seconds: float) -> Moment:
    return structs.replace(moment, up=moment.up + seconds)


async def test_the_protected_wait_for_two_and_are_never_in_a_batch(place: Town) -> None:
    configure(place, GuardSection(approvers=2), Protected(names=("dora",)))
    async with place.serving() as service:
        lines = await ask(service, api.Revoke(names=("dora",), request="r1"))
        assert lines[-1] == api.End(exit_code=ExitCode.GUARD_REFUSED)
        (row,) = await held(service)
        assert row["kind"] == "protected"
        with pytest.raises(UsageError, match="by its id"):
            await answer(service, api.Approve(source="uid:0(root)"), ERIKA)
        await answer(service, api.Approve(ids=(row["id"],)), ERIKA)
        assert is_enabled(place, "dora")
        await answer(service, api.Approve(ids=(row["id"],)), MAX)
        await service.settle()
    assert not is_enabled(place, "dora")


async def test_break_glass_is_not_closed_by_what_was_held_before_it_was_listed(
    place: Town,
) -> None:
    async with place.serving() as service:
        await close(service, "anna", "bernd")
    configure(place, GuardSection(break_glass=("bernd@corp.test",)))
    async with place.serving() as service:
        found = await answer(service, api.Approve(source="directory:corp"))
        assert (found["closed"], len(found["refused"])) == ([], 1)
        assert "break-glass" in found["refused"][0]["text"]
    assert is_enabled(place, "bernd")


async def test_what_is_held_goes_with_the_names_of_its_account(place: Town) -> None:
    async with place.serving() as service:
        await ask(service, api.Revoke(names=("anna",), request="r1"))
        await ask(service, api.Reinstate(name="anna", request="b1"))
        await close(service, "bernd", "anna")
        (row,) = await held(service)
        assert row["label"] == "anna@corp.test"
        # As an erasure does, once no ticket of before can be good.
        await service._parts.ledger.shelf("held", Held).change(remove=[row["id"]])
        assert await held(service) == []
        with pytest.raises(UsageError, match="is held"):
            await answer(service, api.Approve(ids=(row["id"],)))


async def test_a_dismissal_needs_a_reason_and_closes_nobody(place: Town) -> None:
    async with place.serving() as service:
        await close(service, "anna", "bernd")
        with pytest.raises(UsageError, match="why"):
            await answer(service, api.Dismiss(source="directory:corp", reason=" "))
        await answer(service, api.Dismiss(source="directory:corp", reason="a wrong script"))
        assert await held(service) == []
        with pytest.raises(UsageError, match="nothing that directory:corp asked for"):
            await answer(service, api.Approve(source="directory:corp"))
    assert is_enabled(place, "bernd")


async def test_a_name_that_came_while_it_was_held_is_refused_too(place: Town) -> None:
    async with place.serving() as service:
        await close(service, "anna", "bernd")
        alias = "bernd.new@corp.test"
        place.controller.store.put(f"CN=bernd,{BASE_DN}", proxyAddresses=[f"smtp:{alias}"])
        await answer(service, api.Approve(source="directory:corp"))
        await service.settle()
        seq = service._parts.ledger.head.seq
        personal = await service._parts.ledger.personal(seq)
        assert personal is not None
        assert alias in personal.forms


async def test_one_person_twice_would_be_two_without_the_look_at_who_it_is(
    place: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin."""

    def count_all(_: Approving, thing: Held, yes: Approval) -> Held:
        return structs.replace(thing, approvals=(*thing.approvals, yes))

    monkeypatch.setattr(Approving, "_with", count_all)
    configure(place, GuardSection(an_hour=1, approvers=2))
    async with place.serving() as service:
        await close(service, "anna", "bernd")
        for _ in range(2):
            found = await answer(service, api.Approve(source="directory:corp"), ROOT)
        assert len(found["closed"]) == 1
