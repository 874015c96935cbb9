# SPDX-License-Identifier: Apache-2.0
"""Announced leavers: from its instant on each is refused, even if the control plane is away.

An instant that was reached stays reached: a clock that is set back lets nobody in again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from msgspec import Struct

from evict.core.revocation import Body
from evict.ledger.feed import Announcement

GLANCE_S: Final = 0.5
"""The wall clock is looked at so often: it may be set, or have gone on while the host slept."""


class _Reached(Struct, frozen=True):
    """An announcement whose instant has come.

    Attributes:
        seq: how far the entries reached then.
        counted: its forms are refused by it; False: an entry speaks for the account instead.
    """

    announcement: Announcement
    seq: int
    counted: bool


class Announcements:
    """The list as it was last sent, and which of it are reached. Has no clock and no loop."""

    def __init__(self) -> None:
        self._waiting: dict[str, Announcement] = {}
        self._reached: dict[str, _Reached] = {}
        self.next_at: float | None = None
        """POSIX time of the next instant."""

    def replace(self, people: Iterable[Announcement]) -> list[Announcement]:
        """Take a new list; which counted ones are not on it, or not for that instant, any more."""
        before, self._reached, self._waiting = self._reached, {}, {}
        for one in people:
            known = before.get(one.id)
            if known is not None and _same(known.announcement, one):
                self._reached[one.id] = before.pop(one.id)
            else:
                self._waiting[one.id] = one
        self._find_next()
        return [gone.announcement for gone in before.values() if gone.counted]

    def reach(self, now: float) -> list[Announcement]:
        """Take off the waiting list whose instant has come; each is to be counted or not."""
        due = [one for one in self._waiting.values() if one.at.timestamp() <= now]
        for one in due:
            del self._waiting[one.id]
        self._find_next()
        return due

    def _find_next(self) -> None:
        instants = (one.at.timestamp() for one in self._waiting.values())
        self.next_at = min(instants, default=None)

    def count(self, one: Announcement, *, seq: int, counted: bool) -> None:
        self._reached[one.id] = _Reached(one, seq, counted)

    def superseded_by(self, body: Body) -> list[Announcement]:
        """The counted ones for which this entry speaks from now on.

        An older entry, sent once more with the whole chain, does not.
        """
        found = [
            known
            for known in self._reached.values()
            if known.counted
            and known.announcement.account == body.account
            and (body.seq > known.seq or body.at >= known.announcement.at)
        ]
        for known in found:
            self.count(known.announcement, seq=known.seq, counted=False)
        return [known.announcement for known in found]

    @property
    def counted(self) -> list[Announcement]:
        return [known.announcement for known in self._reached.values() if known.counted]


def _same(one: Announcement, other: Announcement) -> bool:
    return (one.account, one.at) == (other.account, other.at)


class Reaching(Protocol):
    """The replica, as far as its clock's loop needs it."""

    @property
    def next_instant(self) -> float | None: ...


class Alarm:
    """Calls `reach` at each announced instant.

    Args:
        reach: takes whose instant has come, and acts.
        clock: wall clock, POSIX seconds.
    """

    def __init__(
        self,
        replica: Reaching,
        reach: Callable[[], None],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._replica = replica
        self._reach = reach
        self._clock = clock
        self._changed = asyncio.Event()

    def changed(self) -> None:
        """There is another list."""
        self._changed.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            self._changed.clear()
            at = self._replica.next_instant
            pause_s = None if at is None else min(at - self._clock(), GLANCE_S)
            if pause_s is not None and pause_s <= 0:
                self._reach()
                continue
            try:
                async with asyncio.timeout(pause_s):
                    await self._changed.wait()
            except TimeoutError:
                continue
