# SPDX-License-Identifier: Apache-2.0
"""No change of a whole log goes unseen, and no text breaks one."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from evict.control.audit.log import AuditLog
from evict.control.audit.reading import follow
from evict.control.audit.record import Record, Result
from evict.ledger.service import Ledger
from evict.obs.audit_chain import GENESIS, Broken, Follower, seal

TEXT = st.text(st.characters(exclude_categories=()), max_size=200)


def content(number: int) -> dict[str, Any]:
    return {
        "at": "2026-11-24T17:00:00.000000Z",
        "case": number,
        "detail": "",
        "from": "unix socket",
        "ledger": {"epoch": 1, "seq": number, "hash": f"{number:064x}"},
        "on": ["account"],
        "result": "done",
        "what": "revoke",
        "who": "uid:0(root)",
        "why": "schön",
    }


def a_log() -> bytes:
    lines, digest = [], GENESIS
    for number in range(1, 6):
        line, digest = seal(content(number), n=number, prev=digest)
        lines.append(line)
    return b"".join(lines)


LOG = a_log()


def holds(raw: bytes) -> bool:
    """Whether it is whole to its fifth line."""
    follower = Follower()
    try:
        for line in raw.splitlines(keepends=True):
            follower.feed(line.removesuffix(b"\n"), ended=line.endswith(b"\n"))
        follower.end()
    except Broken:
        return False
    return follower.last == 5 and not follower.open_end


@given(place=st.integers(0, len(LOG) - 2), value=st.integers(0, 255))
def test_no_changed_byte_goes_unseen(place: int, value: int) -> None:
    changed = LOG[:place] + bytes([value]) + LOG[place + 1 :]
    assert holds(changed) is (changed == LOG)


@given(start=st.integers(0, len(LOG) - 2), length=st.integers(1, 900))
def test_no_removed_piece_goes_unseen(start: int, length: int) -> None:
    # The line feed at the very end may be lost: every line is whole without it.
    changed = LOG[:start] + LOG[min(start + length, len(LOG) - 1) :]
    assert holds(LOG)
    assert not holds(changed)


@given(order=st.permutations(range(5)))
def test_no_other_order_goes_unseen(order: list[int]) -> None:
    lines = LOG.splitlines(keepends=True)
    assert holds(b"".join(lines[n] for n in order)) is (order == [0, 1, 2, 3, 4])


async def noted(folder: Path, record: Record) -> None:
    ledger = await Ledger.open(folder / "ledger.db")
    log = await AuditLog.open(folder / "audit.jsonl", ledger)
    await log.note(record)
    await log.close()
    await ledger.close()


@settings(max_examples=40, deadline=None)
@given(who=TEXT, what=TEXT, on=st.lists(TEXT, max_size=3), why=TEXT, detail=TEXT)
def test_any_text_is_noted_and_read_back(
    who: str, what: str, on: list[str], why: str, detail: str
) -> None:
    record = Record(who=who, what=what, result=Result.DONE, on=tuple(on), why=why, detail=detail)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asyncio.run(noted(folder, record))
        assert follow([folder / "audit.jsonl"]).last == 1
        assert (folder / "audit.jsonl").read_bytes().count(b"\n") == 1
