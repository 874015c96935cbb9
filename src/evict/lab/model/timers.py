# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count


class Timers:
    """What falls due when; fires in order, also when the clock jumped over many.

    Attributes:
        due: while something fires, the instant at which it was due: a jump may have passed it long
            ago, and what it sets counts from there.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self.due = 0.0
        self._number = count()

    def __len__(self) -> int:
        return len(self._heap)

    def at(self, due: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (due, next(self._number), act))

    def next_due(self) -> float | None:
        return self._heap[0][0] if self._heap else None

    def fire(self, now: float) -> None:
        """Everything that fell due by now, that which became due by firing included."""
        while self._heap and self._heap[0][0] <= now:
            due, _, act = heapq.heappop(self._heap)
            self.due = due
            act()
