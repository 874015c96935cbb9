# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import Mapping


class Steps:
    """Keeps what a cutter reports."""

    def __init__(self, patience_s: float) -> None:
        self.all: list[tuple[int, str, int, dict[str, int], str]] = []
        self._patience_s = patience_s
        self._news = asyncio.Event()

    def __call__(
        self,
        seq: int,
        step: str,
        *,
        count: int = 0,
        left: Mapping[str, int] | None = None,
        detail: str = "",
    ) -> None:
        assert detail or step != "failed"
        self.all.append((seq, step, count, dict(left or {}), detail))
        self._news.set()

    def names(self, seq: int) -> list[str]:
        return [step for s, step, *_ in self.all if s == seq]

    async def until(self, seq: int, step: str) -> None:
        async with asyncio.timeout(self._patience_s):
            while step not in self.names(seq):
                self._news.clear()
                await self._news.wait()
