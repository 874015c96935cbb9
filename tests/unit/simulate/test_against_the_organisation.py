# SPDX-License-Identifier: Apache-2.0
"""The embedded organisation gives the same answer: to the request with the same times, and within
the bound of two samples with times of their own.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.random import default_rng

from evict.lab.model.words import Pool
from evict.simulate import clients, theory, tokens
from evict.simulate.cookies import cookies, signed_in
from evict.simulate.tokens import DAY, SHIFT, TICKS, Ints
from tests.unit.simulate.driven import Company
from tests.unit.simulate.made import company
from tests.unit.simulate.samples import phones_of_the_organisation, phones_of_the_simulation

TTLS_S = (45.0, 300.0, 900.0, 2700.0)
PEOPLE = 20
ALPHA = 1e-3


def rows(seed: int, days: int) -> dict[Pool, Ints]:
    dice, numbers = default_rng(seed), company()
    all_day = np.arange(PEOPLE) % 2 == 0
    return {
        Pool.SYNC: clients.phones(dice, PEOPLE, numbers, days, ring=False),
        Pool.SERVICES: clients.programs(dice, PEOPLE, numbers, days, all_day=all_day),
        Pool.OWA: clients.now_and_then(dice, PEOPLE, numbers, days),
    }


@pytest.mark.parametrize("ttl_s", TTLS_S)
@pytest.mark.parametrize("pool", [Pool.SYNC, Pool.SERVICES, Pool.OWA])
def test_as_many_sign_in_at_the_directory(ttl_s: float, pool: Pool) -> None:
    requests = rows(1, 1)[pool]
    driven = Company(PEOPLE, ttl_s)
    driven.basic(requests, pool)
    gap = tokens.gaps(requests, ring=False)
    by_minute = tokens.sign_ins_by_minute(requests, gap, tokens.ticks([ttl_s]))
    assert by_minute.sum() == driven.sign_ins
    assert by_minute.sum() > 0


@pytest.mark.parametrize("ttl_s", TTLS_S)
def test_as_many_sign_in_where_requests_are_spread_over_servers(ttl_s: float) -> None:
    requests = rows(2, 1)[Pool.SYNC]
    server = default_rng(3).integers(0, 3, len(requests))
    driven = Company(PEOPLE, ttl_s, servers=3)
    driven.basic(requests, Pool.SYNC, server)
    spread = tokens.pack(tokens.whose(requests) * 3 + server, tokens.when(requests))
    gap = tokens.gaps(spread, ring=False)
    assert tokens.sign_ins_by_minute(spread, gap, tokens.ticks([ttl_s])).sum() == driven.sign_ins


@pytest.mark.parametrize("ttl_s", TTLS_S)
@pytest.mark.parametrize("pool", [Pool.SYNC, Pool.SERVICES, Pool.OWA])
def test_everybodys_exposure_is_the_same(ttl_s: float, pool: Pool) -> None:
    requests = rows(4, 3)[pool]
    disabled = default_rng(5).integers(DAY, 2 * DAY, PEOPLE)
    driven = Company(PEOPLE, ttl_s)
    driven.basic(requests, pool, disabled=disabled)
    found, who = tokens.last_successes(
        requests,
        tokens.gaps(requests, ring=False),
        disabled[tokens.whose(requests)],
        tokens.ticks([ttl_s]),
    )
    out = np.zeros(PEOPLE, np.int64)
    out[who] = found[0]
    assert out.tolist() == driven.exposures(disabled).tolist()


@pytest.mark.parametrize("ttl_s", TTLS_S)
def test_pages_kept_open_end_when_token_or_cookie_ends(ttl_s: float) -> None:
    web = clients.pages(default_rng(6), PEOPLE, company(), 3)
    begin = np.arange(PEOPLE) << SHIFT
    poll = np.full(PEOPLE, 60 * TICKS)
    night = clients.every(np.arange(PEOPLE), begin + 18 * 3600 * TICKS, poll, begin + 3 * DAY)
    asked = np.sort(np.concatenate((web.requests[~web.acted], night)))
    acts = web.requests[web.acted]
    both, is_act = clients.weave(asked, acts)
    disabled = default_rng(7).integers(DAY + 9 * 3600 * TICKS, DAY + 20 * 3600 * TICKS, PEOPLE)
    driven = Company(PEOPLE, ttl_s)
    driven.pages(both, is_act, disabled)
    live = signed_in(asked, acts, cookies(acts, 28800, 1.5))
    row = np.sort(np.concatenate((acts, asked[live])))
    gap, since = tokens.gaps(row, ring=False), disabled[tokens.whose(row)]
    found, who = tokens.last_successes(row, gap, since, tokens.ticks([ttl_s]))
    out = np.zeros(PEOPLE, np.int64)
    out[who] = found[0]
    assert out.tolist() == driven.exposures(disabled).tolist()
    assert out.max() > 0


def test_with_dice_of_their_own_both_give_the_same_distribution() -> None:
    one = phones_of_the_organisation(300, 1800, seed=11)
    two = phones_of_the_simulation(10_000, 1800, seed=12)
    bound = theory.bound_of_two(len(one), len(two), ALPHA)
    assert theory.distance(one, two) <= bound
    other = phones_of_the_simulation(10_000, 1200, seed=12)
    assert theory.distance(one, other) > bound
