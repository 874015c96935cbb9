# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from numpy.random import default_rng

from evict.simulate import clients, tokens
from evict.simulate.day import one_day, over_servers
from evict.simulate.tokens import DAY, SHIFT, TICKS
from tests.unit.simulate.made import FLAT, company

HOUR = 3600 * TICKS


@pytest.mark.parametrize("days", [1, 3])
def test_all_rows_are_in_order_and_within_their_days(days: int) -> None:
    dice, numbers, people = default_rng(1), company(), 200
    all_day = np.arange(people) % 2 == 0
    rows = [
        clients.phones(dice, people, numbers, days, ring=days == 1),
        clients.programs(dice, people, numbers, days, all_day=all_day),
        clients.now_and_then(dice, people, numbers, days),
        clients.pages(dice, people, numbers, days).requests,
    ]
    for row in rows:
        assert (np.diff(row) >= 0).all()
        assert tokens.when(row).max() < days * DAY
        assert set(tokens.whose(row)) == set(range(people))


@pytest.mark.parametrize("mails", [0.0, 0.5, 40.0, 2000.0])
def test_a_phone_asks_again_when_its_heartbeat_is_over_or_sooner_midnight_or_not(
    mails: float,
) -> None:
    numbers = company(mails_a_day=mails, heartbeat_shortest_s=900, heartbeat_longest_s=900)
    row = clients.phones(default_rng(2), 300, numbers, 1, ring=True)
    gap = tokens.gaps(row, ring=True)
    assert gap.max() <= 900 * TICKS
    assert gap.max() >= 800 * TICKS or mails > 1000


def test_mail_brings_a_sync_and_the_next_ping_soon_after() -> None:
    numbers = company(mails_a_day=40.0)
    row = clients.phones(default_rng(3), 500, numbers, 1, ring=True)
    gap = tokens.gaps(row, ring=True)
    assert np.count_nonzero(gap == 2 * TICKS) == pytest.approx(500 * 40, rel=0.05)


def test_mail_comes_when_people_work() -> None:
    who, at = clients.happenings(default_rng(4), 2000, 40.0, company(), 1)
    assert len(who) == pytest.approx(80_000, rel=0.02)
    weights = np.array(company().hour_weights)
    by_hour = np.bincount(at // HOUR, minlength=24) / len(at)
    assert np.abs(by_hour - weights / weights.sum()).max() < 0.005


def test_an_hour_without_weight_has_no_mail() -> None:
    numbers = company(hour_weights=[0.0] * 9 + [1.0] + [0.0] * 14)
    _, at = clients.happenings(default_rng(4), 2000, 5.0, numbers, 2)
    assert set(at % DAY // HOUR) == {9}


def test_a_page_asks_each_minute_while_the_computer_is_on() -> None:
    web = clients.pages(default_rng(5), 100, company(), 1)
    asked = web.requests[~web.acted]
    gap = tokens.gaps(asked, ring=True)
    assert set(gap[gap < HOUR]) == {60 * TICKS}
    assert len(asked) == 100 * 539
    first = web.acted[tokens.starts(web.requests)]
    assert first.all()


def test_programs_of_all_day_have_no_night() -> None:
    numbers = company()
    office = clients.programs(default_rng(6), 50, numbers, 1, all_day=np.zeros(50, np.bool_))
    always = clients.programs(default_rng(6), 50, numbers, 1, all_day=np.ones(50, np.bool_))
    assert tokens.gaps(office, ring=True).max() > 14 * HOUR
    assert tokens.gaps(always, ring=True).max() <= 330 * TICKS


def test_a_row_of_nobody_is_empty() -> None:
    dice, numbers = default_rng(7), company()
    none = np.zeros(0, np.bool_)
    assert not len(clients.phones(dice, 0, numbers, 1, ring=True))
    assert not len(clients.programs(dice, 0, numbers, 1, all_day=none))
    assert not len(clients.pages(dice, 0, numbers, 1).requests)
    assert not len(clients.now_and_then(dice, 0, numbers, 1))


def test_a_company_without_clients_signs_nobody_in() -> None:
    load = one_day(default_rng(8), 1000, company(), tokens.ticks([0, 900]))
    assert load.sign_ins.sum() == load.requests.sum() == load.forms == 0


def test_spread_requests_keep_their_times_and_share_the_servers_evenly() -> None:
    numbers = company(balancing="spread", people=4, people_per_server=1, **FLAT)
    row = clients.now_and_then(default_rng(9), 2000, numbers, 1)
    spread = over_servers(default_rng(10), row, numbers)
    assert np.array_equal(np.sort(tokens.when(spread)), np.sort(tokens.when(row)))
    assert set(tokens.whose(spread) // 4) == set(tokens.whose(row))
    each = np.bincount(tokens.whose(spread) % 4) / len(row)
    assert np.abs(each - 0.25).max() < 0.01
    one = company(balancing="spread", people=4, people_per_server=4)
    assert over_servers(default_rng(10), row, one) is row


def test_weaving_keeps_both_rows_in_order() -> None:
    many, few = np.array([1, 5, 5, 9]) << SHIFT, np.array([0, 5, 7, 11]) << SHIFT
    both, is_few = clients.weave(many, few)
    assert (both >> SHIFT).tolist() == [0, 1, 5, 5, 5, 7, 9, 11]
    assert (both[is_few] >> SHIFT).tolist() == [0, 5, 7, 11]
