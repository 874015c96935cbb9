# SPDX-License-Identifier: Apache-2.0
"""What disturbs others is done only where a server was seen going on, one rung at a time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from evict.core.account import Account
from evict.core.errors import Unsupported
from evict.core.measure import EffectKind, Measure
from evict.lab.model.words import Pool
from evict.systems.exchange.connector import ExchangeConnector
from tests.unit.systems.exchange.organisation import PASSWORD, Running, running
from tests.unit.systems.exchange.samples import NOTHING, order

ORDER = order()


async def needed(connector: ExchangeConnector, account: Account) -> list[Measure]:
    seen = await connector.observe(account, ORDER)
    return list(connector.plan(account, seen, ORDER))


async def shut(connector: ExchangeConnector, account: Account) -> None:
    """Everything that disturbs nobody, and one look after it."""
    await connector.observe(account, None)  # waits for the search of other mailboxes
    for measure in await needed(connector, account):
        await connector.apply(account, measure, ORDER, NOTHING)
    assert await needed(connector, account) == []


def ids(measures: list[Measure]) -> list[str]:
    return [m.id.removeprefix("exchange:") for m in measures]


@pytest.mark.parametrize("version", ["2010", "2019"])
async def test_only_the_pool_that_still_takes_the_token_is_recycled(
    version: str, tmp_path: Path
) -> None:
    async with running(version, tmp_path) as run:
        connector, ann = run.connector(), run.account()
        for sam in ("ann", "bob", "cay"):
            run.request(sam)
        run.request("dan", "ex02")
        await shut(connector, ann)
        run.request("ann")
        (measure,) = await needed(connector, ann)
        assert measure.id == "exchange:recycle:ex01:MSExchangeOWAAppPool"
        assert measure.disturbs.startswith("2 other people")
        held = run.organisation.sign_in_basic("ex01", Pool.OWA, "ann", PASSWORD)
        run.organisation.directory.disable("ann")
        assert run.organisation.sign_in_basic("ex01", Pool.OWA, "ann", PASSWORD) == held
        effect = await connector.apply(ann, measure, ORDER, NOTHING)
        assert effect.kind is EffectKind.DONE
        assert run.organisation.sign_in_basic("ex01", Pool.OWA, "ann", PASSWORD) != held
        run.request("ann", status=401)
        assert await needed(connector, ann) == []
        await connector.close()


async def test_an_inch_at_a_time_up_to_a_restart_of_one_server(tmp_path: Path) -> None:
    async with running("2019", tmp_path) as run:
        connector, ann = run.connector(may_move=True, may_restart=True), run.account()
        await shut(connector, ann)
        run.request("ann")
        (recycle,) = await needed(connector, ann)
        await connector.apply(ann, recycle, ORDER, NOTHING)
        run.request("ann")
        (move,) = await needed(connector, ann)
        assert move.id == "exchange:move"
        effect, _ = await asyncio.gather(
            connector.apply(ann, move, ORDER, NOTHING), _time_passes(run)
        )
        assert effect.kind is EffectKind.DONE
        assert effect.detail == "moved to DB02: Completed, 100 %"
        run.request("ann")
        (restart,) = await needed(connector, ann)
        assert restart.id == "exchange:iisreset:ex01"
        run.organisation.servers["ex01"].stops_late = True
        effect = await connector.apply(ann, restart, ORDER, NOTHING)
        assert "by force" in effect.detail
        assert await needed(connector, ann) == []
        await connector.close()


async def _time_passes(run: Running) -> None:
    """Until the move is over."""
    box = run.organisation.mailboxes["ann"]
    while box.database != "DB02":
        await asyncio.sleep(0.02)
        run.clock.seconds += 1
        run.organisation.tick()


async def test_a_restart_that_need_not_be_forced_is_not(tmp_path: Path) -> None:
    async with running("2019", tmp_path) as run:
        connector = run.connector(may_recycle=False, may_restart=True)
        ann = run.account()
        await shut(connector, ann)
        run.request("ann", "ex02")
        (restart,) = await needed(connector, ann)
        assert restart.target == "ex02"
        effect = await connector.apply(ann, restart, ORDER, NOTHING)
        assert "without force" in effect.detail
        await connector.close()


async def test_a_move_that_failed_says_where_it_stopped(tmp_path: Path) -> None:
    async with running("2019", tmp_path) as run:
        connector = run.connector(may_recycle=False, may_move=True)
        ann = run.account()
        await shut(connector, ann)
        run.request("ann")
        run.organisation.moves.next_fails_at = 40
        (move,) = await needed(connector, ann)

        async def passes() -> None:
            moves = run.organisation.moves
            while not (request := moves.requests.get("ann")) or request.ended is None:
                await asyncio.sleep(0.02)
                run.clock.seconds += 1
                run.organisation.tick()

        effect, _ = await asyncio.gather(connector.apply(ann, move, ORDER, NOTHING), passes())
        assert effect.kind is EffectKind.FAILED
        assert effect.detail == "the move ended as Failed at 40 %"
        assert ids(await needed(connector, ann)) == ["move"]
        await connector.close()


async def test_a_server_without_a_shell_is_beyond_us(tmp_path: Path) -> None:
    async with running("2019", tmp_path) as run:
        ann, connector = run.account(), run.connector()
        await shut(connector, ann)
        run.request("ann")
        (recycle,) = await needed(connector, ann)
        without = run.connector(servers=run.section().servers[1:])
        with pytest.raises(Unsupported, match="no shell_url is configured for ex01"):
            await without.apply(ann, recycle, ORDER, NOTHING)
        await connector.close()
        await without.close()
