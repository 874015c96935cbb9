# SPDX-License-Identifier: Apache-2.0
"""Samples of exposure, drawn by the simulation, by hand and by the organisation."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
from numpy.random import default_rng

from evict.lab.model.words import Pool
from evict.simulate import leaver, tokens
from evict.simulate.outcome import WATCHED_S
from evict.simulate.population import Population
from evict.simulate.theory import Floats
from evict.simulate.tokens import DAY, SHIFT, TICKS
from tests.unit.simulate.driven import Company
from tests.unit.simulate.made import company, poisson

GAP_S = 600.0
LEAVERS = 20_000


def exposed(ttl_s: float, **changes: Any) -> Floats:
    """Seconds, of people whose requests are a Poisson process with one in `GAP_S`."""
    numbers = poisson(GAP_S, **changes)
    parts = [
        leaver.exposures(default_rng([7, n]), 2000, numbers, tokens.ticks([ttl_s])).ticks[0, 0]
        for n in range(LEAVERS // 2000)
    ]
    out: Floats = np.concatenate(parts) / TICKS
    return out


def farthest(sample: Floats, at: Floats, above: Floats) -> float:
    """Between a sample's distribution and the true one, below what is watched."""
    within = at < WATCHED_S
    shares = 1 - np.searchsorted(np.sort(sample), at[within], side="right") / len(sample)
    return float(np.abs(shares - above[within]).max())


def phone_by_hand(dice: Random, numbers: Population, days: int) -> list[int]:
    """A phone told step by step, with other dice than numpy's: ticks of its requests."""
    mails: list[float] = []
    for day in range(days):
        count = sum(dice.random() < numbers.mails_a_day / 20_000 for _ in range(20_000))
        chosen = dice.choices(range(24), numbers.hour_weights, k=count)
        mails += [day * 86400 + (hour + dice.random()) * 3600 for hour in chosen]
    mails.sort(reverse=True)
    heartbeat = dice.uniform(numbers.heartbeat_shortest_s, numbers.heartbeat_longest_s)
    out, now = [], dice.random() * heartbeat
    while now < days * 86400:
        if mails and mails[-1] <= now:
            out.append(mails.pop())
            now = out[-1] + numbers.sync_takes_s
        else:
            out.append(now)
            now += heartbeat
    return [round(at * TICKS) for at in out]


def phones_of_the_organisation(people: int, ttl_s: float, seed: int) -> Floats:
    """Seconds, a day at most, of phones told by hand and answered by the organisation."""
    numbers, dice = company(phone_share=1.0), Random(seed)
    by_hand = [phone_by_hand(dice, numbers, 4) for _ in range(people)]
    packed = [np.array(row, np.int64) | (n << SHIFT) for n, row in enumerate(by_hand)]
    hours = [dice.uniform(numbers.disable_from_h, numbers.disable_to_h) for _ in range(people)]
    disabled = np.array([round(h * 3600 * TICKS) + DAY for h in hours])
    driven = Company(people, ttl_s)
    driven.basic(np.sort(np.concatenate(packed)), Pool.SYNC, disabled=disabled)
    out: Floats = np.minimum(driven.exposures(disabled), DAY) / TICKS
    return out


def phones_of_the_simulation(people: int, ttl_s: float, seed: int) -> Floats:
    """The same, drawn by the simulation."""
    numbers = company(phone_share=1.0)
    found = leaver.exposures(default_rng(seed), people, numbers, tokens.ticks([ttl_s]))
    out: Floats = np.minimum(found.ticks[1, 0], DAY) / TICKS
    return out
