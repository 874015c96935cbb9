# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evict.control.staying.pace import BETWEEN_LOOKS_S, STEPS_S, Pace
from evict.control.staying.rounds import place_of


def test_the_first_is_at_once_and_the_next_ever_later() -> None:
    pace, now, waits = Pace(quiet_s=900), 100.0, []
    for _ in range(8):
        wait = pace.wait_s(now)
        waits.append(wait)
        now += wait
        pace.looked(now)
        pace.closed(now)
    assert waits == [0.0, 5.0, 15.0, 60.0, 300.0, 900.0, 900.0, 900.0]


def test_a_look_that_found_nothing_delays_the_next_by_a_moment_only() -> None:
    pace = Pace(quiet_s=900)
    pace.looked(100.0)
    assert pace.wait_s(100.0) == BETWEEN_LOOKS_S
    assert pace.wait_s(102.0) == 0.0


def test_after_a_quiet_time_it_begins_anew() -> None:
    pace = Pace(quiet_s=60)
    pace.closed(0.0)
    pace.closed(5.0)
    assert pace.wait_s(10.0) > 0
    assert not pace.quiet(64.0)
    assert pace.quiet(65.0)
    assert pace.wait_s(65.0) == 0.0


@given(st.lists(st.floats(0, 2000), max_size=50), st.integers(1, 3600))
def test_the_wait_is_never_longer_than_the_longest_step(gaps: list[float], quiet_s: int) -> None:
    pace, now = Pace(quiet_s=quiet_s), 0.0
    for gap in gaps:
        now += gap
        assert 0.0 <= pace.wait_s(now) <= max(STEPS_S) + 1e-6
        pace.looked(now)
        pace.closed(now)


def test_places_are_spread_evenly_and_stay() -> None:
    places = [place_of(f"account-{n}") for n in range(10_000)]
    assert all(0.0 <= place < 1.0 for place in places)
    shares = [sum(n / 10 <= p < (n + 1) / 10 for p in places) for n in range(10)]
    assert max(shares) < 1.2 * min(shares)
    assert place_of("account-1") == places[1]
