# SPDX-License-Identifier: Apache-2.0
"""What is kept of notices, and when a failed one is tried again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Protocol

from msgspec import Struct

from evict.control.notices.news import News, NewsKind

GIVEN_UP_AFTER: Final = timedelta(days=3)
_STEPS_S: Final = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0)
_LONGEST_WISH_S: Final = 3600.0


class Notice(Struct, frozen=True, kw_only=True):
    """One thing to be told over one way, until it is delivered.

    Attributes:
        id: the same at each try, so that a receiver knows it again. Holds no full stop: it is
            signed beside others that are parted by one (Standard Webhooks, signature scheme).
        at: when it was told; due: not to be tried before.
        folded: how many of each kind this one stands for, where it sums up a flood.
    """

    id: str
    way: str
    news: News
    at: datetime
    due: datetime
    tries: int = 0
    folded: dict[str, int] = {}


class Lasting(Struct, frozen=True, kw_only=True):
    """A thing that was told and goes on.

    Attributes:
        told_at: when it was told last; said_at: when it was heard last.
        again: how often it was heard since it was told.
    """

    kind: NewsKind
    account: str
    told_at: datetime
    said_at: datetime
    lasts_minutes: int
    again: int = 0


class Lost(Struct, frozen=True, kw_only=True):
    """What could not be delivered over one way."""

    count: int
    last_at: datetime
    why: str


class NotDelivered(Exception):
    """It did not arrive, or nobody can tell whether it did.

    Args:
        text: why; no secret, nothing of the notice.
        alone: this notice was refused, and others may go.
        wait_s: how long the receiver asks to be left alone.
    """

    def __init__(self, text: str, *, alone: bool = False, wait_s: float | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.alone = alone
        self.wait_s = wait_s


class Way(Protocol):
    """One way to tell people."""

    async def send(self, notice: Notice) -> None:
        """Deliver one notice in bounded time. Raises `NotDelivered`."""


def pause_s(tries: int, *, dice: float, wish_s: float | None = None) -> float:
    """How long to wait after the `tries`-th failure in a row.

    Args:
        dice: 0 to 1; spreads the tries of many senders.
        wish_s: the receiver's own word.
    """
    step = _STEPS_S[min(tries, len(_STEPS_S)) - 1] if tries > 0 else _STEPS_S[0]
    own = step * (0.8 + 0.4 * dice)
    return own if wish_s is None else max(own, min(wish_s, _LONGEST_WISH_S))
