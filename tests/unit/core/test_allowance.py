# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from evict.core.allowance import Limits, Moment, Shares, Spent, age, share, spend, still_good

START = datetime(2026, 11, 24, 12, tzinfo=UTC)
LIMITS = Limits(an_hour=4, a_minute=2, all_sources_an_hour=6, singles_an_hour=3)


def at(seconds: float, *, boot: str = "one", clock: float = 0.0) -> Moment:
    """So long after the machine started; `clock`: by how much the other clock is wrong."""
    return Moment(boot=boot, up=seconds, at=START + timedelta(seconds=seconds + clock))


class Source:
    """Asks again and again, and remembers as the guard does."""

    def __init__(self, name: str, spent: dict[tuple[str, str], Spent]) -> None:
        self.name = name
        self.spent = spent

    def ask(self, *accounts: str, now: Moment, single: bool = False) -> Shares:
        shares = share(
            accounts,
            source=self.name,
            single=single,
            spent=self.spent.values(),
            limits=LIMITS,
            now=now,
        )
        self.spent.update(
            spend(shares.passed, source=self.name, single=single, spent=self.spent, now=now)
        )
        return shares


@pytest.fixture
def corp() -> Source:
    return Source("directory:corp", {})


def test_the_first_ones_pass_and_the_rest_is_held(corp: Source) -> None:
    shares = corp.ask("a", "b", "c", now=at(0))
    assert (shares.passed, shares.held) == (("a", "b"), ("c",))
    assert shares.limit == "2 accounts a minute"


def test_a_minute_later_more_pass_until_the_hour_is_full(corp: Source) -> None:
    corp.ask("a", "b", now=at(0))
    assert corp.ask("c", "d", now=at(60)).held == ()
    shares = corp.ask("e", now=at(121))
    assert (shares.held, shares.limit) == (("e",), "4 accounts an hour")
    assert corp.ask("e", now=at(3600)).passed == ("e",)


def test_all_sources_together_have_one_more_limit(corp: Source) -> None:
    others = [Source(name, corp.spent) for name in ("directory:b", "directory:c")]
    assert len(corp.ask("a", "b", now=at(0)).passed) == 2
    assert len(others[0].ask("c", "d", now=at(0)).passed) == 2
    shares = others[1].ask("e", "f", now=at(0))
    assert (len(shares.passed), shares.held) == (2, ())
    shares = Source("directory:d", corp.spent).ask("g", now=at(1))
    assert shares.limit == "6 accounts an hour for all sources together"


def test_an_account_that_counts_already_passes_again_and_takes_no_second_place(
    corp: Source,
) -> None:
    corp.ask("a", "b", now=at(0))
    assert corp.ask("a", "b", now=at(1)).held == ()
    assert len(corp.spent) == 2


def test_a_single_order_is_held_by_no_allowance_but_counts(corp: Source) -> None:
    person = Source("uid:1000", corp.spent)
    for n, account in enumerate("abc"):
        assert person.ask(account, now=at(n), single=True).held == ()
    assert person.ask("x", "y", now=at(3)).held == ("x", "y")  # the minute is full


def test_a_loop_of_single_orders_stops(corp: Source) -> None:
    person = Source("uid:1000", corp.spent)
    outcomes = [person.ask(f"a{n}", now=at(n), single=True) for n in range(10)]
    assert [bool(o.passed) for o in outcomes] == [True] * 3 + [False] * 7
    assert outcomes[-1].limit == "3 single orders an hour"


def test_single_orders_are_not_split_over_persons_without_end(corp: Source) -> None:
    """An administrator who makes tokens for many users of the host."""
    many = [Source(f"uid:{n}", corp.spent) for n in range(10)]
    outcomes = [person.ask(f"a{n}", now=at(n), single=True) for n, person in enumerate(many)]
    assert [bool(o.passed) for o in outcomes] == [True] * 6 + [False] * 4
    assert outcomes[-1].limit == "6 single orders an hour for all sources together"


def test_a_single_order_repeated_in_a_batch_stays_counted_as_single(corp: Source) -> None:
    person = Source("uid:1000", corp.spent)
    for n, account in enumerate("abc"):
        person.ask(account, now=at(n), single=True)
    person.ask("a", "b", now=at(61))
    assert person.ask("d", now=at(62), single=True).held == ("d",)


@pytest.mark.parametrize("clock", [-86400.0, 86400.0])
def test_a_clock_that_is_set_opens_nothing(corp: Source, clock: float) -> None:
    corp.ask("a", "b", now=at(0))
    corp.ask("c", "d", now=at(61))
    assert corp.ask("e", now=at(200, clock=clock)).held == ("e",)


def test_after_a_restart_of_the_machine_what_it_does_not_know_counts_as_young() -> None:
    before = at(5000)
    assert age(before, at(30, boot="two", clock=5000)) == 30
    assert age(before, at(9000, boot="two", clock=-8990)) == 0  # another machine, or set back
    assert age(before, at(9000, boot="two")) == 4000


def test_an_approval_counts_for_nothing_where_its_age_is_not_known() -> None:
    assert still_good(at(0), at(3600), minutes=60)
    assert not still_good(at(0), at(3601), minutes=60)
    assert not still_good(at(0), at(10, boot="two"), minutes=60)
    assert still_good(at(0), at(10, clock=-86400), minutes=60)
    assert not still_good(at(0), at(3601, clock=-3600), minutes=60)
