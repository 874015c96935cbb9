# SPDX-License-Identifier: Apache-2.0
"""What each recipe shuts on the real servers: `python -m bench.recipes [--runs N]`. As root.

Every run is a leaver with an account of his own who uses every door. The order is the instant
before the first step; a door's exposure is order -> the leaver's own last success. 60 s after the
last step each door is tried once more: a door that works then is still open, and has no exposure.
Leavers of one recipe get their orders one after the other and are watched at the same time; the
recipes follow each other, so that all of them take about a quarter of an hour.

Around each order the doors are tried without pause, one second from the last step on less often:
sessions every 0.25 s, logins every 2 s, binds and mails every 5 s (`recipes_clients`).

Evict's agent answers the hooks throughout. It says yes to everybody who is not on its ledger, and
only the recipe `evict` puts somebody there, so the other recipes meet ordinary servers.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final

from msgspec import Struct, to_builtins

from bench.estate_rig import BYSTANDERS, IP, fresh_estate
from bench.recipes_clients import WATCH, Found, WatchedClients
from bench.recipes_directory import note_sign_ins, sign_ins
from bench.recipes_steps import EVICT, RECIPES, Room
from bench.sheet import Row, finish, machine, spread, versions
from estate import mailbox, people
from estate.clients.holder import Holder
from estate.commands import EstateError
from estate.layout import Layout
from estate.people import Person
from estate.product import running

HELD: Final = 60
BEFORE_S: Final = 0.5
"""The doors are used so long before the order."""
AFTER_S: Final = 1.0
"""From the last step on the clients go on without pause so long."""


class Door(Struct, frozen=True, kw_only=True):
    """`exposure_ms`: order -> last success; 0 where that was before; None where it is open."""

    door: str
    exposure_ms: float | None


class Run(Struct, frozen=True, kw_only=True):
    """One leaver. `steps_ms`: from the order to the end of the last step."""

    account: str
    steps_ms: float
    said: tuple[str, ...]
    doors: tuple[Door, ...]


class Outcome(Struct, frozen=True, kw_only=True):
    """One recipe.

    Attributes:
        held, dropped: sessions of bystanders.
        sign_ins: at the directory, from the first order to the end of the last watch.
        watched_s: that time.
    """

    recipe: str
    runs: tuple[Run, ...]
    held: int
    dropped: int
    sign_ins: dict[str, int]
    watched_s: float

    @property
    def doors(self) -> tuple[str, ...]:
        return tuple(door.door for door in self.runs[0].doors)

    def exposures(self, door: str) -> list[float | None]:
        return [each.exposure_ms for run in self.runs for each in run.doors if each.door == door]


class Kitchen:
    """Carries recipes out, one after the other, on one estate."""

    def __init__(self, room: Room, runs: int, watch_s: float) -> None:
        self._room = room
        self._runs = runs
        self._watch_s = watch_s
        self._stamp = f"{int(time.time()):x}"[-5:]
        self._bystanders = [people.person(name) for name in BYSTANDERS]

    def carry_out(self, recipe: str) -> Outcome:
        number = list(RECIPES).index(recipe)
        names = [f"r{self._stamp}-{number}{n:02}" for n in range(self._runs)]
        made = people.create_many(self._room.layout, [*names, *(f"{name}-c" for name in names)])
        with (
            Holder(self._room.layout, self._bystanders, HELD) as holder,
            ThreadPoolExecutor(self._runs) as pool,
        ):
            leavers = zip(made[: self._runs], made[self._runs :], strict=True)
            clients = [each.result() for each in [pool.submit(self._meet, *p) for p in leavers]]
            begin_ns = time.time_ns()
            watched: list[Future[Run]] = []
            try:
                watched += [self._order(recipe, each, pool) for each in clients]
                runs = tuple(each.result() for each in watched)
            finally:
                for each in clients:
                    each.stop()
            end_ns = time.time_ns()
            held = holder.check()
        return Outcome(
            recipe=recipe,
            runs=runs,
            held=held.held,
            dropped=held.dropped,
            sign_ins=dict(sign_ins(self._room.layout, begin_ns, end_ns, set(names))),
            watched_s=round((end_ns - begin_ns) / 1e9, 1),
        )

    def _meet(self, leaver: Person, colleague: Person) -> WatchedClients:
        layout = self._room.layout
        mailbox.redirect(layout, leaver, colleague, str(layout.leaver_network[2]))
        return WatchedClients(layout, leaver, colleague)

    def _order(self, recipe: str, clients: WatchedClients, pool: ThreadPoolExecutor) -> Future[Run]:
        """Take the steps; the rest of the watch goes on beside the next leaver's."""
        clients.start()
        clients.wait_warm()
        time.sleep(BEFORE_S)
        order_ns = time.time_ns()
        said = [step(self._room, clients.leaver) for step in RECIPES[recipe]]
        stepped_ns = time.time_ns()
        time.sleep(min(AFTER_S, self._watch_s))
        clients.pace = WATCH
        return pool.submit(self._watch, clients, order_ns, stepped_ns, said)

    def _watch(
        self, clients: WatchedClients, order_ns: int, stepped_ns: int, said: Sequence[str]
    ) -> Run:
        time.sleep(max(0.0, self._watch_s - (time.time_ns() - stepped_ns) / 1e9))
        return Run(
            account=clients.leaver.name,
            steps_ms=round((stepped_ns - order_ns) / 1e6, 3),
            said=tuple(filter(None, said)),
            doors=tuple(map(partial(_door, order_ns), clients.finish())),
        )


def _door(order_ns: int, found: Found) -> Door:
    after_ms = round(max(0, found.last_success_ns - order_ns) / 1e6, 3)
    return Door(door=found.door, exposure_ms=None if found.open else after_ms)


def measure(
    layout: Layout, recipes: Sequence[str], runs: int, watch_s: float
) -> tuple[Outcome, ...]:
    outcomes = []
    with fresh_estate(layout), running(layout) as product:
        note_sign_ins(layout)
        kitchen = Kitchen(Room(layout, product), runs, watch_s)
        for recipe in dict.fromkeys(recipes):
            outcomes.append(kitchen.carry_out(recipe))
            print(_line(outcomes[-1]), flush=True)
    return tuple(outcomes)


def _line(one: Outcome) -> str:
    still = [door for door in one.doors if None in one.exposures(door)]
    return f"{one.recipe:20} {one.watched_s:6.1f} s, doors still open: {', '.join(still) or 'none'}"


def table(outcomes: Sequence[Outcome], watch_s: float) -> list[Row]:
    """The targets are the product's own."""
    return [row for one in outcomes for row in _rows(one, watch_s)]


def _rows(one: Outcome, watch_s: float) -> list[Row]:
    ours = one.recipe == EVICT
    said = sorted({text for run in one.runs for text in run.said})
    counted = ", ".join(f"{who} {count}" for who, count in sorted(one.sign_ins.items()))
    return [
        Row(
            what=f"{one.recipe}: the administrator's steps, {len(one.runs)} runs",
            reached=_times([run.steps_ms for run in one.runs]) + "".join(f"; {t}" for t in said),
        ),
        Row(
            what="  sessions of bystanders dropped",
            reached=f"{one.dropped} of {one.held}",
            to_reach="0" if ours else "",
            met=one.dropped == 0 if ours else None,
        ),
        Row(
            what=f"  sign-ins at the directory in {one.watched_s:.0f} s",
            reached=counted or "not measured: Samba noted none",
        ),
        *(_door_row(one, door, watch_s, ours=ours) for door in one.doors),
    ]


def _door_row(one: Outcome, door: str, watch_s: float, *, ours: bool) -> Row:
    shut = [ms for ms in one.exposures(door) if ms is not None]
    still = len(one.runs) - len(shut)
    reached = f"{still} of {len(one.runs)} still open after {watch_s:g} s"
    return Row(
        what=f"  {door}",
        reached=reached + (f"; shut: {_times(shut)}" if shut else ""),
        to_reach="0 open" if ours else "",
        met=still == 0 if ours else None,
    )


def _times(values: Sequence[float]) -> str:
    """The p95 by nearest rank, which of fewer than 20 values is the worst."""
    ordered = sorted(values)
    p95 = ordered[-(len(ordered) // 20) - 1]
    of = spread(ordered)
    return f"p50 {of['p50']:.0f}, p95 {p95:.0f}, max {of['worst']:.0f} ms"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10, help="of each recipe, 1 to 99")
    parser.add_argument("--watch", type=float, default=60.0, help="seconds from the last step on")
    parser.add_argument("--recipe", nargs="+", choices=RECIPES, default=[*RECIPES])
    parser.add_argument("--quick", action="store_true", help="2 runs of each, watched for 5 s")
    parser.add_argument("--ip", default=IP, help="address of the estate")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    options = parser.parse_args()
    if options.quick:
        options.runs, options.watch = 2, 5.0
    if not 1 <= options.runs <= 99 or options.watch <= 0:
        parser.error("--runs is 1 to 99, --watch more than 0")
    return options


def main() -> int:
    options = _options()
    facts: dict[str, Any] = {**machine(), **versions()}
    try:
        outcomes = measure(Layout.at(options.ip), options.recipe, options.runs, options.watch)
    except EstateError as error:
        print(f"recipes: {error}")
        return 1
    rows = table(outcomes, options.watch)
    result = to_builtins({"watch_s": options.watch, "outcomes": outcomes, "rows": rows})
    return finish("recipes on the real estate", facts, rows, result, options.json)


if __name__ == "__main__":
    raise SystemExit(main())
