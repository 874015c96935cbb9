# SPDX-License-Identifier: Apache-2.0
"""How soon one account is looked at again: at once, then ever later while it goes on."""

from __future__ import annotations

from typing import Final

STEPS_S: Final = (0.0, 5.0, 15.0, 60.0, 300.0, 900.0)
"""Pauses after the first, second, ... closing in a row; the hooks refuse all the while."""
BETWEEN_LOOKS_S: Final = 1.0


class Pace:
    """Of one account. Instants are seconds of one clock that never goes back."""

    def __init__(self, *, quiet_s: float) -> None:
        self._quiet_s = quiet_s
        self._looked_at: float | None = None
        self._closed_at: float | None = None
        self._step = 0

    def wait_s(self, now: float) -> float:
        """How long from now until it may be looked at."""
        if self.quiet(now):
            self._step = 0
        wait = 0.0
        if self._looked_at is not None:
            wait = self._looked_at + BETWEEN_LOOKS_S - now
        if self._closed_at is not None:
            wait = max(wait, self._closed_at + STEPS_S[self._step] - now)
        return max(wait, 0.0)

    def looked(self, now: float) -> None:
        self._looked_at = now

    def closed(self, now: float) -> None:
        """It had to be closed again."""
        self._closed_at = now
        self._step = min(self._step + 1, len(STEPS_S) - 1)

    def quiet(self, now: float) -> bool:
        """Whether nothing had to be closed for so long that this is forgotten."""
        return self._closed_at is None or now - self._closed_at >= self._quiet_s
