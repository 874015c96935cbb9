# SPDX-License-Identifier: Apache-2.0
"""Closings on the embedded Exchange organisation, with a hook at the front and without one.

The organisation, `evict serve` and this program share the machine. Clients use every door again and
again with a pause in between: the last success is not known finer than that pause and one use.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from bench.exchange_load import Load, under_load
from bench.sheet import Row, finish, machine, spread
from evict.cli.demo import processes
from evict.cli.demo.app import endpoints_of
from evict.cli.demo.clients import Clients, open_all
from evict.core.endpoint import Endpoint
from evict.lab.estate.layout import DOMAIN, Layout
from evict.lab.estate.people import Person, people

PAUSE_S: Final = 0.01
WEB: Final = ("owa", "activesync", "ews", "mapi")
_BOUNDED: Final = "submission/session"
"""Goes on until its connector's time-out: no survivor that anybody promised to end."""
BYSTANDERS: Final = slice(50, 54)

Close = Callable[[Layout, Person, Sequence[Endpoint]], Awaitable[tuple[dict[str, float], int]]]
"""Closes one leaver: milliseconds to the last success by door, and how many doors were left."""


async def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.exchange", description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--address", default="127.81.0.1")
    parser.add_argument("--folder", type=Path, default=Path("build/bench/exchange"))
    arguments = parser.parse_args()
    facts = machine()
    layout = Layout(folder=arguments.folder.resolve(), address=arguments.address)
    count, seconds = (4, 5.0) if arguments.quick else (24, 20.0)
    async with organisation(layout, hook=True) as started_s:
        hooked = await closings(layout, people()[:count], WEB, revoked)
    async with organisation(layout, hook=False):
        bare = await closings(layout, people()[: max(count // 4, 3)], (), revoked)
    async with organisation(layout, hook=False, serve=False) as _:
        load = await under_load(layout, seconds)
    rows = [
        Row(
            what="organisation: process start to its first answer",
            reached=f"{started_s:.2f} s",
            to_reach="<= 2 s",
            met=started_s <= 2,
        ),
        *_of_hooked(hooked, count),
        *_of_bare(bare),
        *_of_load(load),
    ]
    result = {"started_s": started_s, "hooked": hooked, "bare": bare, "load": load.as_dict()}
    return finish("Exchange, embedded organisation", facts, rows, result, arguments.json)


@asynccontextmanager
async def organisation(layout: Layout, *, hook: bool, serve: bool = True) -> AsyncIterator[float]:
    """A fresh one, and Evict beside it; gives how long it took to answer, seconds."""
    shutil.rmtree(layout.folder, ignore_errors=True)
    layout.folder.mkdir(parents=True, mode=0o700)
    arguments = ["lab", "--no-serve", "--address", layout.address, "--folder", str(layout.folder)]
    arguments.append("--hook" if hook else "--no-hook")
    begun = time.monotonic()
    lab = await processes.start(arguments, layout.folder / "lab.log", layout.control)
    started_s = time.monotonic() - begun
    served = await processes.start_serve(layout, hooked=hook) if serve else None
    try:
        yield started_s
    finally:
        if served is not None:
            await processes.stop(served)
        await processes.stop(lab)


async def closings(
    layout: Layout, leavers: Sequence[Person], protocols: Sequence[str], close: Close
) -> dict[str, Any]:
    """Close one after the other while others work. Milliseconds from when it counts, by door."""
    every = endpoints_of(layout)
    endpoints = tuple(e for e in every if not protocols or e.protocol in protocols)
    others = await open_all(people()[BYSTANDERS], DOMAIN, endpoints)
    for each in others:
        each.keep_using(0.5)
    last: dict[str, list[float]] = {}
    each_closing: list[dict[str, float]] = []
    survivors = 0
    try:
        for leaver in leavers:
            seen, survived = await close(layout, leaver, endpoints)
            survivors += survived
            each_closing.append(seen)
            for door, ms in seen.items():
                last.setdefault(door, []).append(ms)
    finally:
        for each in others:
            await each.stop()
    tracks = [track for each in others for track in each.tracks]
    disturbed = sum(track.refusals > 0 for track in tracks)
    return {
        "last": last,
        "each": each_closing,
        "survivors": survivors,
        "disturbed": disturbed,
        "held": len(tracks),
    }


async def revoked(
    layout: Layout, leaver: Person, endpoints: Sequence[Endpoint]
) -> tuple[dict[str, float], int]:
    clients = Clients(leaver, DOMAIN)
    await clients.open(endpoints)
    clients.keep_using(PAUSE_S)
    try:
        await asyncio.sleep(0.3)
        _, answer = await processes.evict(
            "revoke",
            leaver.upn(DOMAIN),
            "--allow-bounce",
            environment={"EVICT_CONFIG": str(layout.config)},
        )
        await asyncio.sleep(0.5)
    finally:
        await clients.stop()
    commit = datetime.fromisoformat(answer["accounts"][0]["commit_at"])
    seen = {
        track.door: max((track.last_success - commit).total_seconds() * 1000, 0.0)
        for track in clients.tracks
        if track.last_success is not None
    }
    left = [t for t in clients.tracks if not t.outcome.shut and not t.door.endswith(_BOUNDED)]
    return seen, len(left)


def _of_hooked(found: dict[str, Any], count: int) -> list[Row]:
    values = [ms for door in found["last"].values() for ms in door]
    got = spread(values)
    name = f"hook at the front, {count} closings: commit -> last success, web doors"
    return [
        Row(
            what=name,
            reached=f"p50 {got['p50']} p99 {got['p99']} worst {got['worst']} ms",
            to_reach="p99 <= 50 ms",
            met=got["p99"] <= 50,
        ),
        *_common(found, "hook at the front"),
    ]


def _of_bare(found: dict[str, Any]) -> list[Row]:
    rows = []
    for door, values in sorted(found["last"].items()):
        got = spread(values)
        bounded = door.endswith("submission/session")
        rows.append(
            Row(
                what=f"no hook, {len(values)} closings: commit -> last success, {door}",
                reached=f"p50 {got['p50']} worst {got['worst']} ms",
                to_reach="bounded (assumed)" if bounded else "<= 3 s + reading delay",
                met=None if bounded else got["worst"] <= 3000,
            )
        )
    return [*rows, *_common(found, "no hook")]


def _common(found: dict[str, Any], which: str) -> list[Row]:
    return [
        Row(
            what=f"{which}: doors not shut at the end, but a live submission",
            reached=str(found["survivors"]),
            to_reach="0",
            met=found["survivors"] == 0,
        ),
        Row(
            what=f"{which}: other people's sessions disturbed",
            reached=f"{found['disturbed']} of {found['held']}",
            to_reach="0",
            met=found["disturbed"] == 0,
        ),
    ]


def _of_load(load: Load) -> list[Row]:
    return [
        Row(
            what=f"{load.sessions} live sessions: requests answered, of 500 asked for a second",
            reached=f"{load.per_second:.0f} a second, {load.errors} errors",
            to_reach=">= 495, 0 errors",
            met=load.per_second >= 495 and load.errors == 0,
        ),
        Row(what="the same: GetFolder", reached=f"p50 {load.p50_ms} p99 {load.p99_ms} ms"),
        Row(
            what="the same: memory of the organisation (RSS)",
            reached=f"{load.rss_mib:.0f} MiB",
            to_reach="<= 1024 MiB",
            met=load.rss_mib <= 1024,
        ),
    ]


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main()))
