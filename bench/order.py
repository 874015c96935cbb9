# SPDX-License-Identifier: Apache-2.0
"""Which order of measures leaves a survivor: `python -m bench.order [--rounds N]`. As root.

Kick then flush, flush then kick, each once; and the agent's own loop, which flushes, kicks and
looks until nothing is left. Before them one of two gates is shut: the account is disabled in the
directory, which Dovecot's authentication cache does not notice before the flush; or the hooks
refuse it. A round has a survivor when a session of the leaver's still works two seconds later. The
hooks are answered by a stand-in, so that nothing else cuts.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable
from itertools import product
from pathlib import Path
from typing import Any, Final

from msgspec import Struct, to_builtins

from bench.estate_rig import IP, fresh_estate, survivors, wait_for_storm
from bench.sheet import Row, finish, machine, spread, versions
from estate import layout as at
from estate import people
from estate.clients.leaver import LeaverClients
from estate.clients.sessions import PROTOCOLS
from estate.commands import EstateError
from estate.layout import Layout
from estate.people import Person
from estate.standin import StandIn
from evict.core.secret import Secret
from evict.systems.dovecot.cutter import Cutter
from evict.systems.dovecot.doveadm import Doveadm, flush, kick

DOVECOTS: Final = tuple(name for name in PROTOCOLS if not name.startswith("submission"))
"""Postfix's sessions end at their next question, whatever the order."""
SETTLE_S: Final = 2.0

Cut = Callable[[Doveadm, str], Awaitable[None]]


class Round(Struct, frozen=True, kw_only=True):
    """One leaver; `last_success_ms` from the instant at which the gate was shut."""

    gate: str
    order: str
    survivors: tuple[str, ...]
    last_success_ms: float


async def kick_then_flush(doveadm: Doveadm, name: str) -> None:
    await doveadm.run([kick(name)])
    await doveadm.run([flush((name,))])


async def flush_then_kick(doveadm: Doveadm, name: str) -> None:
    await doveadm.run([flush((name,))])
    await doveadm.run([kick(name)])


async def the_loop(doveadm: Doveadm, name: str) -> None:
    """The product's cutter, until it says that all is quiet."""
    quiet = asyncio.Event()

    def report(seq: int, step: str, **_: object) -> None:  # noqa: ARG001 - one leaver, one entry
        if step == "quiet":
            quiet.set()

    cutter = Cutter(doveadm, spell=lambda login: (login.lower(),), report=report)
    running = asyncio.create_task(cutter.run())
    cutter.cut(name, 1, (name,))
    await quiet.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


ORDERS: Final[dict[str, Cut]] = {
    "kick, then flush": kick_then_flush,
    "flush, then kick": flush_then_kick,
    "the cutter's loop": the_loop,
}


def by_directory(layout: Layout, hooks: StandIn, leaver: Person) -> None:  # noqa: ARG001 - a gate
    people.disable(layout, leaver)


def by_hook(layout: Layout, hooks: StandIn, leaver: Person) -> None:  # noqa: ARG001 - a gate
    hooks.closed.add(leaver.name)


GATES: Final[dict[str, Callable[[Layout, StandIn, Person], None]]] = {
    "disabled": by_directory,
    "hooks refuse": by_hook,
}


async def cut_with(cut: Cut, layout: Layout, name: str) -> None:
    url = f"http://{layout.ip}:{at.DOVEADM}/doveadm/v1"
    doveadm = Doveadm(url, Secret(at.DOVEADM_KEY), system="dovecot")
    try:
        await cut(doveadm, name)
    finally:
        await doveadm.close()


def one_round(layout: Layout, hooks: StandIn, gate: str, order: str, leaver: Person) -> Round:
    with LeaverClients(layout, leaver, protocols=DOVECOTS) as clients:
        wait_for_storm(clients)
        GATES[gate](layout, hooks, leaver)
        shut_ns = time.time_ns()
        asyncio.run(cut_with(ORDERS[order], layout, leaver.name))
        time.sleep(SETTLE_S)
        last = max(t.last_success_ns for t in clients.tracks if t.last_success_ns is not None)
        alive = survivors(clients)
    after_ms = round((last - shut_ns) / 1e6, 3)
    return Round(gate=gate, order=order, survivors=alive, last_success_ms=after_ms)


def measure(layout: Layout, rounds: int) -> list[Round]:
    """All take turns, so that what else the machine does falls on each of them."""
    stamp = f"{int(time.time()):x}"[-5:]
    kinds = [*product(GATES, ORDERS)] * rounds
    done = []
    with fresh_estate(layout), StandIn(layout) as hooks:
        leavers = people.create_many(layout, [f"o{stamp}-{n:03}" for n in range(len(kinds))])
        for (gate, order), leaver in zip(kinds, leavers, strict=True):
            done.append(one_round(layout, hooks, gate, order, leaver))
            said = ", ".join(done[-1].survivors) or "none"
            print(f"{len(done):4} {gate:14} {order:20} survivors: {said}", flush=True)
    return done


def table(done: list[Round]) -> list[Row]:
    return [
        _row(gate, order, [r for r in done if (r.gate, r.order) == (gate, order)])
        for gate, order in product(GATES, ORDERS)
    ]


def _row(gate: str, order: str, rounds: list[Round]) -> Row:
    """The target is the product's own: its loop behind its hooks."""
    alive = sum(bool(r.survivors) for r in rounds)
    last = spread([r.last_success_ms for r in rounds])
    said = f"{alive} of {len(rounds)}"
    ours = GATES[gate] is by_hook and ORDERS[order] is the_loop
    if ORDERS[order] is the_loop:
        said += ", last success p50 {p50:.0f}, worst {worst:.0f} ms".format(**last)
    return Row(
        what=f"rounds with a survivor: {gate}; {order}",
        reached=said,
        to_reach="0" if ours else "",
        met=alive == 0 if ours else None,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="of each gate and order")
    parser.add_argument("--ip", default=IP, help="address of the estate")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    options = parser.parse_args()
    facts: dict[str, Any] = {**machine(), **versions()}
    try:
        done = measure(Layout.at(options.ip), options.rounds)
    except EstateError as error:
        print(f"order: {error}")
        return 1
    result = to_builtins(done)
    return finish("order of measures, real Dovecot", facts, table(done), result, options.json)


if __name__ == "__main__":
    raise SystemExit(main())
