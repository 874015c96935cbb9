# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from evict.systems.haproxy.cookies import Cookies


def digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest().upper()


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def book(path: Path, clock: Clock, most: int = 100) -> Cookies:
    cookies = Cookies(path, life_s=3600, most=most, clock=clock)
    assert cookies.load() == 0
    return cookies


def save(cookies: Cookies) -> None:
    write = cookies.save()
    assert write is not None
    write()


def test_what_was_bound_is_there_after_a_restart_and_over_after_its_life(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "book"
    cookies = book(path, clock)
    cookies.bind(digest("a"), "alice")
    save(cookies)
    clock.now += 1800
    cookies.bind(digest("b"), "corp\\bob")
    save(cookies)
    assert cookies.save() is None
    assert path.stat().st_mode & 0o777 == 0o600
    again = book(path, clock)
    assert dict(again.entries()) == {digest("a"): "alice", digest("b"): "corp\\bob"}
    clock.now += 1801
    assert again.expired(10) == [digest("a")]
    assert again.expired(10) == []
    assert dict(book(path, clock).entries()) == {digest("b"): "corp\\bob"}


def test_the_oldest_are_given_up_beyond_the_most(tmp_path: Path) -> None:
    cookies = book(tmp_path / "book", Clock(), most=2)
    for value in "abcd":
        cookies.bind(digest(value), "alice")
    assert cookies.expired(1) == [digest("a")]
    assert cookies.expired(10) == [digest("b")]
    assert len(cookies) == 2


def test_lines_that_are_none_are_counted_and_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "book"
    path.write_text(f"nonsense\n{digest('a')} 1999999999 alice\n{digest('b')} 19999\n")
    cookies = Cookies(path, life_s=1, clock=Clock())
    assert cookies.load() == 2
    assert cookies.whose(digest("a")) == "alice"


def test_the_file_does_not_grow_without_end(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "book"
    cookies = book(path, clock)
    for round_ in range(30):
        for n in range(100):
            cookies.bind(digest(f"{round_}-{n}"), "alice")
        save(cookies)
        clock.now += 3601
        cookies.expired(1000)
    assert len(path.read_text().splitlines()) < 1500


def test_what_could_not_be_written_is_written_with_all_the_rest(tmp_path: Path) -> None:
    folder = tmp_path / "not there yet"
    cookies = book(folder / "book", Clock())
    cookies.bind(digest("a"), "alice")
    write = cookies.save()
    assert write is not None
    with pytest.raises(OSError, match="No such file"):
        write()
    folder.mkdir()
    save(cookies)
    assert digest("a") in (folder / "book").read_text()
