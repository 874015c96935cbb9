# SPDX-License-Identifier: Apache-2.0
"""On the organisation: what phones, clients and colleagues put back is taken away again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from msgspec import UNSET

from evict.control.service import ControlService
from evict.evidence.keys import load_public_key
from evict.evidence.statement import REOPENED_TYPE
from evict.evidence.verify import verify
from evict.lab.model.mailbox import InboxRule, Mailbox, MobileDevice
from evict.systems.exchange import elsewhere
from tests.lab.place import BOB, CAROL, Place, place


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Place]:
    async with place(tmp_path, hook=False) as made:
        yield made


def evidence(here: Place) -> list[Path]:
    return sorted(here.config.evidence.folder.iterdir())


async def looked_at(here: Place, service: ControlService) -> None:
    await service.staying.look_now(here.account(BOB).id, "a test")
    async with asyncio.timeout(60):
        while service.staying.busy:
            await asyncio.sleep(0.05)
        await service.staying.remembered()


def _phone_again(box: Mailbox) -> None:
    box.devices["NEWPHONE"] = MobileDevice("NEWPHONE", "SmartPhone", "", 0.0, 0.0)


def _rule_again(box: Mailbox) -> None:
    rule = InboxRule("r9", "restored by a client", redirect_to=("bob@private.example",))
    box.rules.append(rule)


def _forward_again(box: Mailbox) -> None:
    box.forwarding_smtp_address = "bob@private.example"
    box.deliver_and_forward = True


def _access_again(box: Mailbox) -> None:
    box.features.owa = True


def _nothing_of_it(box: Mailbox) -> tuple[bool, ...]:
    return (
        "NEWPHONE" not in box.devices,
        not any(rule.enabled for rule in box.rules),
        box.forwarding_smtp_address is None,
        not box.features.owa,
    )


@pytest.mark.parametrize("put_back", [_phone_again, _rule_again, _forward_again, _access_again])
async def test_what_is_put_back_is_taken_away_again(
    here: Place, put_back: Callable[[Mailbox], None]
) -> None:
    box = here.box(BOB)
    async with here.serving(agent=False) as service:
        await here.revoke(service, BOB)
        await service.staying.remembered()
        assert all(_nothing_of_it(box))
        images = await service._parts.ledger.journal.images(here.account(BOB).id, 1)

        await looked_at(here, service)
        assert len(evidence(here)) == 1, "nothing is open: nothing is done"

        put_back(box)
        assert not all(_nothing_of_it(box))
        await looked_at(here, service)
        assert all(_nothing_of_it(box))
        kept = await service._parts.ledger.journal.images(here.account(BOB).id, 1)
        assert kept[: len(images)] == images
    assert len(evidence(here)) == 2
    assert REOPENED_TYPE.encode() not in evidence(here)[0].read_bytes()


async def test_a_delegate_who_is_put_back_is_a_line_in_the_evidence(
    here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other people's mailboxes are searched beside the looks: a later one has the result."""
    other = here.box(CAROL)
    async with here.serving(agent=False) as service:
        await here.revoke(service, BOB)
        await service.staying.remembered()
        monkeypatch.setattr(elsewhere, "_KEPT_S", 0.0)
        other.send_as.append(BOB.sam)
        async with asyncio.timeout(60):
            while BOB.sam in other.send_as:
                await looked_at(here, service)
    first, second = evidence(here)
    public = load_public_key(here.layout.folder / "keys" / "evidence.pub")
    assert verify(first.read_bytes(), public).statement.predicate.reopened is UNSET
    statement = verify(second.read_bytes(), public).statement
    assert statement.predicateType == REOPENED_TYPE
    assert isinstance(statement.predicate.reopened, tuple)
    (line,) = statement.predicate.reopened
    assert line.seen_at > statement.predicate.case.commit_at
    assert "send as" in line.why
