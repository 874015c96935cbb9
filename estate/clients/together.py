# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

from estate.clients.leaver import LeaverClients, Track


class Clients(Protocol):
    """What is asked of a leaver's clients once they run."""

    @property
    def tracks(self) -> Sequence[Track]: ...

    def wait_shut(self, timeout_s: float) -> bool: ...

    def survivors(self) -> tuple[str, ...]: ...


class Together:
    """Clients of several kinds, as one."""

    def __init__(self, *kinds: LeaverClients) -> None:
        self._kinds = kinds

    @property
    def tracks(self) -> tuple[Track, ...]:
        return tuple(track for kind in self._kinds for track in kind.tracks)

    def wait_shut(self, timeout_s: float) -> bool:
        """Wait until every door has failed once; False where one has not in time."""
        until = time.monotonic() + timeout_s
        return all(kind.wait_shut(max(until - time.monotonic(), 0.0)) for kind in self._kinds)

    def survivors(self) -> tuple[str, ...]:
        return tuple(door for kind in self._kinds for door in kind.survivors())
