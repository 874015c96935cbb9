# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import difflib
from collections.abc import Sequence

from evict.core.errors import UsageError


def chosen(name: str, known: Sequence[str], what: str) -> str:
    """One of the known words, in any case.

    Raises:
        UsageError: there is no such; it names the nearest.
    """
    by_case = {each.lower(): each for each in known}
    if name.lower() in by_case:
        return by_case[name.lower()]
    raise UsageError(f"there is no {what} {name!r}; the nearest is {_nearest(name, known)!r}")


def _nearest(name: str, known: Sequence[str]) -> str:
    """Of years the nearest in time, else by the letters."""
    years = [each for each in known if each.isdecimal()]
    if name.isdecimal() and years:
        return min(years, key=lambda year: abs(int(year) - int(name)))
    by_case = {each.lower(): each for each in known}
    near = difflib.get_close_matches(name.lower(), by_case, n=1, cutoff=0.0)
    return by_case[near[0]]
