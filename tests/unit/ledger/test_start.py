# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from evict.core.errors import ConfigError, LedgerDamaged, LedgerError
from evict.ledger.mark import mark_path
from evict.ledger.store import LedgerStore
from tests.unit.ledger.made import revoke

SECOND_PROCESS = """
import sys
from pathlib import Path
from evict.core.errors import LedgerError
from evict.ledger.store import LedgerStore
try:
    LedgerStore(Path(sys.argv[1]))
except LedgerError as error:
    print(type(error).__name__, error.text)
"""


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """A closed ledger of three entries."""
    path = tmp_path / "ledger.db"
    with LedgerStore(path) as store:
        store.append_many([revoke("alice"), revoke("bob"), revoke("carol")])
    return path


def change(path: Path, *statements: str) -> None:
    """What somebody with a SQLite shell can do."""
    connection = apsw.Connection(str(path))
    for name in list(connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")):
        connection.execute(f"DROP TRIGGER {name[0]}")
    for statement in statements:
        connection.execute(statement)
    connection.close()


def retrigger(path: Path) -> None:
    blank = path.with_name("blank.db")
    LedgerStore(blank).close()
    source = apsw.Connection(str(blank))
    target = apsw.Connection(str(path))
    for (sql,) in source.execute("SELECT sql FROM sqlite_schema WHERE type = 'trigger'"):
        target.execute(sql)
    source.close()
    target.close()


def test_a_second_process_is_told_that_the_ledger_is_open(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with LedgerStore(path) as store:
        store.append(revoke("alice"))
        command = [sys.executable, "-c", SECOND_PROCESS, str(path)]
        told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
        assert told.stdout == f"LedgerError the ledger {path} is open in another process\n"
        assert store.append(revoke("bob")).entry.body.seq == 2


def test_a_second_store_in_the_same_process_is_told_too(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with LedgerStore(path) as store:
        with pytest.raises(LedgerError, match="open in another process"):
            LedgerStore(path)
        assert store.append(revoke("bob")).entry.body.seq == 1


def test_the_file_is_for_its_owner_alone(ledger: Path) -> None:
    assert ledger.stat().st_mode & 0o777 == 0o600
    assert mark_path(ledger).stat().st_mode & 0o777 == 0o600


def test_a_missing_ledger_is_made_only_where_that_is_wished(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no ledger"):
        LedgerStore(tmp_path / "ledger.db", create=False)
    with pytest.raises(ConfigError, match="does not exist"):
        LedgerStore(tmp_path / "nowhere" / "ledger.db")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [0, None])
def test_a_ledger_that_was_lost_is_never_begun_anew(ledger: Path, size: int | None) -> None:
    if size is None:
        ledger.unlink()
    else:
        ledger.write_bytes(b"")
    with pytest.raises(LedgerDamaged, match="is gone, and it had 3 entries"):
        LedgerStore(ledger)


def test_without_its_mark_a_lost_ledger_would_have_been_begun_anew(ledger: Path) -> None:
    """The twin: it is the mark that protects."""
    ledger.unlink()
    mark_path(ledger).unlink()
    with LedgerStore(ledger) as store:
        assert store.head().seq == 0


def test_a_ledger_that_ends_before_its_mark_is_refused(ledger: Path) -> None:
    older = ledger.with_name("older.db")
    shutil.copy(ledger, older)
    with LedgerStore(ledger) as store:
        store.append(revoke("dave"))
    shutil.copy(older, ledger)
    with pytest.raises(LedgerDamaged, match="damaged at entry 4: it ends before it, but 4"):
        LedgerStore(ledger)


def test_another_ledger_in_its_place_is_refused(ledger: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    with LedgerStore(other) as store:
        store.append_many([revoke(f"x{n}") for n in range(9)])
    shutil.copy(other, ledger)
    with pytest.raises(LedgerDamaged, match="entry 3 was another one"):
        LedgerStore(ledger)


@pytest.mark.parametrize(
    ("statements", "what"),
    [
        (["UPDATE entries SET raw = replace(raw, 'bob', 'eve') WHERE seq = 2"], "at entry 2"),
        (["DELETE FROM entries WHERE seq = 2"], "at entry 2: its hash|at entry 2: it is"),
        (["DELETE FROM entries WHERE seq = 3"], "belongs to no entry"),
        (["DELETE FROM entries WHERE seq = 3", "DELETE FROM personal WHERE seq = 3"], "3: it ends"),
        (["UPDATE entries SET seq = 9 WHERE seq = 3"], "at entry 3: it is filed under 9"),
        (["DELETE FROM personal WHERE seq = 1"], "at entry 1: its login forms are gone"),
        (
            ["UPDATE personal SET content = replace(content, 'bob', 'eve') WHERE seq = 2"],
            "at entry 2: its names and reason",
        ),
        (["UPDATE meta SET ledger = 'another'"], "at entry 1: it is of another ledger"),
        (["UPDATE meta SET state = 'whatever'"], "does not say which ledger"),
        (["UPDATE meta SET version = 3"], "unknown version 3"),
        (["UPDATE meta SET version = 1"], "tables are not those of version 1"),
        (["DROP TABLE shelves"], "tables are not those of version 2"),
        (["DROP TABLE meta"], "no table of what it is"),
        (["DELETE FROM meta"], "does not say which ledger"),
    ],
)
def test_a_changed_ledger_is_refused_and_says_where(
    ledger: Path, statements: list[str], what: str
) -> None:
    casts = [
        s.replace("replace(", "CAST(replace(").replace("')", "') AS BLOB)") for s in statements
    ]
    change(ledger, *casts)
    retrigger(ledger)
    with pytest.raises(LedgerDamaged, match=what):
        LedgerStore(ledger)


def test_a_ledger_without_its_triggers_is_refused(ledger: Path) -> None:
    change(ledger)
    with pytest.raises(LedgerDamaged, match="its tables are not those"):
        LedgerStore(ledger)


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_text("not a database, but long enough to be looked at\n" * 100)
    with pytest.raises(LedgerDamaged, match="not a database"):
        LedgerStore(path)
