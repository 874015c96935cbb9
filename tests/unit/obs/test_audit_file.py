# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path

import pytest

from evict.obs.audit_chain import GENESIS, Broken, Follower, read
from evict.obs.audit_file import AuditFile, tail


def content(number: int, *, seq: int = 0, what: str = "revoke") -> dict[str, object]:
    return {
        "at": f"2026-11-24T17:00:{number % 60:02}.000000Z",
        "case": 1,
        "detail": "",
        "from": "unix socket",
        "ledger": {"epoch": 1, "seq": seq, "hash": GENESIS},
        "on": [f"account-{number}"],
        "result": "done",
        "what": what,
        "who": "uid:0(root)",
        "why": "left today: schön 😀",
    }


def followed(*paths: Path) -> Follower:
    """Raises `Broken`."""
    follower = Follower()
    for path in paths:
        for raw in path.read_bytes().splitlines(keepends=True):
            follower.feed(raw.removesuffix(b"\n"), ended=raw.endswith(b"\n"))
    follower.end()
    return follower


def written(path: Path, count: int) -> AuditFile:
    log = AuditFile(path)
    for number in range(count):
        log.write([content(number)])
    return log


def test_each_line_follows_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    log = written(path, 3)
    lines = [json.loads(raw) for raw in path.read_text().splitlines()]
    assert [line["n"] for line in lines] == [1, 2, 3]
    assert [line["prev"] for line in lines] == [GENESIS, lines[0]["hash"], lines[1]["hash"]]
    assert followed(path).last == log.last == 3
    assert path.stat().st_mode & 0o007 == 0


def test_a_start_goes_on_where_the_file_ends(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    written(path, 3).close()
    AuditFile(path).write([content(3), content(4)])
    assert followed(path).last == 5


def test_a_renamed_file_is_followed_by_a_new_one(tmp_path: Path) -> None:
    path, old = tmp_path / "audit.jsonl", tmp_path / "audit.jsonl.1"
    log = written(path, 3)
    path.rename(old)
    log.write([content(3)])
    assert (
        json.loads(path.read_text())["prev"] == json.loads(old.read_text().splitlines()[-1])["hash"]
    )
    assert followed(old, path).last == 4
    log.close()
    path.rename(tmp_path / "audit.jsonl.0")
    AuditFile(path).write([content(4)])  # a start that finds only what was renamed
    assert followed(old, tmp_path / "audit.jsonl.0", path).last == 5


@pytest.mark.parametrize("kept", [0, 1, 40, -2, -1])
def test_a_torn_line_is_kept_and_accounted_for(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "audit.jsonl"
    written(path, 2).close()
    whole = path.read_bytes()
    log = AuditFile(tmp_path / "other", last=2, digest=followed(path).hash)
    third = log.write([content(2)])[0]
    path.write_bytes(whole + third[:kept])
    AuditFile(path).write([content(3)])
    assert path.read_bytes().startswith(whole + third[:kept])
    follower = followed(path)
    assert follower.torn == (0 if kept in (0, -1) else 1)  # -1: only its line feed was lost
    assert follower.last == (3 if kept == 0 else 4)


def test_a_first_line_that_was_torn_is_accounted_for_too(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b'{"at":"2026')
    AuditFile(path).write([content(0)])
    assert followed(path).last == 2


def test_zeros_that_a_power_cut_left_are_accounted_for(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    written(path, 2).close()
    path.write_bytes(path.read_bytes() + b'{"at"\n' + bytes(5000))
    AuditFile(path).write([content(3)])
    assert followed(path).torn == 1


def test_lines_lost_from_the_end_are_said(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    log = written(path, 3)
    log.close()
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))
    AuditFile(path, last=3, digest=log.digest).write([content(3)])
    assert b"audit.gap" in path.read_bytes()
    with pytest.raises(Broken, match="line 3 is missing"):
        followed(path)


def changed(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[1].replace(b"root", b"toor"), *lines[2:]]


def removed(lines: list[bytes]) -> list[bytes]:
    return [lines[0], *lines[2:]]


def reordered(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[2], lines[1], *lines[3:]]


def doubled(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[1], lines[1], *lines[2:]]


def broken_off(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[1][:-20] + b"\n", *lines[2:]]


def spaced(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[1].replace(b",", b", ", 1), *lines[2:]]


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (changed, "line 2: it was changed"),
        (removed, "line 2 is missing"),
        (reordered, "line 2 is missing"),
        (doubled, "line 2 is out of order"),
        (broken_off, "line 2: it is no line"),
        (spaced, "line 2: it was changed"),
    ],
)
def test_tampering_is_told_with_its_line(tmp_path: Path, tamper: object, said: str) -> None:
    path = tmp_path / "audit.jsonl"
    written(path, 4)
    assert callable(tamper)
    path.write_bytes(b"".join(tamper(path.read_bytes().splitlines(keepends=True))))
    with pytest.raises(Broken, match=said):
        followed(path)


def test_a_changed_last_line_is_no_torn_one(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    written(path, 2)
    path.write_bytes(path.read_bytes().replace(b"account-1", b"account-7"))
    with pytest.raises(Broken, match="line 2: it was changed"):
        followed(path)


def test_a_line_sealed_anew_breaks_the_next(tmp_path: Path) -> None:
    """Whoever knows how lines are sealed must seal all that follow anew."""
    path = tmp_path / "audit.jsonl"
    first, second = AuditFile(path).write([content(0), content(1)])
    forged = AuditFile(tmp_path / "forged").write([content(7)])[0]
    assert read(forged[:-1]).n == read(first[:-1]).n == 1
    path.write_bytes(forged + second)
    with pytest.raises(Broken, match="line 2: it does not follow line 1"):
        followed(path)


def test_the_ledger_does_not_go_backwards(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    AuditFile(path).write([content(0, seq=5), content(1, seq=4)])
    with pytest.raises(Broken, match="line 2: the ledger"):
        followed(path)


def test_the_tail_of_a_large_file_is_found_by_its_end(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    AuditFile(path).write([content(number) for number in range(2000)])
    line, torn = tail(path)
    assert line is not None
    assert (line.n, torn) == (2000, b"")
