# SPDX-License-Identifier: Apache-2.0
"""The audit log under a full disk, a crash, a rotation, and somebody who tampers with it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from evict.control.audit import log as audit_log
from evict.control.audit.log import MOST_ON, AuditLog
from evict.control.audit.record import Record, Result
from evict.core.errors import AuditDamaged, AuditNotWritten
from evict.obs import audit_file
from evict.obs.audit_chain import Line
from tests.fault.control.audit_place import Place, opened, record
from tests.unit.ledger.made import revoke


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with opened(tmp_path) as made:
        yield made


async def test_a_record_stands_by_the_ledger_as_it_was(place: Place) -> None:
    await place.log.note(record(0))
    await place.ledger.append(revoke("a1"))
    await place.log.note(record(1, why="left", where="192.0.2.7", detail="d", case=3))
    first, second = place.lines
    assert (first["ledger"]["seq"], second["ledger"]["seq"]) == (0, 1)
    assert second["ledger"]["hash"] == place.ledger.head.hash.hex()
    assert second | {"who": "uid:0(root)", "what": "revoke", "on": ["a1"]} == second
    assert second | {"why": "left", "from": "192.0.2.7", "detail": "d", "case": 3} == second
    for verified in (await place.verify(), await place.verify_copies()):
        assert (verified["first"], verified["last"], verified["unbound"]) == (1, 2, 0)


async def test_a_thousand_notes_at_once_share_their_syncs(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    really = os.fdatasync

    def counted(handle: int) -> None:
        synced.append(handle)
        really(handle)

    monkeypatch.setattr(os, "fdatasync", counted)
    await asyncio.gather(*(place.log.note(record(number)) for number in range(1000)))
    assert 1 <= synced.count(place.log._file._handle or -1) <= 2
    assert [line["on"] for line in place.lines] == [[f"a{number}"] for number in range(1000)]
    assert (await place.verify())["last"] == 1000


async def test_hostile_names_tokens_and_long_reasons_do_no_harm(place: Place) -> None:
    await place.log.note(
        record(
            why="x" * 100_000,
            detail="it was evict_" + "a" * 56 + "\n\x1b[2Jand \u202egone \ud800",
            where="\u2028",
        )
    )
    raw = place.path.read_bytes()
    (line,) = place.lines
    assert raw.count(b"\n") == 1
    assert len(line["why"]) == 1024
    assert line["detail"] == "it was evict_***\\u000a\\u001b[2Jand \\u202egone \\ud800"
    assert (await place.verify())["last"] == 1


async def test_a_record_on_very_many_accounts_is_several_lines(place: Place) -> None:
    await place.log.note(
        Record(
            who="w", what="revoke", result=Result.HELD, on=tuple(map(str, range(2 * MOST_ON + 1)))
        )
    )
    assert [len(line["on"]) for line in place.lines] == [MOST_ON, MOST_ON, 1]
    assert place.lines[2]["detail"] == "part 3 of 3"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system that is soon full."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", folder], check=False
    ).returncode:
        pytest.skip("this host lets nobody mount")
    yield folder
    subprocess.run(["umount", folder], check=True)


async def until_full(log: AuditLog) -> int:
    """Note until a note fails; how many did not."""
    written = 0
    with contextlib.suppress(AuditNotWritten):
        while True:
            await log.note(record(why="y" * 900))
            written += 1
    return written


async def test_a_full_disk_is_told_and_recovers(place: Place, small_disk: Path) -> None:
    place.path = small_disk / "audit.jsonl"
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(12_000))
    log = await AuditLog.open(place.path, place.ledger)
    written = await until_full(log)
    for _ in range(2):
        with pytest.raises(AuditNotWritten, match="No space left on device"):
            await log.note(record(why="y" * 900))
    assert log.trouble
    assert len(place.lines) == written  # nothing half written is left behind
    ballast.unlink()
    await log.note(record(written))
    assert log.trouble == ""
    missed, after = place.lines[-2:]
    assert (missed["what"], missed["detail"][:9]) == ("audit.missed", "3 records")
    assert after["n"] == (await place.verify())["last"] == written + 2
    await log.close()


def failing_once(monkeypatch: pytest.MonkeyPatch, *, may_cut: bool) -> None:
    """A disk that takes ten bytes of a write, and then none; then it is well."""
    really_write, really_cut = os.write, os.ftruncate
    calls = iter(["short", "full"])

    def write(handle: int, data: bytes) -> int:
        match next(calls, ""):
            case "short":
                return really_write(handle, data[:10])
            case "full":
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            case _:
                return really_write(handle, data)

    def cut(handle: int, size: int) -> None:
        if not may_cut:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        really_cut(handle, size)

    monkeypatch.setattr(os, "write", write)
    monkeypatch.setattr(os, "ftruncate", cut)


@pytest.mark.parametrize("may_cut", [True, False])
async def test_half_a_line_on_a_full_disk_breaks_no_chain(
    place: Place, monkeypatch: pytest.MonkeyPatch, *, may_cut: bool
) -> None:
    await place.log.note(record(0))
    with monkeypatch.context() as patch:
        failing_once(patch, may_cut=may_cut)
        with pytest.raises(AuditNotWritten):
            await place.log.note(record(1))
    await place.log.note(record(2))
    verified = await place.verify()
    assert (verified["torn"], verified["last"]) == ((0, 3) if may_cut else (1, 4))


async def test_the_repair_is_what_keeps_the_chain(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin: the end of the file is not looked at."""

    def blind(path: Path) -> tuple[Line | None, bytes]:
        return really(path)[0], b""

    really = audit_file.tail
    await place.log.note(record(0))
    with monkeypatch.context() as patch:
        failing_once(patch, may_cut=False)
        patch.setattr(audit_file, "tail", blind)
        with pytest.raises(AuditNotWritten):
            await place.log.note(record(1))
        await place.log.note(record(2))
    with pytest.raises(AuditDamaged):
        await place.verify()


async def test_a_disk_that_hangs_holds_up_nobody(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = threading.Event()
    really = os.fdatasync

    def hanging(handle: int) -> None:
        goes_on.wait(30)
        really(handle)

    monkeypatch.setattr(audit_log, "_PATIENCE_S", 0.1)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", hanging)
        with pytest.raises(AuditNotWritten, match="no answer of the disk"):
            await place.log.note(record(0))
        goes_on.set()
    await place.log.note(record(1))
    assert place.log.trouble == ""
    assert [line["on"] for line in place.lines] == [["a0"], ["a1"]]


async def test_where_the_folder_is_not_there_it_is_told_and_recovers(place: Place) -> None:
    path = place.copy / "log" / "audit.jsonl"
    log = await AuditLog.open(path, place.ledger)
    with pytest.raises(AuditNotWritten, match="No such file"):
        await log.note(record())
    path.parent.mkdir(parents=True)
    await log.note(record())
    assert b"audit.missed" in path.read_bytes()
    await log.close()
