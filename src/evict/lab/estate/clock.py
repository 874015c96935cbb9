# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time


class LabClock:
    """The organisation's clock: real time plus an offset that only the lab moves.

    TLS, Evict, its ledger and its evidence never use it.
    """

    def __init__(self) -> None:
        self.offset_s = 0.0

    def __call__(self) -> float:
        """Seconds since 1970, of the organisation."""
        return time.time() + self.offset_s

    def advance(self, seconds: float) -> None:
        """Move it forwards. Raises `ValueError` where that would move it back."""
        if not seconds >= 0:
            raise ValueError("the organisation's clock is only moved forwards")
        self.offset_s += seconds
