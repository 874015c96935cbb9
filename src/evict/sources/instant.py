# SPDX-License-Identifier: Apache-2.0
"""An instant as people and programs write it: RFC 9557, and the same with a space before the zone.

`2026-12-31T17:00 Europe/Berlin`, `2026-12-31T17:00:00[Europe/Berlin]`,
`2026-12-31T17:00:00+01:00[Europe/Berlin]`, `2026-12-31T16:00:00Z`, `2026-12-31T17:00+01:00`.
Whatever could be meant in two ways is refused, with a sentence that says what to write instead.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from msgspec import Struct

from evict.core.errors import UsageError
from evict.sources import zones

EXAMPLE: Final = "2026-12-31T17:00 Europe/Berlin"
MAX_LENGTH: Final = 200
LATE: Final = timedelta(minutes=1)
"""By so much an instant may have passed when it arrives here; it is carried out at once then."""

_WRITTEN: Final = re.compile(
    r"""
    (?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})
    (?: [Tt] | [ ](?=[0-9]) )
    (?P<hours>[0-9]{2}):(?P<minutes>[0-9]{2}) (?: :(?P<seconds>[0-9]{2}) )?
    (?P<fraction>[.,][0-9]+)?
    (?: [ ]? (?P<offset>[Zz]|[+-][0-9]{2}:[0-9]{2}) )?
    (?: [ ] (?P<zone>[A-Za-z_][A-Za-z0-9._+/-]*) )?
    (?P<tags>(?:\[[^][]*\])*)
    """,
    re.VERBOSE,
)
_KEYED: Final = re.compile(r"(!?)([a-z_][a-z0-9_-]*)=([A-Za-z0-9]+(?:-[A-Za-z0-9]+)*)")
_ZONE: Final = re.compile(r"(!?)([A-Za-z._][A-Za-z0-9._+/-]*|[+-][0-9]{2}:[0-9]{2})")
_OFFSET: Final = re.compile(r"([+-])([0-9]{2}):([0-9]{2})")


class Instant(Struct, frozen=True, kw_only=True):
    """Attributes: `at`: aware UTC, to the second. `written`: as it was given."""

    at: datetime
    written: str


class BadInstant(UsageError):
    """Not an instant, or not one alone."""

    code = "bad-instant"


def parse(text: str) -> Instant:
    """Raises `BadInstant`."""
    written = text.strip()
    found = _WRITTEN.fullmatch(written) if len(written) <= MAX_LENGTH else None
    if found is None:
        raise BadInstant(f"{_shown(text)} is no instant: write it as {EXAMPLE!r}")
    local = _local(found)
    zone = _zone(found)
    offset = found["offset"]
    if offset is None and zone is None:
        raise BadInstant(
            f"{_shown(text)} names no time zone: write it as"
            f" '{local.isoformat()} Europe/Berlin', or with an offset, '{local.isoformat()}+01:00'"
        )
    try:
        at = _in_zone(local, zone) if offset is None else _with_offset(local, offset, zone)
    except OverflowError as error:
        raise BadInstant(f"{_shown(text)} is beyond the calendar") from error
    return Instant(at=at, written=written)


def refuse_past(instant: Instant, now: datetime) -> None:
    """Raise `BadInstant` where it has passed by more than a minute.

    Args:
        now: aware.
    """
    if instant.at < now - LATE:
        raise BadInstant(
            f"{_shown(instant.written)} has passed ({spoken(instant.at)}; it is"
            f" {spoken(now)} now): to revoke at once leave the instant out"
        )


def spoken(at: datetime) -> str:
    """`2026-12-31T16:00:00Z`."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _local(found: re.Match[str]) -> datetime:
    """The wall clock's reading, naive."""
    if found["fraction"] is not None and found["fraction"].strip(".,0"):
        raise BadInstant(f"{_shown(found[0])}: an instant is to the second, without a fraction")
    if found["seconds"] == "60":
        raise BadInstant(f"{_shown(found[0])}: a leap second cannot be waited for: write :59")
    clock = f"{found['hours']}:{found['minutes']}:{found['seconds'] or '00'}"
    try:
        return datetime.fromisoformat(f"{found['date']}T{clock}")
    except ValueError as error:
        raise BadInstant(f"{_shown(found[0])}: there is no such day or time of day") from error


def _zone(found: re.Match[str]) -> zones.Zone | None:
    """Of the space or of the first tag; the other tags are read as RFC 9557 section 3 wants it."""
    tags = re.findall(r"\[([^][]*)\]", found["tags"])
    named = found["zone"]
    if tags and "=" not in tags[0]:
        tag = _ZONE.fullmatch(tags.pop(0))
        if tag is None:
            raise BadInstant(f"{_shown(found[0])}: a suffix in brackets is no time zone")
        if named is not None:
            raise BadInstant(f"{_shown(found[0])} names two time zones: leave one out")
        named = tag[2]
    _refuse_tags(found[0], tags)
    if named is None:
        return None
    offset = _OFFSET.fullmatch(named)
    zone = timezone(_delta(named)) if offset is not None else zones.find(named)
    if zone is None:
        close = zones.close_to(named)
        rather = f" Did you mean {close}?" if close else " Names are such as Europe/Berlin."
        raise BadInstant(f"no time zone is called {named!a}.{rather}")
    return zone


def _refuse_tags(text: str, tags: list[str]) -> None:
    """RFC 9557 sections 3.1 to 3.3: what must be understood and is not; what is no tag.

    Elective tags, a calendar among them, say how an instant is shown; they are passed over.
    """
    for tag in tags:
        keyed = _KEYED.fullmatch(tag)
        if keyed is None:
            raise BadInstant(f"{_shown(text)}: [{_plain(tag)}] is no suffix of RFC 9557")
        if keyed[2].startswith("_"):
            raise BadInstant(f"{_shown(text)}: [{tag}] is an experiment's: leave it out")
        if keyed[1]:
            raise BadInstant(
                f"{_shown(text)}: [{tag}] must be understood, and is not: leave it out"
            )


def _with_offset(local: datetime, offset: str, zone: zones.Zone | None) -> datetime:
    """`Z` and `-00:00` say only what the instant is (RFC 9557 section 2): they fit every zone."""
    if offset in {"Z", "z", "-00:00"}:
        return local.replace(tzinfo=UTC)
    at = (local - _delta(offset)).replace(tzinfo=UTC)
    if zone is not None and at.astimezone(zone).replace(tzinfo=None) != local:
        there = at.astimezone(zone)
        raise BadInstant(
            f"{local.isoformat()}{offset} does not fit {zones.name(zone)}, where it is"
            f" {there.isoformat()} then: leave out the offset, or correct it"
        )
    return at


def _in_zone(local: datetime, zone: zones.Zone | None) -> datetime:
    """The one instant at which clocks there show it (PEP 495: fold tells two apart)."""
    first, second = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first == second:
        return first
    shown = [f"{at.astimezone(zone).isoformat()} ({spoken(at)})" for at in sorted((first, second))]
    where = zones.name(zone)
    if first < second:
        why = f"{local.isoformat()} happens twice in {where}, where clocks are set back"
    else:
        why = f"{local.isoformat()} never happens in {where}, where clocks are set forward"
    raise BadInstant(f"{why}: write {shown[0]} or {shown[1]}")


def _delta(offset: str) -> timedelta:
    """Raises `BadInstant`."""
    found = _OFFSET.fullmatch(offset)
    if found is None or int(found[2]) > 23 or int(found[3]) > 59:
        raise BadInstant(f"{offset} is no offset from UTC: write it as +01:00")
    delta = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return -delta if found[1] == "-" else delta


def _plain(text: str) -> str:
    return ascii(text)[1:-1]


def _shown(text: str) -> str:
    return ascii(text if len(text) <= MAX_LENGTH else text[:40] + "...")
