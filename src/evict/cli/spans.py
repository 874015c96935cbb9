# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Final

_MINUTE: Final = 60.0
_HOUR: Final = 3600.0
_DAY: Final = 86400.0
_CARRY: Final = 90
"""Seconds and minutes are said up to that many: 66 s, not 1 min; 75 min, not 1 h."""
_TENTHS: Final = 10
_DAYS: Final = 2


def span(seconds: float) -> str:
    """A time as people say it: `0 s`, `1.5 s`, `66 s`, `7 min`, `4.2 h`, `3 d`.

    The unit is chosen after rounding. Raises `ValueError` for one below 0.
    """
    if seconds < 0:
        raise ValueError(f"{seconds} s is no time that passes")
    if round(seconds) < _CARRY:
        return f"{_tenths(seconds)} s"
    if round(seconds / _MINUTE) < _CARRY:
        return f"{round(seconds / _MINUTE)} min"
    if seconds < _DAYS * _DAY:
        return f"{_tenths(seconds / _HOUR)} h"
    return f"{round(seconds / _DAY)} d"


def _tenths(value: float) -> str:
    """One decimal below ten, where there is one to say."""
    return f"{round(value, 1):g}" if value < _TENTHS else f"{round(value)}"
