# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections import deque
from datetime import datetime
from typing import Final

from msgspec import Struct

_REMEMBERED: Final = 500


class Seen(Struct, frozen=True, kw_only=True):
    """One thing that a watch saw and did.

    Attributes:
        label: the account's UPN, for people.
        what: `left`, `opened`, `renamed`, `returned`, `changed`.
        signs: by what it left.
    """

    at: datetime
    account: str
    label: str
    what: str
    signs: tuple[str, ...] = ()


class WatchState:
    """What a watch can say of itself.

    Attributes:
        accounts: how many were seen alive.
    """

    def __init__(self, *, directory: str) -> None:
        self.directory = directory
        self.answers = 0
        self.accounts = 0
        self.compared_at: datetime | None = None
        self.answered_at: datetime | None = None
        self._started_at: datetime | None = None
        self.trouble = ""
        self.recent: deque[Seen] = deque(maxlen=_REMEMBERED)
        self.number = 0
        """Of the newest of `recent`; they are counted from 1."""

    def started(self, at: datetime) -> None:
        self._started_at = at

    def answered(self, at: datetime) -> None:
        self.answers += 1
        self.answered_at = at
        self.trouble = ""

    def failed(self, text: str) -> None:
        self.trouble = text

    def compared(self, at: datetime) -> None:
        self.compared_at = at

    def silent_s(self, now: datetime) -> float:
        """Since the directory answered last, or since the watch was begun."""
        last = self.answered_at or self._started_at
        return 0.0 if last is None else (now - last).total_seconds()

    def saw(self, seen: Seen) -> None:
        self.number += 1
        self.recent.append(seen)

    def since(self, number: int) -> list[Seen]:
        """What was seen after that number, as far as it is remembered."""
        return list(self.recent)[max(0, len(self.recent) - (self.number - number)) :]
