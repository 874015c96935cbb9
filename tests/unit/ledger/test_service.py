# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
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
from evict.ledger.order import How
from evict.ledger.service import Ledger
from evict.ledger.store import LedgerStore
from tests.unit.ledger.made import NOON, reinstate, revoke


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    opened = await Ledger.open(tmp_path / "ledger.db")
    yield opened
    await opened.close()


async def alternating(ledger: Ledger, *, compare_and_set: bool) -> list[Kind]:
    """200 tasks that revoke and 200 that reinstate one account, each until it has had its turn."""
    rng = random.Random(4)

    async def insist(number: int, *, revokes: bool) -> None:
        make = revoke if revokes else reinstate
        while True:
            standing = ledger.standing("alice")
            generation = standing.generation if standing else 0
            await asyncio.sleep(rng.random() / 1000)
            if (generation % 2 == 0) is not revokes:
                continue
            expected = generation if compare_and_set else None
            request = f"{make.__name__} {number}"
            try:
                receipt = await ledger.append(make("alice", request, expected))
            except LedgerConflict:
                continue
            if receipt.how is How.STORED or not compare_and_set:
                return

    async with asyncio.TaskGroup() as group:
        for number in range(200):
            group.create_task(insist(number, revokes=True))
            group.create_task(insist(number, revokes=False))
    return [entry.body.kind for entry in await ledger.entries_since(0)]


async def test_concurrent_orders_for_one_account_strictly_alternate(ledger: Ledger) -> None:
    kinds = await alternating(ledger, compare_and_set=True)
    assert kinds == [Kind.REVOCATION, Kind.REINSTATEMENT] * 200


async def test_without_compare_and_set_some_of_them_would_come_to_nothing(ledger: Ledger) -> None:
    """The twin."""
    assert len(await alternating(ledger, compare_and_set=False)) < 400


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
