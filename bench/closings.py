# SPDX-License-Identifier: Apache-2.0
"""Measures whole closings on the real estate: `python -m bench.closings [--closings N]`.

As root. Each closing is the command `evict revoke NAME --witness --json` as a person types it, on
an account of its own, against four connections that log in without pause and one live session on
every protocol. The instants are those at which the leaver's own clients had their answers, counted
from the commit in the report. The next leaver's sessions are opened while the last one's verdict
is awaited; his logins begin when the other's have ended.
"""

from __future__ import annotations

import argparse
import json
import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import msgspec
from msgspec import Struct

from bench.estate_rig import BYSTANDERS, IP, fresh_estate, survivors, wait_for_storm
from bench.sheet import Row, finish, machine, spread, versions
from estate import people
from estate.clients.holder import Held, Holder
from estate.clients.leaver import LeaverClients
from estate.commands import EstateError, run
from estate.layout import Layout
from estate.people import Person
from estate.product import Product, running

HELD = 200
SHUT_S = 15.0


class Closing(Struct, frozen=True, kw_only=True):
    """One leaver.

    Attributes:
        command_s: from the start of the command to its end.
        proven_ms: from the commit to the last sighting a verdict rests on.
        last_success_ms: door -> the leaver's own last success, from the commit on; negative where
            it was before.
        survivors: doors that still worked when the command had ended.
        listed: sessions that Dovecot's own list showed then.
        logins: successful ones of the storm, before and after the commit.
    """

    account: str
    exit_code: int
    verdict: str
    command_s: float
    proven_ms: float
    last_success_ms: dict[str, float]
    survivors: tuple[str, ...]
    listed: int
    logins: int

    @property
    def last_ms(self) -> float:
        return max(self.last_success_ms.values())


class Closer:
    """Closes one account after the other; the command and all waiting run beside the storm."""

    def __init__(self, layout: Layout, product: Product, pool: ThreadPoolExecutor) -> None:
        self._layout = layout
        self._product = product
        self._pool = pool

    def close_all(self, leavers: list[Person]) -> list[Closing]:
        closings: list[Closing] = []
        ending: list[Future[None]] = []
        coming = self._prepare(leavers[0])
        for number, leaver in enumerate(leavers, 1):
            clients = coming.result().start()
            wait_for_storm(clients)
            commanded = self._pool.submit(self._command, leaver)
            clients.wait_shut(SHUT_S)
            if number < len(leavers):
                coming = self._prepare(leavers[number])
            done, seconds = commanded.result()
            closings.append(self._closing(leaver, clients, done, seconds))
            ending.append(self._pool.submit(clients.stop))
            print(_line(number, closings[-1]), flush=True)
        for each in ending:
            each.result()
        return closings

    def _prepare(self, leaver: Person) -> Future[LeaverClients]:
        return self._pool.submit(LeaverClients, self._layout, leaver)

    def _command(self, leaver: Person) -> tuple[CompletedProcess[str], float]:
        begun = time.monotonic()
        done = self._product.run(
            "revoke", leaver.upn, "--witness", "--json", "--reason", "benchmark"
        )
        return done, time.monotonic() - begun

    def _closing(
        self, leaver: Person, clients: LeaverClients, done: CompletedProcess[str], seconds: float
    ) -> Closing:
        accounts = json.loads(done.stdout or "{}").get("accounts")
        if not accounts:
            raise EstateError(f"evict revoke ended with code {done.returncode}: {done.stderr}")
        report = accounts[0]
        commit_ns = round(datetime.fromisoformat(report["commit_at"]).timestamp() * 1e6) * 1000
        return Closing(
            account=leaver.name,
            exit_code=done.returncode,
            verdict=report["verdict"],
            command_s=round(seconds, 3),
            proven_ms=report["proven_ms"],
            last_success_ms={
                t.door: round((t.last_success_ns - commit_ns) / 1e6, 3)
                for t in clients.tracks
                if t.last_success_ns is not None
            },
            survivors=survivors(clients),
            listed=self._listed(leaver),
            logins=sum(t.successes for t in clients.tracks if " new " in t.door),
        )

    def _listed(self, leaver: Person) -> int:
        """Lines of `doveadm who` below its heading."""
        said = run("doveadm", "-c", self._layout.dovecot_conf, "who", "-1", leaver.name)
        return sum(line.startswith(leaver.name) for line in said.splitlines())


def _line(number: int, one: Closing) -> str:
    door = max(one.last_success_ms, key=lambda name: one.last_success_ms[name])
    return (
        f"{number:4} {one.account:16} {one.verdict:12} last success {one.last_ms:7.1f} ms ({door}),"
        f" proven after {one.proven_ms:6.0f} ms, command {one.command_s:.2f} s,"
        f" survivors {len(one.survivors)}, {one.logins} logins"
    )


def table(closings: list[Closing], held: Held) -> list[Row]:
    """The first rows stand in the order of the targets."""
    count = len(closings)
    last = spread([c.last_ms for c in closings])
    command = spread([c.command_s for c in closings])
    proven = spread([c.proven_ms / 1000 for c in closings])
    alive = sum(bool(c.survivors) or c.listed > 0 for c in closings)
    shut = sum(c.exit_code == 0 for c in closings)
    return [
        Row(
            what=f"commit to last success on any door, {count} closings",
            reached="p50 {p50:.1f}, p99 {p99:.1f}, worst {worst:.1f} ms".format(**last),
            to_reach="p50 <= 80, worst <= 500 ms",
            met=last["p50"] <= 80 and last["worst"] <= 500,
        ),
        *survivors_and_bystanders(alive, count, held),
        Row(
            what="the command, start to proven, under the storm",
            reached="p50 {p50:.2f}, p99 {p99:.2f}, worst {worst:.2f} s".format(**command),
            to_reach="<= 4 s",
            met=command["p99"] <= 4,
        ),
        Row(
            what="of which commit to the last sighting",
            reached="p50 {p50:.2f}, p99 {p99:.2f}, worst {worst:.2f} s".format(**proven),
        ),
        Row(
            what="closings proven shut (exit code 0)",
            reached=f"{shut} of {count}",
            to_reach="all",
            met=shut == count,
        ),
        *_by_door(closings),
    ]


def survivors_and_bystanders(alive: int, count: int, held: Held) -> list[Row]:
    """What must not have been left, and must not have been disturbed."""
    return [
        Row(
            what="closings with a survivor",
            reached=f"{alive} of {count}",
            to_reach="0",
            met=alive == 0,
        ),
        Row(
            what="sessions of bystanders dropped meanwhile",
            reached=f"{held.dropped} of {held.held}",
            to_reach="0 of 200",
            met=held.dropped == 0 and held.held >= HELD,
        ),
    ]


def _by_door(closings: list[Closing]) -> list[Row]:
    doors = list(closings[0].last_success_ms)
    rows = []
    for door in doors:
        of_door = spread([c.last_success_ms[door] for c in closings if door in c.last_success_ms])
        said = "p50 {p50:.1f}, p99 {p99:.1f}, worst {worst:.1f} ms".format(**of_door)
        rows.append(Row(what=f"  last success: {door}", reached=said))
    return rows


def measure(layout: Layout, count: int) -> tuple[list[Closing], Held]:
    stamp = f"{int(time.time()):x}"[-5:]
    bystanders = [people.person(name) for name in BYSTANDERS]
    with fresh_estate(layout), running(layout) as product, ThreadPoolExecutor(8) as pool:
        leavers = people.create_many(layout, [f"l{stamp}-{n:03}" for n in range(count)])
        with Holder(layout, bystanders, HELD) as holder:
            closings = Closer(layout, product, pool).close_all(leavers)
            return closings, holder.check()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--closings", type=int, default=200)
    parser.add_argument("--ip", default=IP, help="address of the estate")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    options = parser.parse_args()
    facts: dict[str, Any] = {**machine(), **versions()}
    try:
        closings, held = measure(Layout.at(options.ip), options.closings)
    except EstateError as error:
        print(f"closings: {error}")
        return 1
    rows = table(closings, held)
    result = msgspec.to_builtins({"closings": closings, "held": held, "rows": rows})
    return finish("closings on the real estate", facts, rows, result, options.json)


if __name__ == "__main__":
    raise SystemExit(main())
