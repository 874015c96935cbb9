# SPDX-License-Identifier: Apache-2.0
"""How many accounts a source may close in an hour and a minute, and which of those asked pass.

Pure. What counts is how many *different* accounts were closed within any hour, and any minute, that
ends now; so an account that was counted already is let through again, and counted anew.

Time is measured so that no clock that is set opens the allowance: within one run of the machine by
the clock that nobody sets, and what was closed before it started counts as younger than that run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

HOUR_S: Final = 3600.0
MINUTE_S: Final = 60.0
SINGLES_OF_ALL: Final = 2
"""So many times what one person may are the single orders of all together: one stolen token holds
up nobody else's, and tokens made for many users of the host are no way past it."""


class Moment(Struct, frozen=True, kw_only=True):
    """An instant by both clocks.

    Attributes:
        boot: names this run of the machine.
        up: seconds since it started, by the clock that nobody sets.
        at: aware UTC, by the clock that can be set.
    """

    boot: str
    up: float
    at: datetime


class Spent(Struct, frozen=True, kw_only=True):
    """One account that a source closed, or is about to close.

    Attributes:
        source: who it counts for: a person, or a machine's name.
        single: it was an order of one account, given by a person or a token.
    """

    source: str
    account: str
    at: Moment
    single: bool = False


class Limits(Struct, frozen=True, kw_only=True):
    """The numbers of [guard]."""

    an_hour: int
    a_minute: int
    all_sources_an_hour: int
    singles_an_hour: int


class Shares(Struct, frozen=True, kw_only=True):
    """Which accounts pass, in the order in which they were asked for, and which do not.

    Attributes:
        limit: which limit the first one that is held ran into; a piece of a sentence.
    """

    passed: tuple[str, ...]
    held: tuple[str, ...]
    limit: str = ""


def age(moment: Moment, now: Moment) -> float:
    """At least so many seconds have passed since; never negative.

    Of another run of the machine, or of another machine, it is not known: the smaller of what the
    clock that can be set says and how long this machine runs.
    """
    if moment.boot == now.boot:
        return max(0.0, now.up - moment.up)
    return max(0.0, min(now.up, (now.at - moment.at).total_seconds()))


def still_good(moment: Moment, now: Moment, *, minutes: int) -> bool:
    """Whether it is certain that no more time has passed: never so after a restart of the machine.

    The other way round from `age`: where it is not known, an approval counts for nothing.
    """
    return moment.boot == now.boot and 0 <= now.up - moment.up <= minutes * MINUTE_S


def counts(spent: Spent, now: Moment) -> bool:
    """Whether it has to be remembered still."""
    return age(spent.at, now) < HOUR_S


def share(  # noqa: PLR0913 - who asks for what, and what there was before
    asked: Sequence[str],
    *,
    source: str,
    single: bool,
    spent: Iterable[Spent],
    limits: Limits,
    now: Moment,
) -> Shares:
    """Let pass as many as the limits allow, the first ones first.

    Args:
        asked: ids of accounts, each once.
        single: an order of one account by a person or a token: only `singles_an_hour` holds it,
            and twice as many for all of them together.
    """
    windows = _windows(source, limits, spent, now, single=single)
    passed: list[str] = []
    held: list[str] = []
    limit = ""
    for account in asked:
        full = next((w for w in windows if w.is_full_for(account)), None)
        if full is None:
            passed.append(account)
            for window in windows:
                window.accounts.add(account)
        else:
            held.append(account)
            limit = limit or full.sentence
    return Shares(passed=tuple(passed), held=tuple(held), limit=limit)


def spend(
    passed: Iterable[str],
    *,
    source: str,
    single: bool,
    spent: Mapping[tuple[str, str], Spent],
    now: Moment,
) -> dict[tuple[str, str], Spent]:
    """What is to be remembered of the accounts that pass, by source and account.

    One that counted as a single order before goes on doing so.
    """
    made = {}
    for account in passed:
        before = spent.get((source, account))
        alone = single or (before is not None and before.single and counts(before, now))
        made[source, account] = Spent(source=source, account=account, at=now, single=alone)
    return made


class _Window:
    """The different accounts that count towards one limit."""

    def __init__(self, most: int, sentence: str, accounts: set[str]) -> None:
        self._most = most
        self.sentence = sentence
        self.accounts = accounts

    def is_full_for(self, account: str) -> bool:
        return account not in self.accounts and len(self.accounts) >= self._most


def _windows(
    source: str, limits: Limits, spent: Iterable[Spent], now: Moment, *, single: bool
) -> list[_Window]:
    aged = [(one, age(one.at, now)) for one in spent]
    hour = [one for one, seconds in aged if seconds < HOUR_S]
    mine = {one.account for one in hour if one.source == source}
    if single:
        singles = {one.account for one in hour if one.single and one.source == source}
        together = {one.account for one in hour if one.single}
        most, of_all = limits.singles_an_hour, SINGLES_OF_ALL * limits.singles_an_hour
        return [
            _Window(most, f"{most} single orders an hour", singles),
            _Window(of_all, f"{of_all} single orders an hour for all sources together", together),
        ]
    minute = {o.account for o, seconds in aged if seconds < MINUTE_S and o.source == source}
    everybody = {one.account for one in hour}
    return [
        _Window(limits.an_hour, f"{limits.an_hour} accounts an hour", mine),
        _Window(limits.a_minute, f"{limits.a_minute} accounts a minute", minute),
        _Window(
            limits.all_sources_an_hour,
            f"{limits.all_sources_an_hour} accounts an hour for all sources together",
            everybody,
        ),
    ]
