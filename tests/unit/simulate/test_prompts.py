# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from evict.simulate.population import population
from evict.simulate.prompts import queue

NUMBERS = population({"people": 1, "max_concurrent_api": 2, "directory_takes_s": 0.1})
"""One server: 20 sign-ins a second, 1200 a minute, 900 wait for 45 s."""


def minutes(*counts: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.array(counts, np.float64)


def test_nobody_is_asked_while_the_slots_suffice() -> None:
    found = queue(minutes(1200, 1200, 0), NUMBERS)
    assert found.prompts == 0
    assert found.busiest_share == 1
    assert found.full_at_s == pytest.approx(0.1)


def test_those_who_would_wait_longer_than_the_time_out_are_asked() -> None:
    assert queue(minutes(2100, 0), NUMBERS).prompts == 0
    assert queue(minutes(2200, 0), NUMBERS).prompts == pytest.approx(100)


def test_who_waits_is_there_in_the_next_minute_and_who_was_asked_is_not() -> None:
    assert queue(minutes(2200, 1200, 1300), NUMBERS).prompts == pytest.approx(200)


def test_twice_the_servers_take_twice_as_many() -> None:
    two = population({"people": 2, "people_per_server": 1, "directory_takes_s": 0.1})
    assert queue(minutes(4400, 0), two).prompts == pytest.approx(200)


def test_where_nobody_signs_in_nothing_is_ever_full() -> None:
    found = queue(minutes(0, 0), NUMBERS)
    assert (found.prompts, found.busiest_share, found.full_at_s) == (0, 0, None)
