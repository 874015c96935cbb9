# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from evict.sources import instant
from evict.sources.instant import BadInstant, Instant, parse, refuse_past, spoken


def at(text: str) -> str:
    return spoken(parse(text).at)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-12-31T17:00 Europe/Berlin", "2026-12-31T16:00:00Z"),
        ("2026-12-31 17:00 Europe/Berlin", "2026-12-31T16:00:00Z"),
        ("  2026-12-31t17:00:07 europe/berlin ", "2026-12-31T16:00:07Z"),
        ("2026-12-31T17:00:00[Europe/Berlin]", "2026-12-31T16:00:00Z"),
        ("2026-12-31T17:00:00[!Europe/Berlin]", "2026-12-31T16:00:00Z"),
        ("2026-12-31T17:00:00+01:00[Europe/Berlin]", "2026-12-31T16:00:00Z"),
        ("2026-12-31T17:00+01:00 Europe/Berlin", "2026-12-31T16:00:00Z"),
        ("2026-12-31T17:00:00+01:00", "2026-12-31T16:00:00Z"),
        ("2026-12-31T16:00:00Z", "2026-12-31T16:00:00Z"),
        ("2026-12-31T16:00:00.000Z", "2026-12-31T16:00:00Z"),
        ("2026-12-31T16:00:00Z[Europe/Berlin]", "2026-12-31T16:00:00Z"),
        ("2026-12-31T16:00:00-00:00[Europe/Berlin]", "2026-12-31T16:00:00Z"),
        ("2026-12-31T17:00:00[+01:00]", "2026-12-31T16:00:00Z"),
        ("2026-12-31T17:00:00[Europe/Berlin][u-ca=gregory][x-y=1]", "2026-12-31T16:00:00Z"),
        ("2026-12-31T16:00:00Z[u-ca=hebrew]", "2026-12-31T16:00:00Z"),
        ("2026-12-31T23:59:59 Pacific/Kiritimati", "2026-12-31T09:59:59Z"),
        ("2026-12-31T16:00 UTC", "2026-12-31T16:00:00Z"),
        ("2028-02-29T00:00 Asia/Kathmandu", "2028-02-28T18:15:00Z"),
    ],
)
def test_every_way_of_writing_an_instant_is_read(text: str, utc: str) -> None:
    assert at(text) == utc
    assert parse(text).written == text.strip()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is no instant: write it as '2026-12-31T17:00 Europe/Berlin'"),
        ("tomorrow", "is no instant"),
        ("31.12.2026 17:00 Europe/Berlin", "is no instant"),
        ("2026-12-31", "is no instant"),
        ("2026-W53-4T17:00Z", "is no instant"),
        ("20261231T170000Z", "is no instant"),
        ("٢٠٢٦-12-31T17:00Z", "is no instant"),
        ("2026-12-31T17:00Z\n", ""),
        ("2026-12-31T17:00Z " + "x" * 300, "is no instant"),
        ("2026-12-31T17:00", "names no time zone"),
        ("2026-12-31T17:00[u-ca=gregory]", "names no time zone"),
        ("2026-02-30T17:00Z", "no such day"),
        ("2026-12-31T24:00Z", "no such day or time"),
        ("2026-12-31T23:59:60Z", "leap second"),
        ("2026-12-31T17:00:00.5Z", "without a fraction"),
        ("2026-12-31T17:00+24:00", "no offset"),
        ("2026-12-31T17:00:00+02:00[Europe/Berlin]", "does not fit Europe/Berlin"),
        ("2026-07-01T17:00:00+00:00[Europe/London]", "does not fit Europe/London"),
        ("2026-12-31T17:00:00+01:00[+02:00]", "does not fit"),
        ("2026-12-31T17:00 Berlin", "Did you mean Europe/Berlin"),
        ("2026-12-31T17:00 Europe/Berlni", "Did you mean Europe/Berlin"),
        ("2026-12-31T17:00 Factory", "no time zone is called"),
        ("2026-12-31T17:00 ../../etc/passwd", "is no instant"),
        ("2026-12-31T17:00 Europe/../Europe/Berlin", "no time zone is called"),
        ("2026-12-31T17:00 CEST", "no time zone is called"),
        ("2026-12-31T17:00 Europe/Berlin[Europe/Berlin]", "names two time zones"),
        ("2026-12-31T17:00[Europe/Berlin][Europe/Paris]", "no suffix of RFC 9557"),
        ("2026-12-31T17:00Z[]", "is no time zone"),
        ("2026-12-31T17:00Z[u-ca=]", "no suffix"),
        ("2026-12-31T17:00Z[U-CA=x]", "no suffix"),
        ("2026-12-31T17:00Z[_test=x]", "experiment"),
        ("2026-12-31T17:00Z[!u-ca=gregory]", "must be understood"),
        ("2026-12-31T17:00Z[!zz=1]", "must be understood"),
        ("0001-01-01T00:00+23:00", "beyond the calendar"),
        ("9999-12-31T23:59 America/New_York", "beyond the calendar"),
    ],
)
def test_whatever_is_no_instant_alone_is_refused_with_its_reason(text: str, why: str) -> None:
    if not why:
        assert at(text) == "2026-12-31T17:00:00Z"
        return
    with pytest.raises(BadInstant) as raised:
        parse(text)
    assert why in raised.value.text
    assert raised.value.text.isascii()
    assert raised.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "2026-10-25T02:30 Europe/Berlin",
            (
                "happens twice in Europe/Berlin",
                "2026-10-25T02:30:00+02:00 (2026-10-25T00:30:00Z)",
                "2026-10-25T02:30:00+01:00 (2026-10-25T01:30:00Z)",
            ),
        ),
        (
            "2026-03-29T02:30[Europe/Berlin]",
            (
                "never happens in Europe/Berlin",
                "2026-03-29T01:30:00+01:00 (2026-03-29T00:30:00Z)",
                "2026-03-29T03:30:00+02:00 (2026-03-29T01:30:00Z)",
            ),
        ),
        ("2026-04-05T01:45 Australia/Lord_Howe", ("happens twice", "+11:00", "+10:30")),
    ],
)
def test_a_local_time_that_happens_twice_or_never_names_both_instants(
    text: str, words: tuple[str, ...]
) -> None:
    with pytest.raises(BadInstant) as raised:
        parse(text)
    for word in words:
        assert word in raised.value.text


def test_the_offset_tells_the_two_apart() -> None:
    assert at("2026-10-25T02:30:00+02:00[Europe/Berlin]") == "2026-10-25T00:30:00Z"
    assert at("2026-10-25T02:30:00+01:00[Europe/Berlin]") == "2026-10-25T01:30:00Z"
    with pytest.raises(BadInstant, match="does not fit"):
        parse("2026-03-29T02:30:00+01:00[Europe/Berlin]")


def test_what_has_passed_is_refused_but_for_a_minute() -> None:
    now = datetime(2026, 12, 31, 16, 0, tzinfo=UTC)
    for late in (timedelta(0), timedelta(minutes=1)):
        refuse_past(Instant(at=now - late, written="x"), now)
    with pytest.raises(BadInstant, match="has passed"):
        refuse_past(Instant(at=now - timedelta(seconds=61), written="x"), now)
    assert timedelta(minutes=1) == instant.LATE
