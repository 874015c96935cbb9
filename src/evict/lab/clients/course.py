# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from itertools import count
from typing import Final

from evict.lab.model.organisation import Organisation

START_S: Final = 1_767_600_000.0
"""Any Monday, 08:00 UTC (5 January 2026); the model knows no weekday."""


class Course:
    """The passing of time for one organisation and the clients at it.

    It jumps from one act to the next; what falls due in the organisation before an act happens
    before it.
    """

    def __init__(self, start_s: float = START_S) -> None:
        self._now_s = start_s
        self._acts: list[tuple[float, int, Callable[[], None]]] = []
        self._number = count()

    def now(self) -> float:
        """Seconds since 1970, of the organisation's clock."""
        return self._now_s

    def at(self, due_s: float, act: Callable[[], None]) -> None:
        """Do something at an instant; one that passed already is now."""
        heapq.heappush(self._acts, (max(due_s, self._now_s), next(self._number), act))

    def after(self, wait_s: float, act: Callable[[], None]) -> None:
        self.at(self._now_s + wait_s, act)

    def run(self, organisation: Organisation, until_s: float) -> None:
        """Let time pass until then, everything due at that very instant included."""
        while True:
            act_s = self._acts[0][0] if self._acts else math.inf
            due_s = organisation.next_due()
            if due_s is not None and due_s <= min(act_s, until_s):
                self._now_s = max(due_s, self._now_s)
                organisation.tick()
            elif act_s <= until_s:
                self._now_s, _, act = heapq.heappop(self._acts)
                act()
            else:
                break
        self._now_s = max(until_s, self._now_s)
