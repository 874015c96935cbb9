# SPDX-License-Identifier: Apache-2.0
"""The trade-off as a picture: exposure falls only where sign-ins soar, and Evict's line below."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator
from typing import Final

from evict.cli.simulate.plot import height
from evict.cli.simulate.words import duration, figure, lifetime, message, quick
from evict.cli.svg import Point, Svg
from evict.simulate.outcome import Outcome

_WIDTH, _HEIGHT = 960.0, 560.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 96.0, 864.0, 136.0, 462.0
_RED, _BLUE, _GREEN, _GREY = "#c0392b", "#1f6fb2", "#1e8449", "#5d6d7e"
_PALE: Final = "#d9dfe5"
_MARKS: Final = {0.0: "0", 1.0: "1 s", 60.0: "1 min", 3600.0: "1 h", 86400.0: "24 h +"}
_LETTER: Final = 7.5
_LABEL: Final = 490.0


def picture(outcome: Outcome) -> str:
    """An SVG document."""
    first, second = message(outcome)
    what = (
        f"Modelled for {outcome.people:,} people: token lifetime against the exposure of leavers"
        f" (95th percentile) and sign-ins a second at the directory in the busiest minute. {second}"
    )
    svg = Svg(_WIDTH, _HEIGHT, title=first, desc=what)
    lines = textwrap.wrap(first, 84)[:2]
    for number, line in enumerate(lines):
        svg.text(_LEFT - 64, 38 + 26 * number, line, size=20, bold=True)
    svg.text(_LEFT - 64, 38 + 26 * len(lines), second, size=18, fill=_GREEN, bold=True)
    longest = max(p.lifetime_s for p in outcome.points) or 1.0
    most = _round_up(max(p.sign_ins_peak_per_s for p in outcome.points))
    _axes(svg, outcome, longest, most)
    _lines(svg, outcome, longest, most)
    _evict(svg, outcome, longest)
    svg.text(
        _LEFT - 64,
        _HEIGHT - 16,
        f"Modelled, not measured: {outcome.people:,} people, {outcome.leavers_drawn:,} leavers"
        f" drawn, seed {outcome.seed}. Exposure: from the disable in the directory to the last"
        " success. evict simulate ttl",
        size=12,
        fill=_GREY,
    )
    return svg.render()


def _axes(svg: Svg, outcome: Outcome, longest: float, most: float) -> None:
    for seconds, name in _MARKS.items():
        y = _y(height(seconds))
        svg.line((_LEFT, y), (_RIGHT, y), stroke=_PALE)
        svg.text(_LEFT - 10, y + 5, name, size=14, fill=_RED, anchor="end")
    for quarter in range(5):
        y = _y(quarter / 4)
        svg.text(_RIGHT + 10, y + 5, figure(most * quarter / 4), size=14, fill=_BLUE)
    for lifetime_s in _named(outcome, longest):
        x = _x(lifetime_s, longest)
        svg.line((x, _BOTTOM), (x, _BOTTOM + 6), stroke=_GREY)
        svg.text(x, _BOTTOM + 24, _tick(lifetime_s), size=14, anchor="middle")
    middle = (_LEFT + _RIGHT) / 2
    svg.text(middle, _BOTTOM + 50, "token lifetime (UserTokenTTL)", size=15, anchor="middle")
    y = _TOP - 18
    svg.text(_LEFT, y, "exposure of leavers, p95", size=15, fill=_RED, bold=True)
    what = "sign-ins a second, busiest minute"
    svg.text(_RIGHT, y, what, size=15, fill=_BLUE, anchor="end", bold=True)


def _lines(svg: Svg, outcome: Outcome, longest: float, most: float) -> None:
    red: list[Point] = []
    blue: list[Point] = []
    for point in outcome.points:
        x = _x(point.lifetime_s, longest)
        red.append((x, _y(height(point.exposure.p95_s))))
        blue.append((x, _y(point.sign_ins_peak_per_s / most)))
    svg.path(
        [(red[0][0], _BOTTOM), *red, (red[-1][0], _BOTTOM)], fill=_RED, opacity=0.08, closed=True
    )
    svg.path(blue, stroke=_BLUE, width=3.5, dash="9 5")
    svg.path(red, stroke=_RED, width=3.5)
    for point, at_red, at_blue in zip(outcome.points, red, blue, strict=True):
        name = lifetime(point.lifetime_s)
        svg.circle(at_blue, 4.5, fill=_BLUE, tip=f"{name}: {figure(point.sign_ins_peak_per_s)}/s")
        svg.circle(at_red, 4.5, fill=_RED, tip=f"{name}: {duration(point.exposure.p95_s)}")


def _evict(svg: Svg, outcome: Outcome, longest: float) -> None:
    svg.line((_LEFT, _BOTTOM), (_RIGHT, _BOTTOM), stroke=_GREEN, width=5)
    usual = outcome.evict.lifetime_s
    if usual > longest:
        return
    x = _x(usual, longest)
    said = f"Evict, token life still {lifetime(usual)}: exposure 0, no sign-in added"
    at = min(max(x, _LEFT + _LABEL / 2), _RIGHT - _LABEL / 2)
    y = _BOTTOM - 78
    svg.line((x, y), (x, _BOTTOM), stroke=_GREEN, width=1.5)
    svg.rect(at - _LABEL / 2, y - 20, _LABEL, 30, fill="#ffffff", stroke=_GREEN, radius=5)
    svg.text(at, y, said, size=14, fill=_GREEN, anchor="middle", bold=True)
    svg.circle((x, _BOTTOM), 9, fill=_GREEN, tip="Evict")


def _named(outcome: Outcome, longest: float) -> Iterator[float]:
    """Lifetimes whose names have room, those that the message is about before all others."""
    lifetimes = [p.lifetime_s for p in outcome.points]
    taken: list[tuple[float, float]] = []
    soon = quick(outcome)
    before = {outcome.evict.lifetime_s, 0.0, longest} | ({soon.lifetime_s} if soon else set())
    for lifetime_s in sorted(lifetimes, key=lambda s: (s not in before, s)):
        x, half = _x(lifetime_s, longest), len(_tick(lifetime_s)) * _LETTER / 2
        if all(abs(x - other) >= half + its + _LETTER for other, its in taken):
            taken.append((x, half))
            yield lifetime_s


def _tick(lifetime_s: float) -> str:
    return "0" if lifetime_s == 0 else lifetime(lifetime_s)


def _round_up(value: float) -> float:
    """A round number that four equal steps reach."""
    if value <= 0:
        return 1.0
    size = 10.0 ** math.floor(math.log10(value))
    return next(step * size for step in (1, 2, 4, 6, 8, 10, 12) if step * size >= value)


def _x(lifetime_s: float, longest: float) -> float:
    """By the square root: short lifetimes lie close together, and matter most."""
    return _LEFT + math.sqrt(lifetime_s / longest) * (_RIGHT - _LEFT)


def _y(share: float) -> float:
    return _BOTTOM - share * (_BOTTOM - _TOP)
