# SPDX-License-Identifier: Apache-2.0
"""What `evict plan` and a dry run show is what the order would do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from evict.control import api
from evict.control.service import ControlService
from evict.lab.estate.layout import DOMAIN
from tests.lab.place import ASKER, BOB, Place, place

UPN = BOB.upn(DOMAIN)
KINDS = ("full-access", "send-as", "send-on-behalf", "folder")


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Place]:
    async with place(tmp_path) as made:
        yield made


async def _shown(service: ControlService, request: api.Request) -> Any:
    told = [line async for line in service.answer(request, ASKER)]
    (answer,) = (line for line in told if isinstance(line, api.Answer))
    return answer.data


@pytest.mark.parametrize("dry_run", [False, True], ids=["plan", "dry run"])
async def test_the_first_look_has_the_rights_in_other_mailboxes(
    here: Place, *, dry_run: bool
) -> None:
    async with here.serving() as service:
        if dry_run:
            order = api.Revoke(names=(UPN,), request="shown", dry_run=True)
            (plan,) = (await _shown(service, order))["would_revoke"]
        else:
            plan = await _shown(service, api.Look(what="plan", name=UPN))
    taken = {m["measure"].split(":")[2] for m in plan["measures"] if ":take-grant:" in m["measure"]}
    assert taken == set(KINDS)
