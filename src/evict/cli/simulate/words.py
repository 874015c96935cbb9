# SPDX-License-Identifier: Apache-2.0
"""How a simulation's numbers are written for people."""

from __future__ import annotations

from typing import Final

from evict.simulate.outcome import WATCHED_S, Outcome, Point

_STEPS: Final = ((3600.0, "h"), (60.0, "min"), (1.0, "s"))
SHUT_S: Final = 60.0
"""Within which the picture's message wants leavers shut out."""


def duration(seconds: float) -> str:
    """`90 s` as `1.5 min`; what was watched to its end is longer than that."""
    if seconds >= WATCHED_S:
        return "> 24 h"
    for size, unit in _STEPS:
        if seconds >= size:
            return f"{figure(seconds / size)} {unit}"
    return "0" if seconds == 0 else "< 1 s"


def lifetime(seconds: float) -> str:
    """A setting: no rounding of usual ones."""
    if seconds == 0:
        return "none"
    for size, unit in _STEPS:
        if seconds >= size and (seconds / size * 10).is_integer():
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"


def figure(value: float) -> str:
    """Two or three digits."""
    if value >= 1000:
        return f"{value:,.0f}"
    text = f"{value:.0f}" if value >= 100 else f"{value:.1f}"
    return text.removesuffix(".0")


def share(value: float) -> str:
    return f"{value * 100:.1f} %".replace(".0 %", " %")


def quick(outcome: Outcome) -> Point | None:
    """The longest lifetime, shorter than the default, that shuts 95 of 100 leavers out soon."""
    soon = [
        p
        for p in outcome.points
        if p.exposure.p95_s <= SHUT_S and p.lifetime_s < outcome.evict.lifetime_s
    ]
    return max(soon, key=lambda p: p.lifetime_s) if soon else None


def message(outcome: Outcome) -> tuple[str, str]:
    """The picture in two lines."""
    life = lifetime(outcome.evict.lifetime_s)
    least = f"Evict with a hook at the front: 0 s in this model, and the lifetime stays at {life}."
    point = quick(outcome)
    if point is None:
        return "None of these token lifetimes shuts leavers out within a minute.", least
    life = lifetime(point.lifetime_s)
    how = "no token cache" if point.lifetime_s == 0 else f"a token life of {life}"
    usual = outcome.evict.sign_ins_peak_per_s
    times = point.sign_ins_peak_per_s / usual if usual else 1.0
    cost = f"{times:.0f} times the sign-ins" if times > 1.5 else "no more sign-ins"
    return f"To shut leavers out in a minute: {how}, and {cost}.", least
