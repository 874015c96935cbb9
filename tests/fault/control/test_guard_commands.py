# SPDX-License-Identifier: Apache-2.0
"""`evict held`, `approve` and `dismiss` as a shell sees them, over the real socket."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from evict.config.guard import GuardSection
from evict.control.access.server import ControlServer
from evict.control.service import ControlService
from evict.core.access import Asker
from tests.fault.control.town import Town, town

HOST = "127.165.1.2"
CORP = Asker(name="directory:corp")
PEOPLE = tuple(f"person{n}" for n in range(25))

SETTINGS = """
[directory]
servers = ["none"]
base_dn = "DC=corp,DC=test"
bind_user = "svc@corp.test"
password_file = "/none"

[control]
socket = "{socket}"
"""


@dataclass
class Said:
    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)


@dataclass
class Shell:
    service: ControlService
    config: Path

    async def __call__(self, *arguments: str) -> Said:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "evict", *arguments, "--config", str(self.config)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "NO_COLOR": "1", "COLUMNS": "200"},
        )
        out, err = await process.communicate()
        return Said(process.returncode or 0, out.decode(), err.decode())

    async def close(self, *names: str) -> None:
        directory = self.service._parts.systems.directory
        accounts = [await directory.resolve(f"{name}@corp.test") for name in names]
        await self.service._revoking.close(
            accounts, asker=CORP, request=f"watch/{names[0]}", reason="disabled"
        )


@asynccontextmanager
async def serving(place: Town, folder: Path, guard: GuardSection) -> AsyncIterator[Shell]:
    place.config = structs.replace(place.config, guard=guard)
    socket = folder / "control.sock"
    config = folder / "evict.toml"
    config.write_text(SETTINGS.format(socket=socket))
    async with place.serving() as service:
        server = ControlServer(socket, service.answer, service.access)
        await server.start()
        try:
            yield Shell(service, config)
        finally:
            await server.stop()


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Town]:
    async with town(tmp_path, HOST) as made:
        for name in PEOPLE:
            made.controller.store.person(
                name, f"Pass-{name}-1", userPrincipalName=f"{name}@corp.test"
            )
        yield made


async def test_an_order_that_is_held_in_part_is_seen_approved_and_dismissed(
    place: Town, tmp_path: Path
) -> None:
    async with serving(place, tmp_path, GuardSection(an_hour=1, a_minute=1)) as evict:
        told = await evict("revoke", *PEOPLE[:3], "--json")
        assert told.code == 5
        ((held,), accounts) = (told.data["held"], told.data["accounts"])
        assert len(accounts) == 1
        assert [a["label"] for a in held["accounts"]] == [f"{p}@corp.test" for p in PEOPLE[1:3]]
        assert "2 accounts: held, nothing was done: more than uid:0" in told.err
        first, second = (a["held"] for a in held["accounts"])

        seen = await evict("held")
        assert (seen.code, first in seen.out, second in seen.out) == (0, True, True)
        assert "nobody (0 of 1)" in seen.out
        assert "held: 2 of uid:0(root)" in seen.err

        approved = await evict("approve", first)
        assert approved.code == 0
        assert approved.out.startswith("person1@corp.test: closed: the ledger holds it")
        dismissed = await evict("dismiss", second, "--reason", "a mistake")
        assert dismissed.out == "person2@corp.test: dismissed, nothing was done\n"
        assert (await evict("held")).out == "nothing is held\n"
        again = await evict("approve", second)
        assert (again.code, "see `evict held` [usage]" in again.err) == (2, True)


async def test_a_batch_is_approved_by_its_source_and_told_in_one_line(
    place: Town, tmp_path: Path
) -> None:
    async with serving(place, tmp_path, GuardSection(an_hour=1, a_minute=1)) as evict:
        await evict.close(*PEOPLE)
        nobody = await evict("approve", "--source", "directory:other")
        assert (nobody.code, "[usage]" in nobody.err) == (2, True)
        assert (await evict("approve")).code == 2
        done = await evict("approve", "--all-of", "directory:corp")
        assert (done.code, done.out.startswith("24 accounts: closed:")) == (0, True)
        assert (await evict("held", "--json")).data == {"held": []}


async def test_root_twice_is_one_person_and_is_told_so(place: Town, tmp_path: Path) -> None:
    async with serving(place, tmp_path, GuardSection(an_hour=1, a_minute=1, approvers=2)) as evict:
        await evict.close(*PEOPLE[:2])
        for _ in range(2):
            said = await evict("approve", "--source", "directory:corp")
            assert said.out == (
                "person1@corp.test: approved 1 of 2 times: another person must approve it too\n"
            )
        (row,) = (await evict("held", "--json")).data["held"]
        assert (row["approved_by"], row["approvals_needed"]) == (["uid:0(root)"], 2)
