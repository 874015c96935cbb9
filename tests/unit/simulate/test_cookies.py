# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
from numpy.random import default_rng

from evict.simulate import tokens
from evict.simulate.cookies import cookies, signed_in
from evict.simulate.tokens import DAY, SHIFT, TICKS


def by_hand(acts: list[int], setting: float, factor: float) -> tuple[list[bool], list[float]]:
    forms, ends, end = [], [], -1.0
    for at in acts:
        forms.append(at >= end)
        if at >= end or end - at <= setting * TICKS:
            end = at + setting * factor * TICKS
        ends.append(end)
    return forms, ends


def test_cookies_are_those_that_each_person_would_have_alone() -> None:
    dice = default_rng(1)
    who = dice.integers(0, 30, 900)
    acts = tokens.pack(who, dice.integers(0, DAY, 900))
    made = cookies(acts, 1000, 1.5)
    for person in range(30):
        mine = tokens.whose(acts) == person
        forms, ends = by_hand(tokens.when(acts[mine]).tolist(), 1000, 1.5)
        assert made.forms[mine].tolist() == forms
        assert tokens.when(made.ends[mine]).tolist() == ends


def test_a_page_is_signed_in_from_an_act_to_its_cookies_end() -> None:
    acts = np.array([100, (1 << SHIFT) + 50])
    made = cookies(acts, 1, 1.5)
    lives = int(1.5 * TICKS)
    asked = np.array([50, 100, 100 + lives - 1, 100 + lives, (1 << SHIFT) + 49, (1 << SHIFT) + 51])
    assert signed_in(asked, acts, made).tolist() == [False, True, True, False, False, True]


def test_of_nobody_there_is_none() -> None:
    none = np.empty(0, np.int64)
    made = cookies(none, 900, 1.5)
    assert not len(made.ends)
    assert signed_in(np.array([5]), none, made).tolist() == [False]
