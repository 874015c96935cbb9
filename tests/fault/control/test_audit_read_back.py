# SPDX-License-Identifier: Apache-2.0
"""The audit log read back: in several files, and after somebody tampered with it."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from evict.control.audit import reading as audit_reading
from evict.control.audit.log import AuditLog
from evict.core.errors import AuditDamaged
from evict.ledger import backup as backups
from evict.ledger.service import Ledger
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


def without_the_last(lines: list[bytes]) -> list[bytes]:
    return lines[:-1]


def with_another_why(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[1].replace(b"left", b"LEFT"), *lines[2:]]


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (without_the_last, "the last ones were removed"),
        (with_another_why, "line 2: it was changed"),
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
