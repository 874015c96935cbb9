# SPDX-License-Identifier: Apache-2.0
"""The whole company: parts of it drawn one by one, each from a seed of its own, and added up.

Parts are added as whole numbers, so the outcome depends on the seed alone, not on how many threads
work. numpy leaves the interpreter's lock while it draws, sorts and counts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import Final, TypeVar

import numpy as np
from numpy.random import Generator, SeedSequence, default_rng
from numpy.typing import NDArray

from evict.core.errors import UsageError
from evict.simulate import clients, day, leaver, tokens
from evict.simulate.outcome import Always, EvictPoint, Outcome, Point, exposure
from evict.simulate.population import DAY_S, Population
from evict.simulate.prompts import queue

DEFAULT_LIFETIMES_S: Final = (0, 15, 45, 90, 180, 300, 450, 600, 900, 1200, 1800, 3600)
"""None is 60: pages ask each 60 s, and a hair's breadth would decide."""
DEFAULT_TTL_S: Final = 900.0
"""UserTokenTTL's own default (KB 267568)."""
MOST_LIFETIMES: Final = 200
MOST_LEAVERS: Final = 100_000
MOST_THREADS: Final = 64
_PEOPLE_AT_ONCE: Final = 8192
_LEAVERS_AT_ONCE: Final = 1000
_REQUESTS_AT_ONCE: Final = 4_000_000
"""Of one part: bounds memory where people ask very often."""
_UNSEEN: Final = ("IMAP", "POP3", "SMTP", "a connection that NTLM or Kerberos signed in")
T = TypeVar("T")


def simulate(
    numbers: Population,
    lifetimes_s: Sequence[float] = DEFAULT_LIFETIMES_S,
    *,
    seed: int = 1,
    leavers: int = 10_000,
    threads: int = 2,
) -> Outcome:
    """A day of the company and as many leavers as asked for, at each lifetime.

    Raises:
        UsageError: the request makes no sense; the text says what.
    """
    wanted = _checked(lifetimes_s, seed, leavers, threads)
    lifetimes = np.unique(tokens.ticks([*wanted, DEFAULT_TTL_S]))
    of_days, of_leavers, of_others = SeedSequence(seed).spawn(3)
    sign_ins = np.zeros((len(day.CLIENTS), len(lifetimes), tokens.MINUTES), np.int64)
    requests = forms = 0
    one_day = partial(_one_day, numbers, lifetimes)
    people = _at_once(_PEOPLE_AT_ONCE, clients.requests_a_day(numbers))
    gone = _at_once(_LEAVERS_AT_ONCE, clients.requests_a_day(numbers) * leaver.DAYS)
    with ThreadPoolExecutor(threads) as pool:
        for load in _in_turn(pool, one_day, of_days, numbers.people, people, threads):
            sign_ins += load.sign_ins
            requests += int(load.requests.sum())
            forms += load.forms
        leave = partial(_leave, numbers, lifetimes)
        parts = list(_in_turn(pool, leave, of_leavers, leavers, gone, threads))
    exposures = leaver.Exposures(
        ticks=np.concatenate([p.ticks for p in parts], axis=2),
        holds=np.concatenate([p.holds for p in parts], axis=1),
    )
    others = _Others(default_rng(of_others), numbers)
    points = {
        int(lifetime): _point(numbers, int(lifetime), sign_ins[:, n], exposures, n, others)
        for n, lifetime in enumerate(lifetimes)
    }
    usual = points[round(DEFAULT_TTL_S * tokens.TICKS)]
    return Outcome(
        kind="modelled",
        people=numbers.people,
        seed=seed,
        leavers_drawn=leavers,
        points=tuple(points[int(t)] for t in np.unique(tokens.ticks(wanted))),
        always=Always(
            servers=numbers.servers,
            requests_a_day=requests,
            direct_per_s=round(float(others.direct.sum()) / DAY_S, 4),
            integrated_per_s=round(float(others.integrated.sum()) / DAY_S, 4),
            forms_a_day=forms,
            leavers_a_year=round(numbers.people * numbers.leavers_a_year_share, 2),
            affected_share=round(float(exposures.holds.any(axis=0).mean()), 6),
        ),
        evict=EvictPoint(
            lifetime_s=DEFAULT_TTL_S,
            exposure_s=0.0,
            sign_ins_per_s=usual.sign_ins_per_s,
            sign_ins_peak_per_s=usual.sign_ins_peak_per_s,
            added_sign_ins_per_s=0.0,
            prompts_a_day=usual.prompts_a_day,
            unseen=_UNSEEN,
        ),
    )


class _Others:
    """Sign-ins that no token saves, by minute."""

    def __init__(self, dice: Generator, numbers: Population) -> None:
        weights = np.repeat(np.array(numbers.hour_weights) / 60, 60)
        weights = weights / weights.sum()
        direct = numbers.people * numbers.mail_program_share / numbers.mail_program_signs_in_s
        # A program connects at all hours, Outlook while people work.
        self.direct = dice.poisson(direct * 60.0, tokens.MINUTES)
        hours = numbers.computer_on_h * 3600
        outlook = numbers.people * numbers.outlook_share * hours / numbers.outlook_signs_in_s
        self.integrated = dice.poisson(outlook * weights)


def _point(  # noqa: PLR0913, PLR0917 - a point is made of these
    numbers: Population,
    lifetime: int,
    sign_ins: NDArray[np.int64],
    found: leaver.Exposures,
    number: int,
    others: _Others,
) -> Point:
    by_minute = sign_ins.sum(axis=0)
    line = queue((by_minute + others.direct + others.integrated).astype(np.float64), numbers)
    longest = exposure(found.ticks[:, number].max(axis=0)[found.holds.any(axis=0)])
    of_all = float(found.holds.any(axis=0).mean())
    a_year = numbers.people * numbers.leavers_a_year_share * of_all
    return Point(
        lifetime_s=lifetime / tokens.TICKS,
        exposure=longest,
        by_client={
            client: exposure(found.ticks[c, number][found.holds[c]])
            for c, client in enumerate(day.CLIENTS)
        },
        sign_ins_per_s=round(float(by_minute.sum()) / DAY_S, 4),
        sign_ins_peak_per_s=round(float(by_minute.max()) / 60, 4),
        sign_ins_by_client_per_s={
            client: round(float(sign_ins[c].sum()) / DAY_S, 4)
            for c, client in enumerate(day.CLIENTS)
        },
        prompts_a_day=round(line.prompts, 1),
        busiest_share=round(line.busiest_share, 4),
        prompts_begin_at_s=None if line.full_at_s is None else round(line.full_at_s, 4),
        open_hours_a_year=round(a_year * longest.mean_s / 3600, 2),
    )


def _one_day(
    numbers: Population, lifetimes: tokens.Ints, seed: SeedSequence, people: int
) -> day.Load:
    return day.one_day(default_rng(seed), people, numbers, lifetimes)


def _leave(
    numbers: Population, lifetimes: tokens.Ints, seed: SeedSequence, leavers: int
) -> leaver.Exposures:
    return leaver.exposures(default_rng(seed), leavers, numbers, lifetimes)


def _in_turn(  # noqa: PLR0913, PLR0917 - what, of whom, how
    pool: ThreadPoolExecutor,
    work: Callable[[SeedSequence, int], T],
    seed: SeedSequence,
    people: int,
    at_once: int,
    threads: int,
) -> Iterator[T]:
    """Parts of the people in order; few wait at a time, so memory does not grow with people."""
    parts = iter(
        (SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, n)), min(at_once, people - done))
        for n, done in enumerate(range(0, people, at_once))
    )
    waiting = [pool.submit(work, *part) for part in islice(parts, 2 * threads)]
    while waiting:
        yield waiting.pop(0).result()
        waiting += [pool.submit(work, *part) for part in islice(parts, 1)]


def _at_once(most: int, requests: float) -> int:
    """As many people, each with so many requests, as go into one part."""
    return max(1, min(most, int(_REQUESTS_AT_ONCE / max(requests, 1.0))))


def _checked(
    lifetimes_s: Sequence[float], seed: int, leavers: int, threads: int
) -> Sequence[float]:
    if not lifetimes_s:
        raise UsageError("no token lifetime: name one at least, in seconds")
    if len(lifetimes_s) > MOST_LIFETIMES:
        raise UsageError(f"{len(lifetimes_s)} token lifetimes: {MOST_LIFETIMES} at most")
    for lifetime in lifetimes_s:
        if not math.isfinite(lifetime) or not 0 <= lifetime <= DAY_S:
            raise UsageError(f"token lifetime {lifetime:g} s: expected 0 to {DAY_S:.0f} (a day)")
    for what, value, low, high in (
        ("seed", seed, 0, 2**63 - 1),
        ("leavers", leavers, 1, MOST_LEAVERS),
        ("threads", threads, 1, MOST_THREADS),
    ):
        if not low <= value <= high:
            raise UsageError(f"{what} {value}: expected {low} to {high}")
    return lifetimes_s
