# SPDX-License-Identifier: Apache-2.0
"""Whatever is asked by whomever, however the clock is set and the machine restarted: in no hour and
no minute of true time is more closed than the limits say.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from evict.core.allowance import Limits, Moment, Spent, counts, share, spend

START = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR, MINUTE = 3600, 60


class Asked(NamedTuple):
    """One order. `pause`: since the one before; `clock`: how wrong the clock is set by then."""

    source: str
    accounts: tuple[str, ...]
    single: bool
    pause: int
    clock: int
    restart: bool


class Closed(NamedTuple):
    at: int
    source: str
    account: str
    single: bool


accounts = st.integers(0, 11).map(lambda n: f"account-{n}")
orders = st.builds(
    Asked,
    source=st.sampled_from(["directory:corp", "directory:b", "uid:0"]),
    accounts=st.lists(accounts, min_size=1, max_size=6, unique=True).map(tuple),
    single=st.booleans(),
    pause=st.sampled_from([0, 1, 20, 61, 600, 1801, 3599, 3600, 4000]),
    clock=st.sampled_from([0, 0, 0, -90000, 90000]),
    restart=st.sampled_from([False, False, False, True]),
)
limits = st.builds(
    Limits,
    an_hour=st.integers(1, 6),
    a_minute=st.integers(1, 4),
    all_sources_an_hour=st.integers(1, 8),
    singles_an_hour=st.integers(1, 3),
)


def play(said: list[Asked], limit: Limits, *, forget: bool = True) -> list[Closed]:
    """Everything that was closed, in true time."""
    spent: dict[tuple[str, str], Spent] = {}
    closed: list[Closed] = []
    true = boot = boot_at = 0
    for order in said:
        true += order.pause
        if order.restart:
            boot, boot_at = boot + 1, true
        at = START + timedelta(seconds=true + order.clock)
        now = Moment(boot=str(boot), up=float(true - boot_at), at=at)
        asked = order.accounts[:1] if order.single else order.accounts
        if forget:
            spent = {key: one for key, one in spent.items() if counts(one, now)}
        shares = share(
            asked,
            source=order.source,
            single=order.single,
            spent=spent.values(),
            limits=limit,
            now=now,
        )
        assert sorted((*shares.passed, *shares.held)) == sorted(asked)
        assert [a for a in asked if a in shares.passed] == list(shares.passed)
        assert [a for a in asked if a in shares.held] == list(shares.held)
        assert bool(shares.limit) is bool(shares.held)
        spent.update(
            spend(shares.passed, source=order.source, single=order.single, spent=spent, now=now)
        )
        closed += [Closed(true, order.source, a, order.single) for a in shares.passed]
    return closed


def most(closed: list[Closed], seconds: int) -> int:
    """The largest number of different accounts in a window of that length."""
    return max(
        (len({c.account for c in closed if end.at - seconds < c.at <= end.at}) for end in closed),
        default=0,
    )


def past_singles(closed: list[Closed]) -> list[Closed]:
    """Without whoever was closed by a single order too: that takes no place of a batch."""
    alone = {c.account for c in closed if c.single}
    return [c for c in closed if c.account not in alone]


@given(said=st.lists(orders, max_size=25), limit=limits)
def test_no_window_of_true_time_holds_more_than_its_limit(said: list[Asked], limit: Limits) -> None:
    closed = play(said, limit)
    for source in {c.source for c in closed}:
        mine = [c for c in closed if c.source == source]
        assert most(past_singles(mine), HOUR) <= limit.an_hour
        assert most(past_singles(mine), MINUTE) <= limit.a_minute
        assert most([c for c in mine if c.single], HOUR) <= limit.singles_an_hour
    assert most(past_singles(closed), HOUR) <= limit.all_sources_an_hour
    assert most([c for c in closed if c.single], HOUR) <= 2 * limit.singles_an_hour


@given(said=st.lists(orders, max_size=15), limit=limits)
def test_to_forget_what_is_old_changes_nothing(said: list[Asked], limit: Limits) -> None:
    said = [order._replace(restart=False) for order in said]
    assert play(said, limit) == play(said, limit, forget=False)


def model(said: list[Asked], limit: Limits) -> list[Closed]:
    """The same where nobody is asked for twice and the clock is right: a plain count."""
    closed: list[Closed] = []
    true = 0

    def count(seconds: int, order: Asked, *, everybody: bool = False) -> int:
        return sum(
            true - c.at < seconds
            and (everybody or c.source == order.source)
            and (c.single or not order.single)
            for c in closed
        )

    for order in said:
        true += order.pause
        for account in order.accounts[:1] if order.single else order.accounts:
            if order.single:
                good = (
                    count(HOUR, order) < limit.singles_an_hour
                    and count(HOUR, order, everybody=True) < 2 * limit.singles_an_hour
                )
            else:
                good = (
                    count(HOUR, order) < limit.an_hour
                    and count(MINUTE, order) < limit.a_minute
                    and count(HOUR, order, everybody=True) < limit.all_sources_an_hour
                )
            if good:
                closed.append(Closed(true, order.source, account, order.single))
    return closed


@given(said=st.lists(orders, max_size=25), limit=limits)
def test_nothing_is_held_that_the_limits_allow(said: list[Asked], limit: Limits) -> None:
    sane = [
        order._replace(
            accounts=tuple(f"{number}-{name}" for name in order.accounts), clock=0, restart=False
        )
        for number, order in enumerate(said)
    ]
    assert play(sane, limit) == model(sane, limit)
