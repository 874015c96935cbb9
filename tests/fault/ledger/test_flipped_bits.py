# SPDX-License-Identifier: Apache-2.0
"""One flipped byte anywhere: detected, or harmless. Never a silently different standing."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import apsw
import msgspec
import pytest

from evict.core.errors import LedgerError
from evict.core.revocation import Body, Standing, fold
from evict.ledger.load import load
from evict.ledger.mark import mark_path
from evict.ledger.store import LedgerStore
from tests.unit.ledger.made import reinstate, revoke

View = tuple[dict[str, Standing], list[tuple[str, ...]]]
"""Standings, and the login forms of whoever is revoked."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


def fill(store: LedgerStore) -> None:
    store.append_many([revoke("alice"), revoke("bob"), reinstate("bob"), revoke("carol")])


def flips(content: bytes, at: Iterable[int], *, seed: int) -> Iterable[tuple[int, bytes]]:
    rng = random.Random(seed)
    for place in at:
        flipped = bytearray(content)
        flipped[place] ^= 1 << rng.randrange(8)
        yield place, bytes(flipped)


def of_file(content: bytes, read: Callable[[apsw.Connection], View]) -> View | None:
    """What `read` makes of a file with this content; None where it is refused."""
    connection = apsw.Connection(":memory:")
    try:
        connection.deserialize("main", content)
        return read(connection)
    except (apsw.Error, LedgerError, msgspec.MsgspecError, ValueError, TypeError, KeyError):
        return None
    finally:
        connection.close()


def forms_of(connection: apsw.Connection, standings: dict[str, Standing]) -> list[tuple[str, ...]]:
    rows = connection.execute("SELECT seq, content FROM personal ORDER BY seq")
    revoked = {s.seq for s in standings.values() if s.revoked}
    return [
        (str(seq), *msgspec.json.decode(content)["forms"])
        for seq, content in rows
        if seq in revoked
    ]


def verified(connection: apsw.Connection) -> View:
    standings = load(connection).state.standings
    return standings, forms_of(connection, standings)


def believed(connection: apsw.Connection) -> View:
    """The sabotaged reader: folds whatever stands there."""
    rows = connection.execute("SELECT raw FROM entries ORDER BY seq")
    standings = fold(msgspec.json.decode(raw, type=Body) for (raw,) in rows)
    return standings, forms_of(connection, standings)


def silently_different(path: Path, read: Callable[[apsw.Connection], View], step: int) -> int:
    with LedgerStore(path) as store:
        fill(store)
    content = bytearray(path.read_bytes())
    # Bytes 18 and 19 say "write-ahead log", which a file in memory cannot have.
    content[18:20] = b"\x01\x01"
    sound = of_file(bytes(content), read)
    assert sound is not None
    places = [n for n, byte in enumerate(content) if n not in (18, 19) and (byte or n % 16 == 0)]
    views = (of_file(c, read) for _, c in flips(bytes(content), places[::step], seed=1))
    return sum(view is not None and view != sound for view in views)


def test_a_flip_in_the_main_file_never_shows_as_another_standing(path: Path) -> None:
    """Every byte in use, and every 16th of the empty ones."""
    assert silently_different(path, verified, 1) == 0


def test_without_verifying_flips_would_show(path: Path) -> None:
    """The twin."""
    assert silently_different(path, believed, 5) > 10


def flipped_logs(path: Path) -> Iterable[tuple[int, bytes]]:
    """The log as it lies there while the store is open, one bit of it flipped at a time.

    All of the log's header, all frame headers, and every 40th byte in use of the pages.
    """
    log = path.with_name(path.name + "-wal").read_bytes()
    end = len(log.rstrip(b"\x00"))
    headers = {n for n in range(end) if n < 32 or (n - 32) % 4120 < 24}
    pages = [n for n in range(32, end) if n not in headers and log[n]]
    return flips(log, sorted(headers | set(pages[::40])), seed=2)


def read_with_log(folder: Path, path: Path, log: bytes, *, mark: bool) -> View | None:
    """Start a store on a copy; the log there is cut after its last frame to save time."""
    folder.mkdir()
    copy = folder / path.name
    shutil.copy(path, copy)
    copy.with_name(copy.name + "-wal").write_bytes(log)
    if mark:
        shutil.copy(mark_path(path), mark_path(copy))
    try:
        with LedgerStore(copy) as store:
            standings = dict(store.standings())
            return standings, forms_of(store.database.connection, standings)
    except LedgerError:
        return None
    finally:
        shutil.rmtree(folder)


def differing_logs(path: Path, *, mark: bool, step: int) -> int:
    different = 0
    with LedgerStore(path) as store:
        store.database.checkpoint()
        fill(store)
        sound = (dict(store.standings()), forms_of(store.database.connection, store.standings()))
        for place, log in list(flipped_logs(path))[::step]:
            view = read_with_log(path.parent / f"flip-{place}", path, log, mark=mark)
            different += view is not None and view != sound
    return different


def test_a_flip_in_the_log_never_loses_an_entry_without_a_word(path: Path) -> None:
    assert differing_logs(path, mark=True, step=1) == 0


def test_without_the_mark_sqlite_would_drop_entries_without_a_word(path: Path) -> None:
    """The twin."""
    assert differing_logs(path, mark=False, step=10) > 5


@pytest.mark.parametrize("keep", [1, 99, 100, 512, 4096, 4097, 8192, 20000])
def test_a_truncated_ledger_is_refused(path: Path, keep: int) -> None:
    with LedgerStore(path) as store:
        fill(store)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(LedgerError):
        LedgerStore(path)


def test_a_flip_anywhere_is_told_by_one_of_our_errors_at_the_start(path: Path) -> None:
    """The whole start, on the file's header and a sample of the rest."""
    with LedgerStore(path) as store:
        fill(store)
        sound = dict(store.standings())
    content = path.read_bytes()
    rng = random.Random(3)
    places = [*range(100), *rng.sample(range(100, len(content)), 150)]
    refused = 0
    for place, flipped in flips(content, places, seed=3):
        copy = path.with_name(f"flip-{place}.db")
        copy.write_bytes(flipped)
        try:
            with LedgerStore(copy) as store:
                assert store.standings() == sound
        except LedgerError:
            refused += 1
    assert refused > 20
