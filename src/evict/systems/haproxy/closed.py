# SPDX-License-Identifier: Apache-2.0
"""Who is closed, as HAProxy has it: keys of its map, and the file that it reads at its start."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

import structlog

from evict.systems.haproxy import files
from evict.systems.haproxy.places import STATE, Places
from evict.systems.haproxy.process import Mark, key_of

PAUSE_S: Final = 0.2
"""Between two writings of the file."""
RETRY_S: Final = 0.5

log = structlog.get_logger()


class Complaints:
    """Says once what is wrong, and once that it is over.

    Attributes:
        faults: what it is about -> what is wrong with it now.
    """

    def __init__(self, system: str) -> None:
        self._system = system
        self.faults: dict[str, str] = {}

    def complain(self, about: str, text: str) -> bool:
        """Args: text: "" where it is over. Whether something wrong was said now."""
        if self.faults.get(about, "") == text:
            return False
        self.faults[about] = text
        if text:
            log.error("haproxy.fault", system=self._system, about=about, error=text)
        else:
            log.info("haproxy.fault-over", system=self._system, about=about)
        return bool(text)


class Closed:
    """The keys of everybody who is closed; the file follows them.

    Attributes:
        keys: as maps have them.
    """

    def __init__(self, at: Places, complaints: Complaints) -> None:
        self._at = at
        self._complaints = complaints
        self._mark = Mark()
        self._news = asyncio.Event()
        self.keys: set[str] = set()

    @property
    def mark(self) -> str:
        """What the keys are, in a word."""
        return str(self._mark)

    def add(self, keys: Iterable[str]) -> None:
        """These are closed, too."""
        for key in keys:
            if key not in self.keys:
                self.keys.add(key)
                self._mark.add(key)
                self._news.set()

    def take(self, forms: Iterable[bytes]) -> None:
        """These canonical forms are closed, and nobody else."""
        wanted = {key_of(form.decode()) for form in forms}
        for key in self.keys - wanted:
            self._mark.remove(key)
        for key in wanted - self.keys:
            self._mark.add(key)
        if wanted != self.keys:
            self.keys = wanted
            self._news.set()

    async def write_on(self) -> None:
        """Write the file whenever it is not what the keys are, until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            keys, mark = list(self.keys), self.mark
            try:
                await asyncio.to_thread(_write, self._at, keys, mark)
            except OSError as error:
                self._complaints.complain("map_file", f"{self._at.closed}: {error.strerror}")
                self._news.set()
                await asyncio.sleep(RETRY_S)
            else:
                self._complaints.complain("map_file", "")
            await asyncio.sleep(PAUSE_S)


def _write(at: Places, keys: list[str], mark: str) -> None:
    lines = [f"{key} 1\n" for key in keys]
    lines.append(f"{STATE} {mark}\n")
    files.replace(at.closed, lines)
