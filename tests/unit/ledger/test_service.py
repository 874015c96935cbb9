# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from evict.core.door import Door
from evict.core.errors import LedgerConflict, LedgerDamaged, UsageError
from evict.core.measure import Actor, BeforeImage, Effect, EffectKind, Measure, Stage
from evict.core.revocation import Entry, Kind
from evict.ledger.backup import inspect
from evict.ledger.case_journal import Closed
from evict.ledger.database import CHECKPOINT_PAGES
from evict.ledger.service import Ledger
from evict.ledger.store import LedgerStore
from tests.unit.ledger.made import NOON, reinstate, revoke

BOTH = (revoke, reinstate)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    opened = await Ledger.open(tmp_path / "ledger.db")
    yield opened
    await opened.close()


async def insist(ledger: Ledger, number: int, *, revokes: bool, at_once: asyncio.Semaphore) -> None:
    """Order by compare-and-set until this task has had its turn."""
    make = revoke if revokes else reinstate
    while True:
        async with at_once:
            standing = ledger.standing("alice")
            generation = standing.generation if standing else 0
            await asyncio.sleep(0)
            if (generation % 2 == 0) is revokes:
                order = make("alice", f"{make.__name__} {number}", generation)
                with contextlib.suppress(LedgerConflict):
                    await ledger.append(order)
                    return
        await asyncio.sleep(0.01)


async def test_concurrent_orders_for_one_account_strictly_alternate(ledger: Ledger) -> None:
    at_once = asyncio.Semaphore(16)
    async with asyncio.TaskGroup() as group:
        for number in range(200):
            for revokes in (True, False):
                group.create_task(insist(ledger, number, revokes=revokes, at_once=at_once))
    kinds = [entry.body.kind for entry in await ledger.entries_since(0)]
    assert kinds == [Kind.REVOCATION, Kind.REINSTATEMENT] * 200


async def test_without_compare_and_set_some_of_them_come_to_nothing(ledger: Ledger) -> None:
    """The twin: the same 400 orders, given blindly."""
    orders = [make("alice", f"{make.__name__} {n}") for n in range(200) for make in BOTH]
    random.Random(4).shuffle(orders)
    await asyncio.gather(*(ledger.append(order) for order in orders), return_exceptions=True)
    assert 1 < len(await ledger.entries_since(0)) < 400


async def test_listeners_hear_each_commit_once_in_order_and_first(ledger: Ledger) -> None:
    heard: list[int] = []
    end = ledger.subscribe(lambda entries: heard.extend(e.body.seq for e in entries))
    first = await ledger.append(revoke("alice"))
    assert heard == [first.entry.body.seq]
    await asyncio.gather(*(ledger.append(revoke(f"a{n}")) for n in range(20)))
    await ledger.append_many([revoke("x"), revoke("y")])
    assert heard == list(range(1, 24))
    end()
    await ledger.append(revoke("later"))
    assert len(heard) == 23


async def test_a_cancelled_caller_does_not_keep_an_entry_from_listeners(tmp_path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()
    go_on.set()

    def now() -> datetime:
        begun.set()
        go_on.wait(5)
        return datetime.now(UTC)

    ledger = await Ledger.open(tmp_path / "ledger.db", now=now)
    try:
        heard: list[Entry] = []
        ledger.subscribe(heard.extend)
        begun.clear()
        go_on.clear()
        call = asyncio.create_task(ledger.append(revoke("alice")))
        assert await asyncio.to_thread(begun.wait, 5)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        go_on.set()
        # The thread has begun with it, so it is carried out; the next call waits behind it.
        assert (await ledger.append(revoke("bob"))).entry.body.seq == 2
        assert [e.body.account for e in heard] == ["alice", "bob"]
    finally:
        go_on.set()
        await ledger.close()


async def test_the_log_is_checkpointed_when_nobody_waits(ledger: Ledger) -> None:
    database = ledger._store.database
    await ledger.append_many([revoke(f"a{n}") for n in range(12 * CHECKPOINT_PAGES)])
    async with asyncio.timeout(5):
        while database.checkpoint_due:
            await asyncio.sleep(0.01)


async def test_what_was_read_is_whole_though_it_is_read_in_pieces(ledger: Ledger) -> None:
    receipts = await ledger.append_many([revoke(f"a{n}") for n in range(4500)])
    entries = await ledger.entries_since(0)
    assert entries == [r.entry for r in receipts]
    assert await ledger.verify() == ledger.head
    assert (await ledger.wire_since(4499))[0].hash == ledger.head.hash


async def test_verifying_finds_what_was_changed_underneath(ledger: Ledger) -> None:
    await ledger.append_many([revoke("alice"), revoke("bob")])
    connection = ledger._store.database.connection
    connection.execute("DROP TRIGGER entries_are_not_changed")
    connection.execute("UPDATE entries SET hash = zeroblob(32) WHERE seq = 1")
    with pytest.raises(LedgerDamaged, match="at entry 1"):
        await ledger.verify()


async def test_a_backup_is_taken_while_appends_go_on(ledger: Ledger, tmp_path: Path) -> None:
    await ledger.append_many([revoke(f"a{n}") for n in range(6000)])
    taking = asyncio.create_task(ledger.backup(tmp_path / "copy.db"))
    while not taking.done():
        await ledger.append(revoke(f"late {ledger.head.seq}"))
    assert await taking == inspect(tmp_path / "copy.db").seq >= 6001
    with pytest.raises(UsageError, match="exists"):
        await ledger.backup(tmp_path / "copy.db")


async def test_a_case_is_unfinished_until_its_report_is_stored(ledger: Ledger) -> None:
    receipts = await ledger.append_many([revoke("alice"), revoke("bob")])
    await ledger.append(reinstate("bob"))
    assert await ledger.unfinished() == [receipts[0].entry]
    journal = ledger.journal
    await journal.opened("alice", 1)
    image = BeforeImage(measure="d:disable", system="d", target="", before={"a": "1"}, after={})
    measure = Measure(
        id="d:disable",
        system="d",
        stage=Stage.CREDENTIALS,
        actor=Actor.CONTROL,
        doors=(Door("d", "ldap", "password"),),  # type: ignore[arg-type]
        why="to see it recorded",
        image=image,
    )
    await journal.intent("alice", 1, measure)
    await journal.effect("alice", 1, Effect(measure="d:disable", kind=EffectKind.DONE))
    report = Closed(at=NOON, verdict="shut", exit_code=0, evidence="/e/1.json")
    await journal.closed("alice", 1, report)
    assert await ledger.unfinished() == []
    assert await journal.images("alice", 1) == (image,)
    last = await journal.last_closed("alice", 1)
    assert last is not None
    assert (last.verdict, last.exit_code, last.evidence) == ("shut", 0, "/e/1.json")
    assert [(e.kind, e.subject) for e in await journal.events("alice", 1)] == [
        ("case.opened", ""),
        ("measure.intended", "d:disable"),
        ("measure.done", "d:disable"),
        ("case.closed", ""),
    ]


async def test_closing_leaves_one_file_that_opens_again(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger = await Ledger.open(path)
    await ledger.append(revoke("alice"))
    await ledger.close()
    assert not path.with_name("ledger.db-wal").exists()
    with LedgerStore(path) as store:
        assert store.head().seq == 1
