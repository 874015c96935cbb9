# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest
from msgspec import Struct

from evict.core.errors import LedgerDamaged
from evict.ledger import backup
from evict.ledger.database import SCHEMAS
from evict.ledger.service import Ledger
from evict.ledger.store import LedgerStore
from tests.unit.ledger.made import reinstate, revoke


class Thing(Struct, frozen=True, kw_only=True):
    of: str
    number: int


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    opened = await Ledger.open(tmp_path / "ledger.db")
    yield opened
    await opened.close()


def of(thing: Thing) -> str:
    return thing.of


async def test_what_was_kept_is_there_after_a_restart(tmp_path: Path) -> None:
    first = await Ledger.open(tmp_path / "ledger.db")
    await first.shelf("things", Thing).change({"a": Thing(of="x", number=1)})
    await first.close()
    again = await Ledger.open(tmp_path / "ledger.db")
    assert await again.shelf("things", Thing).get("a") == Thing(of="x", number=1)
    await again.close()


async def test_a_change_keeps_replaces_and_removes_at_once(ledger: Ledger) -> None:
    shelf = ledger.shelf("things", Thing)
    await shelf.change({n: Thing(of="x", number=1) for n in "cab"})
    await shelf.change({"a": Thing(of="x", number=2)}, remove=["b", "nobody"])
    assert {n: t.number for n, t in (await shelf.all()).items()} == {"a": 2, "c": 1}
    assert list(await shelf.all()) == ["a", "c"]
    assert await shelf.get("b") is None


async def test_shelves_do_not_share_what_lies_on_them(ledger: Ledger) -> None:
    await ledger.shelf("things", Thing).change({"a": Thing(of="x", number=1)})
    assert await ledger.shelf("others", Thing).all() == {}


async def test_what_names_an_account_goes_with_its_names(ledger: Ledger) -> None:
    shelf = ledger.shelf("things", Thing, account_of=of)
    await shelf.change({"a": Thing(of="alice", number=1), "b": Thing(of="bob", number=1)})
    await ledger.append_many([revoke("alice"), reinstate("alice")])
    await ledger.erase("alice")
    assert list(await shelf.all()) == ["b"]


async def test_a_thing_of_another_kind_is_damage_and_not_half_understood(ledger: Ledger) -> None:
    await ledger.shelf("things", Thing).change({"a": Thing(of="x", number=1)})

    class Other(Struct):
        name: str

    with pytest.raises(LedgerDamaged, match="'a' on the shelf 'things'"):
        await ledger.shelf("things", Other).get("a")


def of_version_1(path: Path) -> None:
    """A ledger as it was before there were shelves, with one entry."""
    with LedgerStore(path) as store:
        store.append(revoke("alice"))
    connection = apsw.Connection(str(path))
    connection.execute("DROP TABLE shelves; UPDATE meta SET version = 1")
    connection.close()


def test_an_older_ledger_is_brought_up_to_this_version_with_its_entries(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    of_version_1(path)
    with LedgerStore(path) as store:
        assert store.head().seq == 1
        assert store.shelves.all("things") == {}
    connection = apsw.Connection(str(path))
    assert connection.execute("SELECT version FROM meta").get == len(SCHEMAS)
    connection.close()


def test_a_backup_of_an_older_ledger_is_restored_and_brought_up(tmp_path: Path) -> None:
    path, copy = tmp_path / "ledger.db", tmp_path / "copy.db"
    of_version_1(copy)
    assert backup.inspect(copy).seq == 1
    backup.restore(copy, path)
    backup.adopt(path, reason="a test", actor="a test")
    with LedgerStore(path) as store:
        assert (store.head().seq, store.head().epoch) == (2, 2)
