# SPDX-License-Identifier: Apache-2.0
"""Moves between databases: copied while people work, locked only at the end (New-MoveRequest)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from evict.lab.model.delays import Delays
from evict.lab.model.mailbox import Mailbox
from evict.lab.model.timers import Timers
from evict.lab.model.words import ModelError

QUEUED: Final = "Queued"
IN_PROGRESS: Final = "InProgress"
AUTO_SUSPENDED: Final = "AutoSuspended"
COMPLETING: Final = "CompletionInProgress"
COMPLETED: Final = "Completed"
FAILED: Final = "Failed"
_SHORTEST_S: Final = 5.0


@dataclass
class MoveRequest:
    """One move.

    Attributes:
        suspend: it waits before the end until it is told to complete.
        fails_at: per cent at which it fails; None: it does not.
    """

    sam: str
    source: str
    target: str
    started: float
    copy_s: float
    status: str = QUEUED
    suspend: bool = False
    fails_at: float | None = None
    batch: str = ""
    ended: float | None = None


class Moves:
    """All moves, at most one a mailbox."""

    def __init__(
        self,
        delays: Delays,
        mailboxes: Mapping[str, Mailbox],
        timers: Timers,
        now: Callable[[], float],
        locked: Callable[[str], None],
    ) -> None:
        self._delays = delays
        self._mailboxes = mailboxes
        self._timers = timers
        self._now = now
        self._on_lock = locked
        self.requests: dict[str, MoveRequest] = {}
        self.next_fails_at: float | None = None

    def locked(self, sam: str) -> bool:
        """Whether clients are turned away now."""
        move = self.requests.get(sam)
        return move is not None and move.status == COMPLETING

    def start(
        self, sam: str, target: str, *, suspend: bool = False, batch: str = ""
    ) -> MoveRequest:
        """Raises `ModelError`: "exists" while another stands, "invalid" for its own database."""
        box = self._mailboxes[sam]
        if sam in self.requests:
            raise ModelError("exists", f"{sam} already has a move request")
        if box.database == target:
            raise ModelError("invalid", f"{sam} is in {target} already")
        if box.quarantine is not None and not box.quarantine.allow_migration:
            raise ModelError("invalid", f"{sam} is quarantined and may not be moved")
        copy_s = max(box.size / self._delays.move_bytes_per_s.value, _SHORTEST_S)
        move = MoveRequest(sam, box.database, target, self._now(), copy_s, suspend=suspend)
        move.batch, move.fails_at, self.next_fails_at = batch, self.next_fails_at, None
        move.status = IN_PROGRESS
        self.requests[sam] = move
        share = 1.0 if move.fails_at is None else move.fails_at / 95
        self._timers.at(move.started + copy_s * share, lambda: self._copied(move))
        return move

    def percent(self, move: MoveRequest) -> int:
        """95 is the end of the copy, as Exchange counts."""
        if move.status == COMPLETED:
            return 100
        done = (self._now() - move.started) / move.copy_s
        top = 95 if move.fails_at is None else move.fails_at
        return int(min(done * 95, top))

    def _copied(self, move: MoveRequest) -> None:
        if self.requests.get(move.sam) is not move or move.status != IN_PROGRESS:
            return
        if move.fails_at is not None:
            move.status, move.ended = FAILED, self._now()
        elif move.suspend:
            move.status = AUTO_SUSPENDED
        else:
            self.complete(move)

    def complete(self, move: MoveRequest) -> None:
        """The last synchronisation: locked, and every session on it ended."""
        move.status = COMPLETING
        self._on_lock(move.sam)
        end = self._now() + self._delays.move_completion_s.value
        self._timers.at(end, lambda: self._done(move))

    def _done(self, move: MoveRequest) -> None:
        if self.requests.get(move.sam) is move and move.status == COMPLETING:
            self._mailboxes[move.sam].database = move.target
            move.status, move.ended = COMPLETED, self._now()

    def remove(self, sam: str) -> None:
        """Take a request away. Raises `ModelError` "invalid" in its last phase."""
        move = self.requests.get(sam)
        if move is None:
            raise ModelError("not-found", f"{sam} has no move request")
        if move.status == COMPLETING:
            raise ModelError("invalid", f"the move of {sam} is completing")
        del self.requests[sam]
