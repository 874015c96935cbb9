# SPDX-License-Identifier: Apache-2.0
"""Closings that nobody ordered on the embedded Exchange organisation, a hook at the front.

An administrator disables an account at the organisation's directory, and nothing else. Counted is
from the moment that is asked for to the last success of any of the leaver's web clients, which use
every door again and again with a pause in between.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.exchange import PAUSE_S, WEB, closings, organisation
from bench.sheet import Row, finish, machine, spread
from bench.watched import WATCHED
from evict.cli.demo import processes
from evict.cli.demo.clients import Clients
from evict.core.endpoint import Endpoint
from evict.core.errors import ServiceUnavailable
from evict.lab.estate.control import Disable, ask
from evict.lab.estate.layout import DOMAIN, Layout
from evict.lab.estate.people import Person, people

_PATIENCE_S = 20.0


async def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.exchange_watched", description=__doc__)
    parser.add_argument("--closings", type=int, default=50)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--address", default="127.82.0.1")
    parser.add_argument("--folder", type=Path, default=Path("build/bench/exchange-watched"))
    arguments = parser.parse_args()
    facts = machine()
    layout = Layout(folder=arguments.folder.resolve(), address=arguments.address)
    async with organisation(layout, hook=True, serve=False):
        folder = layout.folder / "conf.d"
        folder.mkdir(exist_ok=True)
        (folder / "watch.toml").write_text(WATCHED)
        served = await processes.start_serve(layout, hooked=True)
        try:
            await _compared(layout)
            found = await closings(layout, people()[: arguments.closings], WEB, _one)
        finally:
            await processes.stop(served)
    return finish(
        "the directory watch, embedded organisation", facts, table(found), found, arguments.json
    )


async def _compared(layout: Layout) -> None:
    until = time.monotonic() + _PATIENCE_S
    while True:
        _, told = await processes.evict("watch", "--once", environment=_environment(layout))
        if told["compared_at"]:
            return
        if time.monotonic() > until:
            raise ServiceUnavailable("the directory is not watched")
        await asyncio.sleep(0.1)


def _environment(layout: Layout) -> dict[str, str]:
    return {"EVICT_CONFIG": str(layout.config)}


async def _one(
    layout: Layout, leaver: Person, endpoints: Sequence[Endpoint]
) -> tuple[dict[str, float], int]:
    clients = Clients(leaver, DOMAIN)
    await clients.open(endpoints)
    clients.keep_using(PAUSE_S)
    try:
        await asyncio.sleep(0.5)
        asked = datetime.now(UTC)
        await ask(layout.control, Disable(name=leaver.upn(DOMAIN)))
        await _all_shut(clients)
    finally:
        await clients.stop()
    seen = {
        track.door: (track.last_success - asked).total_seconds() * 1000
        for track in clients.tracks
        if track.last_success is not None
    }
    return seen, sum(not track.outcome.shut for track in clients.tracks)


async def _all_shut(clients: Clients) -> None:
    """Until every client was refused, or it took too long; and a little more."""
    until = time.monotonic() + _PATIENCE_S
    while True:
        await asyncio.sleep(0.02)
        if all(t.outcome.shut for t in clients.tracks) or time.monotonic() > until:
            break
    await asyncio.sleep(0.3)


def table(found: dict[str, Any]) -> list[Row]:
    got = spread([max(doors.values()) for doors in found["each"]])
    count = len(found["each"])
    return [
        Row(
            what=f"the directory's disable to the last success on any web door, {count} closings",
            reached=f"p50 {got['p50']} p99 {got['p99']} worst {got['worst']} ms",
            to_reach="p50 <= 150, worst <= 600 ms",
            met=got["p50"] <= 150 and got["worst"] <= 600,
        ),
        Row(
            what="doors not shut at the end",
            reached=str(found["survivors"]),
            to_reach="0",
            met=found["survivors"] == 0,
        ),
        Row(
            what="other people's sessions disturbed",
            reached=f"{found['disturbed']} of {found['held']}",
            to_reach="0",
            met=found["disturbed"] == 0,
        ),
    ]


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main()))
