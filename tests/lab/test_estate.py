# SPDX-License-Identifier: Apache-2.0
"""The whole organisation: somebody leaves in the middle of everything, and comes back."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from evict.cli.demo.clients import Clients
from evict.core.door import Credential
from evict.core.errors import ExitCode
from evict.evidence.keys import load_public_key
from evict.evidence.verify import verify
from evict.lab.estate.people import people
from tests.lab.place import BOB, CAROL, DAVE, Place, own_address, place

SURVIVES = "submission"
"""A submission session that is open already: nothing of Exchange ends it for one person alone."""
HELD_BY_US = ("owa", "activesync", "ews", "mapi")
OTHERS = (CAROL, DAVE, *people(8)[4:7])


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Place]:
    async with place(tmp_path) as made:
        yield made


def state(here: Place) -> dict[str, Any]:
    """All that an order may touch, as the organisation itself holds it."""
    return {sam: _one(here, sam) for sam in (BOB.sam, *(one.sam for one in OTHERS))}


def _one(here: Place, sam: str) -> dict[str, Any]:
    box = here.lab.model.mailboxes[sam]

    def find(user: str) -> str:
        """Whoever it is, however the shell spelled it."""
        found = here.lab.model.find_mailbox(user)
        return user if found is None else found.sam

    return {
        "features": box.features.flags(),
        "acl": sorted((e.user, e.rights, e.inherited, e.deny) for e in box.acl),
        "blocked": box.blocked_devices,
        "quarantine": box.quarantine,
        "forwarding": (
            box.forwarding_address,
            box.forwarding_smtp_address,
            box.deliver_and_forward,
        ),
        "rules": [
            (r.identity, r.enabled, r.hidden, r.redirect_to, r.forward_to) for r in box.rules
        ],
        "calendar": (box.calendar.enabled, box.calendar.detail_level),
        "folders": {
            folder: {find(user): rights for user, rights in users.items()}
            for folder, users in box.folder_permissions.items()
            if users
        },
        "send as": list(box.send_as),
        "send on behalf": list(box.send_on_behalf),
    }


async def test_a_leaver_is_shut_out_of_everything_and_let_in_again(here: Place) -> None:
    before = state(here)
    async with here.serving() as service:
        mine, others = await here.clients(BOB), await here.clients(CAROL, anew=False)
        held = len(others.tracks)
        try:
            mine.keep_using(0.02)
            others.keep_using(0.2)
            await _in_use(mine, others)
            done = await here.revoke(service, BOB, allow_bounce=True)
            assert done.report is not None
            assert (done.code, done.failures) == (ExitCode.DOOR_OPEN, "")
            shut = {door for door, word in done.doors.items() if word == "shut"}
            assert set(done.doors) - shut == {f"exchange/{SURVIVES}/session"}, done.doors
            assert {f"exchange/{p}/session" for p in HELD_BY_US} <= set(done.doors)
            await _out(mine)
        finally:
            await mine.stop()
        assert [t.label for t in others.tracks if t.refusals] == []
        assert all(t.outcome.open for t in others.tracks)
        assert len(others.tracks) == held
        await others.stop()
        public = load_public_key(here.layout.folder / "keys" / "evidence.pub")
        envelope = await asyncio.to_thread(Path(done.report.evidence).read_bytes)
        verified = verify(envelope, public)
        assert len(verified.proven) + len(verified.not_provable) == len(done.report.doors)
        assert state(here) != before
        back = await here.reinstate(service, BOB)
        assert (back.code, back.notes) == (ExitCode.OK, back.notes)
        assert state(here) == before
        assert back.password
        chosen = "Chosen-by-bob-himself-1"  # the fresh one must be changed at the next sign-in
        here.lab.model.directory.set_password(BOB.sam, chosen)
        returned = msgspec.structs.replace(BOB, password=chosen)
        again = await here.clients(returned)
        await again.use_all()
        await again.stop()
        assert [t.label for t in again.tracks if not t.outcome.open] == []


async def _in_use(*clients: Clients) -> None:
    async with asyncio.timeout(20):
        while not all(t.successes for each in clients for t in each.tracks):
            await asyncio.sleep(0.02)


async def _out(mine: Clients) -> None:
    """Until every program but the one that goes on is refused."""
    wanted = [
        t
        for t in mine.tracks
        if t.endpoint.protocol != SURVIVES or t.credential is Credential.PASSWORD
    ]
    async with asyncio.timeout(10):
        while not all(t.outcome.shut for t in wanted):
            await asyncio.sleep(0.02)


KEYS = {
    "account",
    "account_id",
    "verdict",
    "exit_code",
    "commit_at",
    "proven_ms",
    "doors",
    "leaver_saw",
    "survivors",
    "bystanders",
    "plain",
    "evidence",
}
"""Of the real estate's `summary.json`."""
DOOR_KEYS = {
    "door",
    "system",
    "protocol",
    "verdict",
    "nature",
    "rests_on",
    "predicted_s",
    "last_success_ms",
    "first_refusal_ms",
}


@pytest.mark.timeout(110)
async def test_the_demo_tells_the_story_and_sums_it_up(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "evict", "demo"),
        *("--build", str(tmp_path), "--address", own_address()),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "EVICT_CONFIG": ""},
    )
    try:
        async with asyncio.timeout(100):
            out, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    text = out.decode()
    assert process.returncode == 0, text
    summary = msgspec.json.decode((tmp_path / "summary.json").read_bytes())
    assert set(summary) == KEYS
    assert all(set(door) == DOOR_KEYS for door in summary["doors"])
    assert summary["bystanders"]["held"] > 0
    assert summary["bystanders"]["dropped"] == 0
    provable = [d for d in summary["doors"] if d["nature"] == "provable"]
    still = {d["door"]: d["verdict"] for d in provable if d["verdict"] != "shut"}
    assert still == {f"exchange/{SURVIVES}/session": "bounded"}
    assert any(each["open"] for each in summary["plain"]), "the problem is there without Evict"
    public = load_public_key(tmp_path / "evidence.pub")
    assert verify((tmp_path / "evidence.dsse.json").read_bytes(), public).proven
