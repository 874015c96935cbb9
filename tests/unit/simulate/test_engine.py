# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.random import default_rng

from evict.core.errors import UsageError
from evict.simulate import clients, day, engine
from evict.simulate.outcome import Outcome, exposure
from evict.simulate.population import population
from evict.simulate.tokens import TICKS
from tests.unit.simulate.made import company

LIFETIMES_S = (0, 60, 300, 900, 3600)


def run(people: int = 3000, **more: Any) -> Outcome:
    return engine.simulate(population({"people": people}), LIFETIMES_S, leavers=3000, **more)


def test_the_same_seed_gives_the_same_numbers_on_any_number_of_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine, "_PEOPLE_AT_ONCE", 500)
    one, three = run(threads=1), run(threads=3)
    assert msgspec.json.encode(one) == msgspec.json.encode(three)
    assert msgspec.json.encode(one) != msgspec.json.encode(run(threads=1, seed=2))


def test_a_longer_lifetime_never_saves_exposure_nor_costs_a_sign_in() -> None:
    points = run().points
    for shorter, longer in pairwise(points):
        assert shorter.exposure.mean_s <= longer.exposure.mean_s
        assert shorter.exposure.p95_s <= longer.exposure.p95_s
        assert shorter.sign_ins_per_s >= longer.sign_ins_per_s
        assert shorter.prompts_a_day >= longer.prompts_a_day


def test_without_a_cache_each_request_signs_in_and_no_leaver_gets_in() -> None:
    found = run()
    none = found.points[0]
    assert none.sign_ins_per_s * 86400 == pytest.approx(found.always.requests_a_day, rel=1e-3)
    assert none.exposure.max_s == 0
    assert none.exposure.none_share == 1
    assert none.open_hours_a_year == 0


def test_lifetimes_are_sorted_and_said_once_and_the_default_need_not_be_among_them() -> None:
    found = engine.simulate(population({"people": 500}), (600, 60, 60), leavers=100)
    assert [p.lifetime_s for p in found.points] == [60, 600]
    assert found.evict.lifetime_s == 900


def test_evicts_point_has_the_defaults_sign_ins_and_adds_none() -> None:
    found = run()
    usual = next(p for p in found.points if p.lifetime_s == 900)
    assert found.evict.sign_ins_per_s == usual.sign_ins_per_s
    assert found.evict.prompts_a_day == usual.prompts_a_day
    assert found.evict.added_sign_ins_per_s == 0
    assert found.evict.exposure_s == 0
    assert "IMAP" in found.evict.unseen


def test_what_people_do_grows_as_people_do() -> None:
    few, many = run(3000), run(30_000)
    assert many.always.requests_a_day / few.always.requests_a_day == pytest.approx(10, rel=0.05)
    assert many.points[3].sign_ins_per_s / few.points[3].sign_ins_per_s == pytest.approx(
        10, rel=0.05
    )
    assert many.points[3].exposure == few.points[3].exposure


def test_clients_that_make_no_token_are_counted_apart() -> None:
    found = engine.simulate(
        company(people=36_000, outlook_share=1.0, mail_program_share=1.0), (900,), leavers=10
    )
    assert found.points[0].sign_ins_per_s == 0
    assert found.always.direct_per_s == pytest.approx(10, rel=0.02)
    assert found.always.integrated_per_s == pytest.approx(10 * 9 / 24, rel=0.02)
    assert found.always.affected_share == 0
    assert found.points[0].exposure.max_s == 0


def test_a_slow_directory_makes_prompts_where_the_cache_is_short() -> None:
    slow = population({"people": 5000, "directory_takes_s": 0.2})
    points = engine.simulate(slow, (0, 900), leavers=10).points
    assert points[0].prompts_a_day > 0
    assert points[1].prompts_a_day == 0
    assert points[0].busiest_share > 1


def test_the_more_people_ask_the_fewer_are_drawn_at_once() -> None:
    assert engine._at_once(8192, 200) == 8192
    assert engine._at_once(8192, 10_000) == 400
    assert engine._at_once(8192, 1e9) == 1


@pytest.mark.parametrize("changes", [{}, {"mails_a_day": 500.0}, {"browser_poll_s": 5.0}])
def test_what_one_of_all_asks_is_never_thought_too_little(changes: dict[str, float]) -> None:
    numbers = population(changes)
    load = day.one_day(default_rng(1), 3000, numbers, np.array([0]))
    assert load.requests.sum() <= 3000 * clients.requests_a_day(numbers)


@pytest.mark.parametrize(
    ("lifetimes", "more", "said"),
    [
        ((), {}, "no token lifetime"),
        ((-1,), {}, "lifetime -1 s"),
        ((86401,), {}, "a day"),
        ((math.nan,), {}, "lifetime nan"),
        ((math.inf,), {}, "lifetime inf"),
        (tuple(range(201)), {}, "200 at most"),
        ((900,), {"seed": -1}, "seed -1"),
        ((900,), {"leavers": 0}, "leavers 0"),
        ((900,), {"threads": 0}, "threads 0"),
        ((900,), {"threads": 1000}, "threads 1000"),
    ],
)
def test_what_makes_no_sense_is_refused(
    lifetimes: tuple[float, ...], more: dict[str, int], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        engine.simulate(population({"people": 1}), lifetimes, **more)


def test_a_lifetime_of_a_day_and_one_person_are_possible() -> None:
    found = engine.simulate(population({"people": 1}), (86400,), leavers=50)
    assert found.points[0].lifetime_s == 86400
    assert 0 < found.points[0].exposure.still_open_share <= 1


def test_exposure_is_told_by_its_quantiles_and_stops_at_what_was_watched() -> None:
    hours = np.array([0] * 50 + [1] * 45 + [30] * 5)
    found = exposure(hours * 3600 * TICKS)
    assert (found.p50_s, found.p95_s, found.p99_s, found.max_s) == (0, 3600, 86400, 86400)
    assert found.mean_s == pytest.approx((45 * 3600 + 5 * 86400) / 100)
    assert (found.still_open_share, found.none_share) == (0.05, 0.5)
