# SPDX-License-Identifier: Apache-2.0
"""Every clock change of every zone from 2024 to 2040, looked at from both sides."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evict.sources import zones
from evict.sources.instant import BadInstant, parse, spoken

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
END = datetime(2041, 1, 1, tzinfo=UTC)
STEP = timedelta(days=5)
"""Shorter than the shortest time between two changes (Morocco's around Ramadan: four weeks)."""
SECOND = timedelta(seconds=1)


def changes(zone: tzinfo) -> Iterator[datetime]:
    """The first second of each new offset."""
    at = BEGIN
    while at < END:
        after = at + STEP
        if at.astimezone(zone).utcoffset() != after.astimezone(zone).utcoffset():
            yield bisected(zone, at, after)
        at = after


def bisected(zone: tzinfo, low: datetime, high: datetime) -> datetime:
    before = low.astimezone(zone).utcoffset()
    while high - low > SECOND:
        middle = low + (high - low) // 2
        middle = middle.replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high


@cache
def names() -> tuple[str, ...]:
    return tuple(sorted(zones.names()))


def is_read_or_named_twice(zone: tzinfo, name: str, at: datetime) -> str:
    """Write this instant as the wall clock there, without its offset: what becomes of it."""
    there = at.astimezone(zone)
    wall = there.replace(tzinfo=None)
    same = [
        wall.replace(tzinfo=UTC) - offset
        for offset in {
            moment.astimezone(zone).utcoffset()
            for moment in (at - timedelta(hours=26), at, at + timedelta(hours=26))
        }
        if offset is not None
    ]
    same = [one for one in same if one.astimezone(zone).replace(tzinfo=None) == wall]
    assert at in same
    text = f"{wall.isoformat()} {name}"
    if same == [at]:
        assert parse(text).at == at
        return "once"
    with pytest.raises(BadInstant, match="happens twice") as raised:
        parse(text)
    assert len(same) == 2
    for one in same:
        assert spoken(one) in raised.value.text
    return "twice"


@pytest.mark.parametrize("part", range(4))
def test_around_every_change_of_every_zone(part: int) -> None:
    seen = 0
    for name in names()[part::4]:
        zone = zones.find(name)
        assert zone is not None
        for change in changes(zone):
            seen += 1
            look_around(zone, name, change)
    assert seen > 1000


def look_around(zone: tzinfo, name: str, change: datetime) -> None:
    before = (change - SECOND).astimezone(zone).utcoffset()
    after = change.astimezone(zone).utcoffset()
    assert before is not None
    assert after is not None
    step = after - before
    for moved in (-abs(step) - SECOND, -SECOND, timedelta(0), abs(step) - SECOND, abs(step)):
        at = change + moved
        expected = "twice" if step < timedelta(0) and step <= moved < -step else "once"
        assert is_read_or_named_twice(zone, name, at) == expected
        written = f"{at.astimezone(zone).isoformat()}[{name}]"
        assert parse(written).at == at
    if step > timedelta(0):
        wall = change.astimezone(zone).replace(tzinfo=None)
        for inside in (wall - SECOND, wall - step):
            with pytest.raises(BadInstant, match="never happens") as raised:
                parse(f"{inside.isoformat()} {name}")
            for offset in (before, after):
                assert spoken(inside.replace(tzinfo=UTC) - offset) in raised.value.text


@given(
    st.sampled_from(names()),
    st.integers(int(BEGIN.timestamp()), int(END.timestamp())),
)
def test_any_instant_of_any_zone_is_read_back(name: str, posix: int) -> None:
    zone = zones.find(name)
    assert zone is not None
    at = datetime.fromtimestamp(posix, UTC)
    assert is_read_or_named_twice(zone, name, at) in {"once", "twice"}
    assert parse(f"{at.astimezone(zone).isoformat()}[{name}]").at == at


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        assert parse(text).at.tzinfo is UTC
    except BadInstant as error:
        assert error.text.isascii()  # noqa: PT017 - either is right


@given(
    st.from_regex(
        r"2026-1[0-2]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9](Z|\+0[0-9]:00)?( ?\[?[!-~]{0,20}\]?)?"
    )
)
def test_nearly_an_instant_is_read_or_refused(text: str) -> None:
    try:
        assert parse(text).at.tzinfo is UTC
    except BadInstant as error:
        assert error.text.isascii()  # noqa: PT017 - either is right
