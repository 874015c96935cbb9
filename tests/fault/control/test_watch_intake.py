# SPDX-License-Identifier: Apache-2.0
"""What the control plane does with what the directory shows, where that is a trick or a fault."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec import structs

from evict.control.service import ControlService
from evict.control.watch.refused_forms import RefusedForms
from evict.control.watch.watching import Watching
from evict.core.account import Account
from evict.core.presence import Presence, Sign
from evict.core.revocation import Kind, Personal
from evict.ledger.order import LedgerOrder
from evict.sources.watch.intake import Left
from tests.contract.fake_entries import BASE_DN
from tests.fault.control.answers import close, refuse_to_note, replace
from tests.fault.control.town import NAME, UPN, Town, town

HOST = "127.61.1.1"


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Town]:
    async with town(tmp_path, HOST) as made:
        for name in ("anna", "bernd"):
            made.controller.store.person(name, "Pass-1", userPrincipalName=f"{name}@corp.test")
        yield made


async def intake(service: ControlService) -> Watching:
    async def look_now(_: str, __: str) -> None:
        return

    refused = RefusedForms(service._parts.ledger)
    await refused.load()
    return Watching(service._parts, service._revoking, service._revoking.gate, refused, look_now)


async def read(service: ControlService, name: str = NAME) -> Account:
    return await service._parts.systems.directory.resolve(f"{name}@corp.test")


def is_closed(service: ControlService, account: Account) -> bool:
    standing = service._parts.ledger.standing(account.id)
    return standing is not None and standing.revoked


async def test_a_leaver_given_the_names_of_others_shuts_out_none_of_them(place: Town) -> None:
    async with place.serving() as service:
        watching = await intake(service)
        await close(service, NAME)
        addresses = ["smtp:bobby@corp.test", "smtp:anna@corp.test"]
        place.controller.store.put(f"CN={NAME},{BASE_DN}", proxyAddresses=addresses)
        leaver = await read(service)
        await watching.renamed(leaver)
        refused = watching.refused_forms(leaver.id)
        newest = (await service._parts.ledger.entries_since(0))[-1]
        assert newest.personal is not None
        assert "bobby@corp.test" in newest.personal.forms
        assert "anna@corp.test" not in newest.personal.forms
        assert refused is not None
        assert set(watching.login_forms(leaver)) <= refused  # it is not asked for each time
        await service.settle()


async def test_a_name_added_to_somebody_who_is_reinstated_at_that_moment_closes_nobody(
    place: Town,
) -> None:
    async with place.serving() as service:
        watching = await intake(service)
        await close(service, NAME)
        leaver = await read(service)
        new = structs.replace(leaver, addresses=("bobby@corp.test",))
        widening = asyncio.create_task(watching.renamed(new))
        await asyncio.sleep(0)  # it asks the directory now
        back = LedgerOrder(
            kind=Kind.REINSTATEMENT,
            account=leaver.id,
            request="back",
            personal=Personal(label=UPN, forms=()),
        )
        await service._parts.ledger.append(back)
        await widening
        assert not is_closed(service, leaver)
        await service.settle()


async def test_an_audit_log_that_cannot_be_written_holds_up_no_watch(place: Town) -> None:
    async with place.serving() as service:
        watching = await intake(service)
        await close(service, NAME)
        await service.settle()
        replace(service, note=refuse_to_note)
        assert await watching.opened(Presence(account=await read(service)))
        place.controller.store.put(f"CN={NAME},{BASE_DN}", proxyAddresses=["smtp:bobby@corp.test"])
        await watching.renamed(await read(service))
        await service.settle()


async def test_a_tombstone_without_a_name_holds_up_nobody_else(place: Town) -> None:
    async with place.serving() as service:
        watching = await intake(service)
        anna, bernd = await read(service, "anna"), await read(service, "bernd")
        bare = structs.replace(anna, sam="", upn="", domain="", dns_domain="", addresses=())
        signs = (Sign.DELETED,)
        await watching.left([Left(account=bare, signs=signs), Left(account=bernd, signs=signs)])
        assert is_closed(service, bernd)
        assert any(f"watch {anna.id}" in key for key in watching._troubles)
        await service.settle()
