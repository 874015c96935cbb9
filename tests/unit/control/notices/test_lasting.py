# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from evict.control.notices.lasting import hear, lasts
from evict.control.notices.news import News, NewsKind
from evict.control.notices.notice import Lasting, pause_s

T0 = datetime(2026, 11, 24, tzinfo=UTC)


def news(kind: NewsKind = NewsKind.OVERDUE, *, minutes: int = 24 * 60) -> News:
    return News(kind=kind, key="k", subject="s", lasts_minutes=minutes)


def tell(*at: timedelta, minutes: int = 24 * 60) -> list[bool]:
    """Which of these are told."""
    known: Lasting | None = None
    told = []
    for when in at:
        came = hear(news(minutes=minutes), known, T0 + when)
        known = came.lasting
        told.append(came.news is not None)
    return told


def test_once_then_daily_while_it_lasts() -> None:
    hours = [timedelta(hours=n) for n in range(73)]
    told = tell(*hours)
    assert [n for n, yes in enumerate(told) if yes] == [0, 24, 48, 72]


def test_a_daily_look_tells_it_daily_and_says_since_when() -> None:
    known = hear(news(), None, T0).lasting
    again = hear(news(), known, T0 + timedelta(days=1, minutes=1))
    assert again.news is not None
    assert "since 2026-11-24" in again.news.lines[-1]


def test_what_flaps_is_told_once_as_long_as_it_goes_on_and_anew_after_a_pause() -> None:
    minutes = [timedelta(minutes=n) for n in (0, 1, 10, 24, 38, 60)]
    assert tell(*minutes, minutes=15) == [True, False, False, False, False, True]


def test_the_end_goes_to_whoever_was_told_of_it_and_what_comes_after_is_new() -> None:
    begun = hear(news(), None, T0)
    ended = hear(news(NewsKind.DONE), begun.lasting, T0)
    assert ended.news is not None
    assert ended.audience == {NewsKind.OVERDUE, NewsKind.DONE}
    assert ended.lasting is None
    assert hear(news(), None, T0).news is not None


def test_what_is_over_lasts_no_longer() -> None:
    lasting = hear(news(minutes=15), None, T0).lasting
    assert lasting is not None
    assert lasts(lasting, T0 + timedelta(minutes=14))
    assert not lasts(lasting, T0 + timedelta(minutes=16))


def test_pauses_grow_to_an_hour_and_a_receivers_wish_is_bounded() -> None:
    pauses = [pause_s(n, dice=0.5) for n in range(1, 9)]
    assert pauses == [5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 3600.0, 3600.0]
    assert pause_s(1, dice=0.0) == 4.0
    assert pause_s(1, dice=1.0) == pytest.approx(6.0)
    assert pause_s(1, dice=0.5, wish_s=60) == 60
    assert pause_s(1, dice=0.5, wish_s=1e9) == 3600
    assert pause_s(1, dice=0.5, wish_s=0) == 5.0
