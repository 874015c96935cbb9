# SPDX-License-Identifier: Apache-2.0
"""How the tests of the guard ask the whole control plane."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from evict.config.guard import GuardSection
from evict.config.model import Protected
from evict.control import api
from evict.control.audit.record import Record
from evict.control.service import ControlService
from evict.core.access import Asker, administrator
from evict.core.errors import AuditNotWritten
from tests.contract.fake_entries import BASE_DN
from tests.fault.control.town import Town

CORP = Asker(name="directory:corp", where="directory watch")
ROOT = administrator("uid:0(root)", person="uid:0")
ROOT_AGAIN = administrator("uid:0(toor)", person="uid:0")
ERIKA = administrator("uid:1000(erika)", person="uid:1000")
MAX = administrator("token:max", person="uid:1001")
PEOPLE = ("anna", "bernd", "clara", "dora")


def configure(place: Town, guard: GuardSection, protected: Protected | None = None) -> None:
    place.config = structs.replace(place.config, guard=guard, protected=protected or Protected())


def is_enabled(place: Town, name: str) -> bool:
    held = place.controller.store.entries[f"CN={name},{BASE_DN}"]["useraccountcontrol"]
    return not int(held[0]) & 2


async def ask(service: ControlService, request: api.Request, asker: Asker = ROOT) -> list[Any]:
    return [line async for line in service.answer(request, asker)]


async def answer(service: ControlService, request: api.Request, asker: Asker = ROOT) -> Any:
    lines = await ask(service, request, asker)
    return next(line.data for line in lines if isinstance(line, api.Answer))


async def held(service: ControlService) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await answer(service, api.HeldCall()))["held"]
    return found


async def close(service: ControlService, *names: str, asker: Asker = CORP) -> Any:
    """As the directory watch does."""
    directory = service._parts.systems.directory
    accounts = [await directory.resolve(f"{name}@corp.test") for name in names]
    return await service._revoking.close(
        accounts, asker=asker, request=f"watch/{'-'.join(names)}", reason="disabled"
    )


async def entries(service: ControlService) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await answer(service, api.LedgerCall(what="show")))["entries"]
    return found


async def refuse_to_note(_: Record) -> None:
    raise AuditNotWritten("the audit log is full")


def replace(service: ControlService, **changes: Any) -> None:
    for name, value in changes.items():
        object.__setattr__(service._parts, name, value)
