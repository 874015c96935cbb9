# SPDX-License-Identifier: Apache-2.0
"""The audit log read back: in several files, and after somebody tampered with it."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from evict.control.audit import reading as audit_reading
from evict.control.audit.log import AuditLog
from evict.core.errors import AuditDamaged
from evict.ledger import backup as backups
from evict.ledger.service import Ledger
from evict.obs.audit_chain import seal
from evict.obs.audit_file import AuditFile
from tests.fault.control.audit_place import Place, opened, record
from tests.unit.ledger.made import revoke


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with opened(tmp_path) as made:
        yield made


async def test_the_log_is_renamed_while_it_is_written(place: Place) -> None:
    for number in range(5):
        await place.log.note(record(number))
        place.path.rename(place.path.with_name(f"audit.jsonl.{5 - number}"))
    await place.log.note(record(5))
    assert (await place.verify())["last"] == 6
    assert [r["on"] for r in await place.show()] == [[f"a{n}"] for n in range(6)]
    place.path.with_name("audit.jsonl.5").unlink()  # kept long enough
    assert (await place.verify())["first"] == 2
    place.path.with_name("audit.jsonl.2").unlink()
    with pytest.raises(AuditDamaged, match="line 4 is missing"):
        await place.verify()


async def test_a_rotation_in_the_middle_of_a_look_is_no_damage(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        await place.log.note(record(number))
    really = audit_reading.files_of
    looks: list[list[Path]] = []

    def meanwhile(path: Path) -> list[Path]:
        found = really(path)
        if not looks:
            path.rename(path.with_name("audit.jsonl.1"))
        looks.append(found)
        return found

    monkeypatch.setattr(audit_reading, "files_of", meanwhile)
    assert (await place.verify())["last"] == 3
    assert len(looks) == 2


async def test_what_somebody_left_beside_it_is_no_part_of_it(place: Place) -> None:
    await place.log.note(record(0))
    for name in ("audit.jsonl.bak", "audit.jsonl~", "audit.jsonl.swp", "audit.jsonl.1.gz.tmp"):
        place.path.with_name(name).write_bytes(place.path.read_bytes() * 2)
    assert (await place.verify())["last"] == 1


async def test_compressed_files_are_read_too(place: Place) -> None:
    await place.log.note(record(0))
    old = place.path.with_name("audit.jsonl.1")
    place.path.rename(old)
    await place.log.note(record(1))
    packed = old.with_name("audit.jsonl.1.gz")
    packed.write_bytes(gzip.compress(old.read_bytes()))
    old.unlink()
    assert (await place.verify())["last"] == 2
    assert len(await place.show("a0")) == 1
    packed.write_bytes(packed.read_bytes()[:-9])
    with pytest.raises(AuditDamaged, match="compressed"):
        await place.verify()


def written_anew(lines: list[bytes], *, keep: int = 0) -> list[bytes]:
    """As somebody does who may write the file: another name, and every hash made again."""
    made, prev = [], json.loads(lines[keep])["prev"]
    for raw in lines[keep:]:
        content = json.loads(raw)
        number = content.pop("n")
        del content["prev"], content["hash"]
        line, prev = seal({**content, "who": "uid:1000(mallory)"}, n=number, prev=prev)
        made.append(line)
    return [*lines[:keep], *made]


def the_newest_written_anew(lines: list[bytes]) -> list[bytes]:
    return written_anew(lines, keep=len(lines) - 1)


def without_the_last(lines: list[bytes]) -> list[bytes]:
    return lines[:-1]


def with_another_why(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[1].replace(b"left", b"LEFT"), *lines[2:]]


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (without_the_last, "the last ones were removed"),
        (with_another_why, "line 2: it was changed"),
        (written_anew, "line 3 or before: .* written anew"),
        (the_newest_written_anew, "line 3 or before: .* written anew"),
    ],
)
async def test_tampering_is_found_online_and_offline(
    place: Place, tamper: Callable[[list[bytes]], list[bytes]], said: str
) -> None:
    for number in range(3):
        await place.log.note(record(number, why="left"))
    await place.log.close()
    place.path.write_bytes(b"".join(tamper(place.path.read_bytes().splitlines(keepends=True))))
    for verify in (place.verify, place.verify_copies):
        with pytest.raises(AuditDamaged, match=said) as caught:
            await verify()
        assert caught.value.exit_code == 78


@pytest.mark.parametrize("later", [0, 2])
async def test_a_start_does_not_go_on_from_a_log_that_was_written_anew(
    place: Place, later: int
) -> None:
    """Else the ledger would know the forged lines for good from its next head on.

    Args:
        later: lines that were written before a crash, and that the ledger does not know of.
    """
    for number in range(3):
        await place.log.note(record(number))
    await place.log.close()
    known = AuditFile(place.path, last=3, digest=place.lines[-1]["hash"])
    content = {k: v for k, v in place.lines[-1].items() if k not in ("n", "prev", "hash")}
    for _ in range(later):
        known.write([content])
    known.close()
    assert (await place.verify())["last"] == 3 + later
    place.path.write_bytes(b"".join(written_anew(place.path.read_bytes().splitlines())))
    log = await AuditLog.open(place.path, place.ledger)
    await log.note(record(4))
    await log.close()
    assert [line["what"] for line in place.lines[3 + later :]] == ["audit.changed", "revoke"]
    for verify in (place.verify, place.verify_copies):
        with pytest.raises(AuditDamaged, match=f"line {4 + later}: it does not follow"):
            await verify()


async def test_what_the_ledger_knows_is_what_shows_a_cut_end(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin: the ledger's file is not told how far the log got."""

    async def forget(_log: AuditLog) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr(AuditLog, "_keep", forget)
    for number in range(3):
        await place.log.note(record(number))
    await place.log.close()
    lines = place.path.read_bytes().splitlines(keepends=True)
    place.path.write_bytes(b"".join(without_the_last(lines)))
    assert (await place.verify())["last"] == 2


async def test_a_log_of_another_ledger_is_told(place: Place, tmp_path: Path) -> None:
    await place.ledger.append(revoke("a1"))
    await place.log.note(record(1))
    other = await Ledger.open(tmp_path / "other.db")
    await other.append(revoke("b1"))
    place.ledger, kept = other, place.ledger
    with pytest.raises(AuditDamaged, match="line 1: it stands by entry 1 of a ledger"):
        await place.verify()
    place.ledger = kept
    await other.close()


async def test_lines_by_entries_that_a_backup_had_not_are_counted(
    place: Place, tmp_path: Path
) -> None:
    await place.ledger.append(revoke("a1"))
    await place.log.note(record(1))
    await place.ledger.backup(tmp_path / "backup.db")
    await place.ledger.append(revoke("a2"))
    await place.log.note(record(2))
    restored = tmp_path / "restored" / "ledger.db"
    restored.parent.mkdir()
    await asyncio.to_thread(backups.restore, tmp_path / "backup.db", restored, replace=False)
    await asyncio.to_thread(backups.adopt, restored, reason="fire", actor="a test")
    place.ledger, kept = await Ledger.open(restored), place.ledger
    assert (await place.verify())["unbound"] == 1
    await place.ledger.close()
    place.ledger = kept
    assert (await place.verify())["unbound"] == 0


async def test_records_are_found_by_account_and_instant(place: Place) -> None:
    for number in range(4):
        await place.log.note(record(number))
    assert [r["n"] for r in await place.show("a2")] == [3]
    assert [r["n"] for r in await place.show(most=2)] == [3, 4]
    since = place.log._now()
    assert await place.show(since=since) == []
