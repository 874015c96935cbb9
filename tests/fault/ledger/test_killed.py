# SPDX-License-Identifier: Apache-2.0
"""A process that is killed while it appends loses nothing that it had acknowledged."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from evict.ledger.store import LedgerStore

APPEND = """
import os, sys
from pathlib import Path
from evict.ledger.store import LedgerStore
from tests.unit.ledger.made import revoke
store = LedgerStore(Path(sys.argv[1]))
hasty = sys.argv[2] == "hasty"
if hasty:  # the sabotaged twin acknowledges first and stores once in a hundred times
    store.database.connection.execute("BEGIN")
for number in range(100000):
    if hasty:
        seq = number + 1
        store.database.connection.execute("INSERT INTO personal VALUES (?, x'', x'')", (seq,))
    else:
        seq = store.append(revoke(f"account-{number}")).entry.body.seq
        if number % 50 == 49:
            store.database.checkpoint()
    os.write(1, b"%d\\n" % seq)
"""


def acknowledged_and_stored(path: Path, how: str, after: int) -> tuple[int, int]:
    """Kill the appending child once it has acknowledged `after` entries."""
    with subprocess.Popen(
        [sys.executable, "-c", APPEND, str(path), how],
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": ":".join(sys.path)},
    ) as child:
        assert child.stdout is not None
        last = 0
        for line in child.stdout:
            last = int(line)
            if last == after:
                child.kill()
        child.wait(timeout=30)
    with LedgerStore(path) as store:
        assert [e.body.seq for e in store.entries_since(0)] == list(range(1, store.head().seq + 1))
        return last, store.head().seq


@pytest.mark.parametrize("after", [1, 2, 49, 50, 51, 137, 333])
def test_every_acknowledged_entry_survives_a_kill(tmp_path: Path, after: int) -> None:
    acknowledged, stored = acknowledged_and_stored(tmp_path / "ledger.db", "durable", after)
    assert acknowledged >= after
    assert stored >= acknowledged


def test_the_kill_does_find_entries_acknowledged_too_early(tmp_path: Path) -> None:
    """The twin."""
    acknowledged, stored = acknowledged_and_stored(tmp_path / "ledger.db", "hasty", 50)
    assert stored < acknowledged
