# SPDX-License-Identifier: Apache-2.0
"""SEARCH: keys, and whether a message has them. No I/O. Spec: RFC 3501 section 6.4.4."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Final

from msgspec import Struct

from evict.lab.mail import rendering
from evict.lab.mail.imap_fetch import Given
from evict.lab.mail.imap_syntax import BadCommand, Token, astring, numbers

_MAX_DEPTH: Final = 32
_FLAGS: Final = {
    "ANSWERED": ("\\Answered", True),
    "DELETED": ("\\Deleted", True),
    "DRAFT": ("\\Draft", True),
    "FLAGGED": ("\\Flagged", True),
    "SEEN": ("\\Seen", True),
    "UNANSWERED": ("\\Answered", False),
    "UNDELETED": ("\\Deleted", False),
    "UNDRAFT": ("\\Draft", False),
    "UNFLAGGED": ("\\Flagged", False),
    "UNSEEN": ("\\Seen", False),
}
_HEADERS: Final = {"FROM": "from", "TO": "to", "CC": "cc", "BCC": "bcc", "SUBJECT": "subject"}
_MONTHS: Final = tuple(month.lower() for month in calendar.month_abbr)
_DATE: Final = re.compile(r"(\d{1,2})-([a-z]{3})-(\d{4})\Z", re.IGNORECASE)
_SET: Final = re.compile(r"[\d*][\d*:,]*\Z")


class Place(Struct, frozen=True):
    """A message and its number in the folder."""

    number: int
    given: Given


class Highest(Struct, frozen=True):
    """What `*` stands for."""

    number: int
    uid: int


Test = Callable[[Place], bool]


def search(keys: Sequence[Token], highest: Highest) -> Test:
    """One test of all keys. Raises `BadCommand`."""
    waiting = list(reversed(keys))
    if waiting and isinstance(waiting[-1], str) and waiting[-1].upper() == "CHARSET":
        waiting.pop()
        charset = astring(_next(waiting)).upper()
        if charset not in ("UTF-8", "US-ASCII"):
            raise BadCommand("a character set that is not known")
    if not waiting:
        raise BadCommand("nothing to search for")
    return _all(waiting, highest, 0)


def _all(waiting: list[Token], highest: Highest, depth: int) -> Test:
    tests: list[Test] = []
    while waiting:
        tests.append(_one(waiting, highest, depth))
    return lambda place: all(test(place) for test in tests)


def _one(waiting: list[Token], highest: Highest, depth: int) -> Test:
    if depth > _MAX_DEPTH:
        raise BadCommand("too deep")
    token = _next(waiting)
    if isinstance(token, list):
        return _all(list(reversed(token)), highest, depth + 1)
    key = astring(token).upper()
    if key == "NOT":
        test = _one(waiting, highest, depth + 1)
        return lambda place: not test(place)
    if key == "OR":
        one, other = (_one(waiting, highest, depth + 1) for _ in range(2))
        return lambda place: one(place) or other(place)
    if key in _FLAGS:
        flag, wanted = _FLAGS[key]
        return lambda place: (flag in place.given.flags) is wanted
    if _SET.match(key):
        chosen = numbers(key, highest.number)
        return lambda place: place.number in chosen
    return _with_argument(key, waiting, highest)


def _with_argument(key: str, waiting: list[Token], highest: Highest) -> Test:
    if key in ("ALL", "OLD", "NEW", "RECENT"):
        return lambda _: key in ("ALL", "OLD")
    if key == "UID":
        chosen = numbers(_next(waiting), highest.uid)
        return lambda place: place.given.uid in chosen
    if key in ("KEYWORD", "UNKEYWORD"):
        flag = astring(_next(waiting))
        return lambda place: (flag in place.given.flags) is (key == "KEYWORD")
    if key in ("LARGER", "SMALLER"):
        return _size(key, astring(_next(waiting)))
    if key.removeprefix("SENT") in ("BEFORE", "ON", "SINCE"):
        return _date(key.removeprefix("SENT"), astring(_next(waiting)))
    return _text(key, waiting)


def _text(key: str, waiting: list[Token]) -> Test:
    header = _HEADERS.get(key)
    if key == "HEADER":
        header = astring(_next(waiting)).lower()
    elif header is None and key not in ("BODY", "TEXT"):
        raise BadCommand("a search key that is not known")
    wanted = astring(_next(waiting)).casefold()
    if header == "subject":
        return lambda place: wanted in place.given.message.subject.casefold()
    if header is not None:
        return lambda place: wanted in rendering.field(place.given.octets, header).casefold()

    def test(place: Place) -> bool:
        message = place.given.message
        held = message.body
        if key == "TEXT":
            held = "\n".join((message.sender, *message.to, message.subject, held))
        return wanted in held.casefold()

    return test


def _size(key: str, text: str) -> Test:
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise BadCommand("no size")
    size = int(text)
    if key == "LARGER":
        return lambda place: len(place.given.octets) > size
    return lambda place: len(place.given.octets) < size


def _date(key: str, text: str) -> Test:
    match = _DATE.match(text)
    month = match[2].lower() if match else ""
    if match is None or month not in _MONTHS[1:]:
        raise BadCommand("no date")
    try:
        wanted = date(int(match[3]), _MONTHS.index(month), int(match[1]))
    except ValueError as error:
        raise BadCommand("no date") from error

    def test(place: Place) -> bool:
        day = datetime.fromtimestamp(place.given.message.received, UTC).date()
        return {"BEFORE": day < wanted, "ON": day == wanted, "SINCE": day >= wanted}[key]

    return test


def _next(waiting: list[Token]) -> Token:
    if not waiting:
        raise BadCommand("a search key without its argument")
    return waiting.pop()
