# SPDX-License-Identifier: Apache-2.0
"""All lifetimes from one row of gaps, against a cache that is told request by request."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from evict.simulate import tokens
from evict.simulate.tokens import DAY, MINUTES, TICKS, Ints

PEOPLE = 4
TIMES = st.one_of(
    st.integers(0, 3000).map(lambda s: s * TICKS),
    st.integers(0, 40 * TICKS),
    st.integers(0, DAY - 1),
)
ROWS = st.lists(st.tuples(st.integers(0, PEOPLE - 1), TIMES), max_size=60)
LIFETIMES = st.lists(st.integers(0, 5000), min_size=1, max_size=6, unique=True).map(sorted)


def packed(rows: list[tuple[int, int]]) -> Ints:
    who, when = np.array(rows or [(0, 0)], np.int64).T
    return tokens.pack(who, when)[: len(rows)]


def told(row: Ints, lifetime: int, *, days: int) -> list[int]:
    """Minutes of the last day's sign-ins, of as many days that are alike."""
    used: dict[int, int] = {}
    minutes = []
    order = sorted((int(tokens.when(r)), int(tokens.whose(r))) for r in row)
    for day in range(days):
        for at, who in order:
            now = at + day * DAY
            if who not in used or now - used[who] >= lifetime * TICKS:
                minutes += [at // (60 * TICKS)] * (day == days - 1)
            used[who] = now
    return sorted(minutes)


@given(ROWS, LIFETIMES)
def test_sign_ins_are_those_of_a_cache_told_one_by_one(
    rows: list[tuple[int, int]], lifetimes: list[int]
) -> None:
    row = packed(rows)
    for ring in (False, True):
        counted = tokens.sign_ins_by_minute(
            row, tokens.gaps(row, ring=ring), tokens.ticks(lifetimes)
        )
        assert counted.shape == (len(lifetimes), MINUTES)
        for seen, lifetime in zip(counted, lifetimes, strict=True):
            minutes = told(row, lifetime, days=2 if ring else 1)
            assert np.repeat(np.arange(MINUTES), seen).tolist() == minutes


@given(ROWS, LIFETIMES, st.lists(TIMES, min_size=PEOPLE, max_size=PEOPLE))
def test_last_successes_are_those_of_a_cache_told_one_by_one(
    rows: list[tuple[int, int]], lifetimes: list[int], disabled: list[int]
) -> None:
    row = packed(rows)
    since = np.array(disabled, np.int64)
    found, who = tokens.last_successes(
        row, tokens.gaps(row, ring=False), since[tokens.whose(row)], tokens.ticks(lifetimes)
    )
    for seen, lifetime in zip(found, lifetimes, strict=True):
        out = dict.fromkeys(range(PEOPLE), 0) | dict(zip(who.tolist(), seen.tolist(), strict=True))
        assert out == last(row, lifetime * TICKS, disabled)


def last(row: Ints, lifetime: int, disabled: list[int]) -> dict[int, int]:
    used: dict[int, int] = {}
    out = dict.fromkeys(range(PEOPLE), 0)
    for at, who in sorted((int(tokens.when(r)), int(tokens.whose(r))) for r in row):
        lives = who in used and at - used[who] < lifetime
        if at < disabled[who]:
            used[who] = at
        elif lives:
            used[who] = at
            out[who] = at - disabled[who]
    return out


@given(ROWS)
def test_a_rings_gaps_add_up_to_a_day_for_each_holder(rows: list[tuple[int, int]]) -> None:
    row = packed(rows)
    gap = tokens.gaps(row, ring=True)
    holders = set(tokens.whose(row).tolist())
    assert all(gap[tokens.whose(row) == h].sum() == DAY for h in holders)
    assert (gap >= 0).all()
