# SPDX-License-Identifier: Apache-2.0
"""`evict simulate ttl`: how long it takes, how much memory, and how near it is to the truth.

Each run is a process of its own; memory is the most that the kernel saw of it. The truth is
renewal theory's, and the embedded organisation's.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
from msgspec import Struct
from numpy.random import default_rng

from bench.sheet import Row, finish, machine
from evict.lab.model.words import Pool
from evict.simulate import clients, theory, tokens
from evict.simulate.outcome import WATCHED_S
from tests.unit.simulate import samples
from tests.unit.simulate.driven import Company
from tests.unit.simulate.made import company

PEOPLE: Final = 1_000_000
ALPHA: Final = 1e-3
TTLS_S: Final = (300.0, 900.0, 1500.0)


class Run(Struct, frozen=True, kw_only=True):
    """One process."""

    people: int
    threads: int
    wall_s: float
    cpu_s: float
    rss_mib: float
    answer: dict[str, Any]


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.simulate", description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    facts = machine()
    people = PEOPLE // 10 if arguments.quick else PEOPLE
    large = run(people, 2)
    growth = [run(n, 1, leavers=100) for n in (people // 10, people)]
    alone = run(people // 10, 1)
    rows = [*_of_runs(large, growth, alone), *_of_theory(), *_of_organisation(arguments.quick)]
    result = {
        "runs": [
            {f: getattr(r, f) for f in r.__struct_fields__ if f != "answer"}
            for r in (large, *growth, alone)
        ],
        "rows": [{f: getattr(r, f) for f in r.__struct_fields__} for r in rows],
        "modelled": large.answer,
    }
    return finish("Simulation of token lifetimes", facts, rows, result, arguments.json)


def run(people: int, threads: int, leavers: int = 10_000) -> Run:
    """The command as people start it."""
    command = [sys.executable, "-m", "evict", "simulate", "ttl", "--json"]
    command += ["--people", str(people), "--threads", str(threads), "--leavers", str(leavers)]
    with tempfile.TemporaryFile() as out:
        begun = time.monotonic()
        redirect = [
            (os.POSIX_SPAWN_DUP2, out.fileno(), 1),
            (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
        ]
        child = os.posix_spawn(sys.executable, command, os.environ, file_actions=redirect)
        _, status, used = os.wait4(child, 0)
        wall_s = time.monotonic() - begun
        assert os.waitstatus_to_exitcode(status) == 0
        out.seek(0)
        answer = json.load(out)
    return Run(
        people=people,
        threads=threads,
        wall_s=round(wall_s, 2),
        cpu_s=round(used.ru_utime + used.ru_stime, 2),
        rss_mib=round(used.ru_maxrss / 1024, 1),
        answer=answer,
    )


def _of_runs(large: Run, growth: list[Run], alone: Run) -> list[Row]:
    small, big = growth
    again = run(alone.people, 2)
    same = again.answer == alone.answer
    name = f"{large.people:,} people, one day, {len(large.answer['points'])} lifetimes"
    goal = large.people == PEOPLE
    requests = large.answer["always"]["requests_a_day"]
    times = big.cpu_s / small.cpu_s
    return [
        Row(
            what=f"{name}, {requests:,} requests: process, {large.threads} threads",
            reached=f"{large.wall_s} s ({large.cpu_s} s of processors)",
            to_reach="<= 20 s" if goal else "",
            met=large.wall_s <= 20 if goal else None,
        ),
        Row(
            what="the same: most memory (RSS)",
            reached=f"{large.rss_mib} MiB",
            to_reach="<= 2048 MiB",
            met=large.rss_mib <= 2048,
        ),
        Row(
            what=f"from {small.people:,} to {big.people:,} people: processor time, 100 leavers",
            reached=f"{small.cpu_s} -> {big.cpu_s} s, {times:.1f} times",
            to_reach="<= 11 times",
            met=times <= 11,
        ),
        Row(
            what="1 thread and 2 threads give the same numbers",
            reached="yes" if same else "no",
            to_reach="yes",
            met=same,
        ),
    ]


def _of_theory() -> list[Row]:
    rows = []
    bound = theory.bound(samples.LEAVERS, ALPHA)
    rate = 1 / samples.GAP_S
    for ttl_s in TTLS_S:
        sample = samples.exposed(ttl_s)
        until_s = min(60 * theory.mean_life_s(rate, ttl_s), WATCHED_S)
        far = samples.farthest(sample, *theory.exposure_above(rate, ttl_s, until_s))
        off = sample.mean() - theory.mean_exposure_s(rate, ttl_s)
        errors = abs(float(off)) / (float(sample.std()) / math.sqrt(len(sample)))
        rows.append(
            Row(
                what=f"renewal theory, {ttl_s:.0f} s, a request in {samples.GAP_S:.0f} s: exposure",
                reached=f"distance {far:.4f}; mean off by {errors:.1f} errors",
                to_reach=f"<= {bound:.4f} (DKW), <= 4",
                met=far <= bound and errors <= 4,
            )
        )
    return rows


def _of_organisation(quick: bool) -> list[Row]:  # noqa: FBT001 - a flag of the command line
    people = 20 if quick else 200
    rows = clients.phones(default_rng(1), people, company(), 3, ring=False)
    disabled = default_rng(2).integers(tokens.DAY, 2 * tokens.DAY, people)
    differ = 0
    for ttl_s in TTLS_S:
        driven = Company(people, ttl_s)
        driven.basic(rows, Pool.SYNC, disabled=disabled)
        gap, since = tokens.gaps(rows, ring=False), disabled[tokens.whose(rows)]
        found, who = tokens.last_successes(rows, gap, since, tokens.ticks([ttl_s]))
        mine = np.zeros(people, np.int64)
        mine[who] = found[0]
        differ += int(np.count_nonzero(mine != driven.exposures(disabled)))
        driven = Company(people, ttl_s)
        driven.basic(rows, Pool.SYNC)
        differ += int(np.count_nonzero(gap >= ttl_s * tokens.TICKS)) != driven.sign_ins
    one = samples.phones_of_the_organisation(100 if quick else 1000, 1800, seed=11)
    two = samples.phones_of_the_simulation(10_000, 1800, seed=12)
    far, bound = theory.distance(one, two), theory.bound_of_two(len(one), len(two), ALPHA)
    return [
        Row(
            what=f"organisation, same times, {len(rows):,} requests, {len(TTLS_S)} lifetimes",
            reached=f"{differ} sign-in counts or exposures differ",
            to_reach="0",
            met=differ == 0,
        ),
        Row(
            what=f"organisation, its own dice, {len(one)} phones, 1800 s: exposure",
            reached=f"distance {far:.4f}",
            to_reach=f"<= {bound:.4f} (DKW, 1 in 1000)",
            met=far <= bound,
        ),
    ]


if __name__ == "__main__":
    raise SystemExit(main())
