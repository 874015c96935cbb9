# SPDX-License-Identifier: Apache-2.0
"""The simulation keeps to what renewal theory says in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.random import default_rng

from evict.simulate import clients, leaver, theory, tokens
from evict.simulate.day import one_day
from evict.simulate.outcome import WATCHED_S
from evict.simulate.tokens import TICKS
from tests.unit.simulate.made import company, poisson
from tests.unit.simulate.samples import GAP_S, LEAVERS, exposed, farthest

TTLS_S = (60.0, 300.0, 900.0, 1500.0)
ALPHA = 1e-6
"""How likely a right simulation would fail a test of a distribution, were the seed not fixed."""


@pytest.mark.parametrize("ttl_s", TTLS_S)
def test_the_distribution_of_exposure_is_that_of_the_renewal_equation(ttl_s: float) -> None:
    sample = exposed(ttl_s)
    until_s = min(60 * theory.mean_life_s(1 / GAP_S, ttl_s), WATCHED_S)
    at, above = theory.exposure_above(1 / GAP_S, ttl_s, until_s)
    assert farthest(sample, at, above) <= theory.bound(LEAVERS, ALPHA)
    at, wrong = theory.exposure_above(1 / GAP_S, ttl_s * 4, until_s)
    assert farthest(sample, at, wrong) > theory.bound(LEAVERS, ALPHA)


@pytest.mark.parametrize("ttl_s", [300.0, 900.0])
def test_the_mean_exposure_is_that_of_renewal_theory(ttl_s: float) -> None:
    sample = exposed(ttl_s)
    error = sample.std() / math.sqrt(len(sample))
    assert abs(sample.mean() - theory.mean_exposure_s(1 / GAP_S, ttl_s)) <= 5 * error


def test_with_requests_spread_over_servers_the_longest_of_their_tokens_counts() -> None:
    servers = 3
    sample = exposed(1500, balancing="spread", people=3, people_per_server=1)
    at, above = theory.exposure_above(1 / (GAP_S * servers), 1500, WATCHED_S)
    bound = theory.bound(LEAVERS, ALPHA)
    assert farthest(sample, at, theory.over_servers(above, servers)) <= bound
    assert farthest(sample, at, above) > bound


@pytest.mark.parametrize("servers", [1, 4])
def test_sign_ins_come_at_the_rate_of_gaps_not_shorter_than_the_lifetime(servers: int) -> None:
    people = 2000
    numbers = poisson(GAP_S, balancing="spread", people=servers, people_per_server=1)
    load = one_day(default_rng(3), people, numbers, tokens.ticks(TTLS_S))
    counted = load.sign_ins.sum(axis=(0, 2))
    for seen, ttl_s in zip(counted, TTLS_S, strict=True):
        rate = 1 / (GAP_S * servers)
        mean = people * servers * 86400 * theory.sign_in_rate(rate, ttl_s)
        assert abs(seen - mean) <= 5 * math.sqrt(mean)


def test_a_token_lives_as_often_and_as_long_as_a_busy_period_of_m_d_infinity() -> None:
    ttl_s, rate = 900.0, 1 / GAP_S
    numbers = poisson(GAP_S)
    requests = clients.now_and_then(default_rng(5), 2000, numbers, 4)
    gap = tokens.gaps(requests, ring=False)
    made = gap >= ttl_s * TICKS
    first = np.flatnonzero(made)
    last = np.append(first[1:], len(requests)) - 1
    life_s = (requests[last] - requests[first]) / TICKS + ttl_s
    whole = tokens.when(requests[last]) < 4 * tokens.DAY - 6 * 3600 * TICKS
    error = life_s[whole].std() / math.sqrt(whole.sum())
    assert abs(life_s[whole].mean() - theory.mean_life_s(rate, ttl_s)) <= 6 * error
    lived = np.minimum(gap[~np.isin(gap, tokens.NEVER)], int(ttl_s * TICKS)).sum()
    share = lived / (2000 * 4 * tokens.DAY)
    assert share == pytest.approx(theory.alive(rate, ttl_s), rel=0.01)


@pytest.mark.parametrize("ttl_s", [120.0, 300.0, 301.0, 900.0])
def test_a_poller_never_ends_or_signs_in_each_time(ttl_s: float) -> None:
    numbers = company(
        ews_share=1.0, ews_poll_s=300.0, ews_poll_spread_share=0.0, ews_always_on_share=1.0
    )
    lifetimes = tokens.ticks([ttl_s])
    sample = leaver.exposures(default_rng(1), 500, numbers, lifetimes).ticks[2, 0]
    load = one_day(default_rng(2), 500, numbers, lifetimes)
    if theory.poller_never_ends(300.0, ttl_s):
        assert (sample > leaver.WATCHED).all()
        assert load.sign_ins.sum() == 0
    else:
        assert (sample == 0).all()
        assert load.sign_ins.sum() == load.requests.sum() == 500 * 288


def test_a_phone_without_mail_never_ends_where_its_heartbeat_is_the_shorter() -> None:
    numbers = company(
        phone_share=1.0, mails_a_day=0.0, heartbeat_shortest_s=900.0, heartbeat_longest_s=900.0
    )
    lifetimes = tokens.ticks([900, 901])
    sample = leaver.exposures(default_rng(1), 300, numbers, lifetimes).ticks[1]
    assert (sample[0] == 0).all()
    assert (sample[1] > leaver.WATCHED).all()


@pytest.mark.parametrize("ttl_s", [60.0, 600.0, 2400.0])
def test_the_formulas_agree_with_each_other(ttl_s: float) -> None:
    rate = 1 / GAP_S
    until_s = 60 * theory.mean_life_s(rate, ttl_s)
    at, above = theory.exposure_above(rate, ttl_s, until_s)
    assert above[0] == pytest.approx(1 - theory.no_exposure(rate, ttl_s), rel=1e-9)
    assert float(np.trapezoid(above, at)) == pytest.approx(
        theory.mean_exposure_s(rate, ttl_s), rel=5e-3
    )
    life_rate = theory.sign_in_rate(rate, ttl_s) * theory.mean_life_s(rate, ttl_s)
    assert life_rate == pytest.approx(theory.alive(rate, ttl_s))


def test_the_distance_of_two_samples_is_the_widest_gap_between_them() -> None:
    one, two = np.array([1.0, 2.0, 3.0, 4.0]), np.array([3.0, 4.0, 5.0, 6.0])
    assert theory.distance(one, two) == 0.5
    assert theory.distance(one, one) == 0
    assert theory.bound_of_two(100, 100, 0.01) == pytest.approx(2 * theory.bound(100, 0.005))
