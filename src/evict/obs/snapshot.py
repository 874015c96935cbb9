# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class Snapshot(Struct, frozen=True, kw_only=True):
    """What is so at the moment of the question. None: there is no such thing here.

    Attributes:
        cases: state -> how many.
        behind: entries that the slowest agent has not acknowledged.
        watch_age_s: since the directory watch last got an answer.
    """

    ready: bool
    revoked: int
    entries: int
    cases: Mapping[str, int]
    agents_connected: int
    agents_lost: int
    behind: int
    held: int = 0
    scheduled: int = 0
    notices_waiting: int = 0
    notice_ways_lost: int = 0
    watch_age_s: float | None = None
    config_refused: bool = False
    restart_needed: bool = False
