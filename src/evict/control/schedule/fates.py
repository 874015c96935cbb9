# SPDX-License-Identifier: Apache-2.0
"""What becomes of one line of a batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from evict.core.errors import ExitCode


class Fate(StrEnum):
    """In the words that people read."""

    WOULD_CLOSE = "would close now"
    WOULD_SCHEDULE = "would close at its instant"
    CLOSED = "closed"
    SCHEDULED = "scheduled"
    REVOKED = "already revoked"
    SCHEDULED_ALREADY = "already scheduled"
    HELD = "held by the guard"
    HELD_THEN = "held by the guard at its instant"
    DUPLICATE = "duplicate"
    NOT_DONE = "not done"
    SCHEDULED_OTHERWISE = "scheduled for another instant"
    CONTRADICTION = "contradiction"
    PROTECTED = "protected"
    UNKNOWN = "unknown"
    AMBIGUOUS = "ambiguous"
    BAD_NAME = "bad name"
    BAD_INSTANT = "bad instant"
    BAD_LINE = "bad line"
    NOT_LOOKED_UP = "not looked up"
    """The directory did not answer."""

    @property
    def is_bad(self) -> bool:
        """Whether the line makes no sense as it stands."""
        return self in _BAD

    @property
    def exit_code(self) -> ExitCode:
        if self in {Fate.HELD, Fate.HELD_THEN, Fate.PROTECTED}:
            return ExitCode.GUARD_REFUSED
        if self is Fate.NOT_LOOKED_UP:
            return ExitCode.TEMPORARY
        return ExitCode.USAGE if self in _BAD else ExitCode.OK


_BAD = frozenset(
    {
        Fate.SCHEDULED_OTHERWISE,
        Fate.CONTRADICTION,
        Fate.PROTECTED,
        Fate.UNKNOWN,
        Fate.AMBIGUOUS,
        Fate.BAD_NAME,
        Fate.BAD_INSTANT,
        Fate.BAD_LINE,
        Fate.NOT_LOOKED_UP,
    }
)


class LineFate(Struct, frozen=True, kw_only=True):
    """Attributes: `number`: of the line. `schedule`: the id of what was scheduled."""

    number: int
    name: str
    fate: Fate
    text: str = ""
    account: str = ""
    label: str = ""
    at: datetime | None = None
    schedule: str = ""
    exit_code: ExitCode = ExitCode.OK


def counted(lines: Iterable[LineFate]) -> dict[str, int]:
    """How many lines have each fate."""
    return dict(Counter(str(line.fate) for line in lines))
