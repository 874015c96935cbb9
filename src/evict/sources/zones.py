# SPDX-License-Identifier: Apache-2.0
"""The time zones of the pinned `tzdata` package, whatever this host has in /usr/share/zoneinfo."""

from __future__ import annotations

import difflib
from datetime import timezone
from functools import cache
from importlib.resources import files
from typing import Final
from zoneinfo import ZoneInfo

Zone = ZoneInfo | timezone

_NOBODYS: Final = "Factory"
"""Stands for a clock that nobody has set."""


def names() -> frozenset[str]:
    return frozenset(_by_lower().values())


@cache
def find(named: str) -> ZoneInfo | None:
    """In any case of its letters; None: there is none."""
    spelled = _by_lower().get(named.lower())
    if spelled is None:
        return None
    with files("tzdata").joinpath("zoneinfo", *spelled.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=spelled)


def close_to(named: str) -> str:
    """A zone whose name, or whose city, looks like it; "" where none does."""
    lower = _by_lower()
    cities = {low.rsplit("/", 1)[-1]: low for low in sorted(lower)}
    for known in (dict.fromkeys(lower), cities):
        if found := difflib.get_close_matches(named.lower(), known, n=1, cutoff=0.75):
            return lower[cities[found[0]] if known is cities else found[0]]
    return ""


def name(zone: Zone | None) -> str:
    return str(zone)


@cache
def _by_lower() -> dict[str, str]:
    listed = files("tzdata").joinpath("zones").read_text("ascii").split()
    return {spelled.lower(): spelled for spelled in listed if spelled != _NOBODYS}
