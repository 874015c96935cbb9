# SPDX-License-Identifier: Apache-2.0
"""An organisation with a clock that a test moves, for the servers on it."""

from __future__ import annotations

import random
import time

HOST = "dc01.corp.test"
SERVICE_PASSWORD = "Svc-Evict-1"


class Clock:
    """Real time plus an offset."""

    def __init__(self) -> None:
        self.offset = 0.0

    def __call__(self) -> float:
        return time.time() + self.offset

    def move(self, seconds: float) -> None:
        self.offset += seconds

    def to_now(self) -> None:
        self.offset = 0.0


def loopback() -> str:
    """An address of this test's own."""
    dice = random.SystemRandom()
    return f"127.{dice.randint(1, 254)}.{dice.randint(1, 254)}.{dice.randint(2, 254)}"
