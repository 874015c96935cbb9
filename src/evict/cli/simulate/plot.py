# SPDX-License-Identifier: Apache-2.0
"""The trade-off as a plot of characters: exposure upwards, sign-ins to the right."""

from __future__ import annotations

import math
from typing import Final

from rich.text import Text

from evict.cli.simulate.words import figure, lifetime
from evict.simulate.outcome import WATCHED_S, Outcome

_WIDTH: Final = 78
_HEIGHT: Final = 15
_MARGIN: Final = 9
_MARKS: Final = {86400.0: "> 24 h", 36000.0: "10 h", 3600.0: "1 h", 60.0: "1 min", 0.0: "0"}


def height(seconds: float) -> float:
    """0 to 1: nought has a place on an axis that is logarithmic above."""
    return math.log1p(min(seconds, WATCHED_S)) / math.log1p(WATCHED_S)


class _Paper:
    """Cells of characters with styles; a label goes where nothing is yet."""

    def __init__(self) -> None:
        self._cells = [[(" ", "")] * _WIDTH for _ in range(_HEIGHT)]

    def put(self, row: int, column: int, said: str, style: str = "") -> None:
        for offset, letter in enumerate(said):
            if 0 <= column + offset < _WIDTH:
                self._cells[row][column + offset] = (letter, style)

    def free(self, row: int, column: int, length: int) -> bool:
        if not (0 <= row < _HEIGHT and column >= 0 and column + length <= _WIDTH):
            return False
        return all(self._cells[row][c][0] in " ·" for c in range(column, column + length))

    def label(self, row: int, column: int, said: str) -> None:
        """Beside a point, or above or below it; left out where there is no room at all."""
        middle = column - len(said) // 2
        beside = [(row, column + 2), (row, column - 1 - len(said))]
        for place in beside + [(row + level, middle) for level in (-1, 1, -2, 2)]:
            if self.free(*place, len(said)):
                self.put(*place, said)
                return

    def line(self, row: int) -> Text:
        return Text.assemble(*self._cells[row])


def plot(outcome: Outcome) -> list[Text]:
    """Lines of less than 100 columns; every point is a sign of its own, so colour adds nothing."""
    peaks = [p.sign_ins_peak_per_s for p in outcome.points] + [outcome.evict.sign_ins_peak_per_s]
    low, high = math.floor(_log(min(peaks))), max(math.ceil(_log(max(peaks))), 1)
    high = max(high, low + 1)
    paper = _Paper()
    marks = {_row(height(s)): name for s, name in _MARKS.items()}
    for row in marks:
        paper.put(row, 0, "·" * _WIDTH, "dim")
    places = []
    for point in outcome.points:
        column = _column(point.sign_ins_peak_per_s, low, high)
        row = _row(height(point.exposure.p95_s))
        paper.put(row, column, "●", "red")
        places.append((row, column, lifetime(point.lifetime_s)))
    usual = _column(outcome.evict.sign_ins_peak_per_s, low, high)
    paper.put(_HEIGHT - 1, usual, "◆", "bold green")
    paper.label(_HEIGHT - 1, usual, "Evict")
    for place in sorted(places, key=lambda p: p[1]):
        paper.label(*place)
    lines = [Text("exposure of leavers, p95", style="bold")]
    lines += [
        Text(f"{marks.get(row, ''):>{_MARGIN - 2}} ┤").append_text(paper.line(row))
        for row in range(_HEIGHT)
    ]
    lines.append(Text(" " * (_MARGIN - 1) + "└" + "─" * _WIDTH))
    lines.append(_decades(low, high))
    lines.append(Text("sign-ins a second at the directory, busiest minute".rjust(_MARGIN + _WIDTH)))
    return lines


def _decades(low: int, high: int) -> Text:
    cells = [" "] * (_MARGIN + _WIDTH + 4)
    for power in range(low, high + 1):
        said = "0.01" if power < -1 else figure(10.0**power)
        at = _MARGIN + round((power - low) / (high - low) * (_WIDTH - 1))
        begin = max(min(at - len(said) // 2, len(cells) - len(said)), 0)
        cells[begin : begin + len(said)] = said
    return Text("".join(cells).rstrip())


def _log(value: float) -> float:
    return math.log10(max(value, 0.01))


def _column(peak: float, low: int, high: int) -> int:
    return round((_log(peak) - low) / (high - low) * (_WIDTH - 1))


def _row(high: float) -> int:
    return round((1 - high) * (_HEIGHT - 1))
