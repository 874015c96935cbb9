# SPDX-License-Identifier: Apache-2.0
"""A process that is killed while it notes has lost nothing that it had acknowledged."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from evict.control.audit.log import AuditLog
from evict.control.audit.offline import verify_offline
from evict.ledger.service import Ledger
from tests.fault.control.audit_place import record

NOTE = """
import asyncio, os, sys
from pathlib import Path
from evict.control.audit.record import Record, Result
from evict.control.audit.log import AuditLog
from evict.ledger.service import Ledger
async def main():
    ledger = await Ledger.open(Path(sys.argv[1]) / "ledger.db")
    log = await AuditLog.open(Path(sys.argv[1]) / "audit.jsonl", ledger)
    number = 0
    async def one():
        nonlocal number
        while True:
            number += 1
            on = (str(number),)
            record = Record(who="w", what="revoke", result=Result.DONE, why="y" * 900, on=on)
            said = b"%d\\n" % number
            if sys.argv[2] == "hasty":  # the twin acknowledges first
                os.write(1, said)
                await asyncio.sleep(0)
            await log.note(record)
            if sys.argv[2] != "hasty":
                os.write(1, said)
    await asyncio.gather(*(one() for _ in range(20)))
asyncio.run(main())
"""


def acknowledged(folder: Path, how: str, after: int) -> set[str]:
    """Kill the noting child once it has acknowledged so many."""
    said: set[str] = set()
    with subprocess.Popen(
        [sys.executable, "-c", NOTE, str(folder), how],
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": ":".join(sys.path)},
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            said.add(line.decode().strip())
            if len(said) == after:
                child.kill()
        child.wait(timeout=30)
    return said


def noted(folder: Path) -> set[str]:
    found: set[str] = set()
    path = folder / "audit.jsonl"
    for raw in path.read_bytes().splitlines() if path.exists() else ():
        try:
            found.update(json.loads(raw)["on"])
        except ValueError:
            continue
    return found


@pytest.mark.parametrize("after", [1, 150, 700])
async def test_what_was_acknowledged_survives_a_kill(tmp_path: Path, after: int) -> None:
    said = await asyncio.to_thread(acknowledged, tmp_path, "durable", after)
    ledger = await Ledger.open(tmp_path / "ledger.db")
    log = await AuditLog.open(tmp_path / "audit.jsonl", ledger)
    await log.note(record())
    await log.close()
    await ledger.close()
    assert len(said) >= after
    assert said <= noted(tmp_path)
    verified = await asyncio.to_thread(
        verify_offline, tmp_path / "audit.jsonl", tmp_path / "ledger.db"
    )
    assert verified["last"] > after


def test_the_kill_does_find_what_was_acknowledged_too_early(tmp_path: Path) -> None:
    """The twin."""
    assert acknowledged(tmp_path, "hasty", 20) - noted(tmp_path)
