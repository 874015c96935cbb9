# SPDX-License-Identifier: Apache-2.0
"""Moves between databases: copied while people work, locked only at the end (New-MoveRequest)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
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
ENDED: Final = (COMPLETED, FAILED)
COPIED: Final = 95
"""Per cent at which the copy is done, as Exchange counts."""


@dataclass(eq=False)
class MoveRequest:
    """One move.

    Attributes:
        suspend: it waits before the end until it is told to complete.
        fails_at: per cent at which it fails, above 95 in the last phase; None: it does not.
        copying_since: when it left the queue.
        failure: what Exchange would say of it.
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
    copying_since: float | None = None
    ended: float | None = None
    failure: str = ""


class Moves:
    """All moves, at most one a mailbox. `next_fails_at` makes the next one fail there."""

    def __init__(  # noqa: PLR0913 - what a move touches
        self,
        *,
        delays: Delays,
        mailboxes: Mapping[str, Mailbox],
        databases: Collection[str],
        timers: Timers,
        now: Callable[[], float],
        locked: Callable[[str], None],
    ) -> None:
        self._delays = delays
        self._mailboxes = mailboxes
        self._databases = databases
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
        self,
        sam: str,
        target: str,
        *,
        suspend: bool = False,
        batch: str = "",
        fails_at: float | None = None,
    ) -> MoveRequest:
        """Raises `ModelError`: "exists" while another stands, "invalid", "not-found"."""
        box = self._mailboxes[sam]
        if target not in self._databases:
            raise ModelError("not-found", f"there is no database {target}")
        if sam in self.requests:
            raise ModelError("exists", f"{sam} already has a move request")
        if box.database == target:
            raise ModelError("invalid", f"{sam} is in {target} already")
        if box.quarantine is not None and not box.quarantine.allow_migration:
            raise ModelError("invalid", f"{sam} is quarantined and may not be moved")
        speed = self._delays.move_bytes_per_s.value
        copy_s = max(box.size / speed, self._delays.move_shortest_s.value)
        move = MoveRequest(sam, box.database, target, self._now(), copy_s, suspend=suspend)
        move.batch = batch
        move.fails_at = self.next_fails_at if fails_at is None else fails_at
        self.next_fails_at = None
        self.requests[sam] = box.move = move
        queued = move.started + self._delays.move_queued_s.value
        self._timers.at(queued, lambda: self._begin(move))
        return move

    def percent(self, move: MoveRequest) -> int:
        if move.status == COMPLETED:
            return 100
        if move.copying_since is None:
            return 0
        done = (self._now() - move.copying_since) / move.copy_s * COPIED
        return int(min(done, COPIED if move.fails_at is None else min(move.fails_at, COPIED)))

    def _stands(self, move: MoveRequest, status: str) -> bool:
        return self.requests.get(move.sam) is move and move.status == status

    def _begin(self, move: MoveRequest) -> None:
        due = self._timers.due
        if not self._stands(move, QUEUED):
            return
        move.status, move.copying_since = IN_PROGRESS, due
        share = 1.0 if move.fails_at is None else min(move.fails_at / COPIED, 1.0)
        self._timers.at(due + move.copy_s * share, lambda: self._copied(move))

    def _copied(self, move: MoveRequest) -> None:
        due = self._timers.due
        if not self._stands(move, IN_PROGRESS):
            return
        if move.fails_at is not None and move.fails_at <= COPIED:
            self._fail(move, due)
        elif move.suspend:
            move.status = AUTO_SUSPENDED
        else:
            self._complete(move, due)

    def _fail(self, move: MoveRequest, due: float) -> None:
        """The mailbox stays where it was, and whoever was turned away comes in again."""
        move.status, move.ended = FAILED, due
        move.failure = "MapiExceptionNetworkError: Unable to make connection to the server."

    def complete(self, move: MoveRequest) -> None:
        """Let one that waits come to its end; one that still copies will not wait."""
        if move.status in (COMPLETING, *ENDED):
            raise ModelError("invalid", f"the move of {move.sam} is {move.status}")
        move.suspend = False
        if move.status == AUTO_SUSPENDED:
            self._complete(move, self._now())

    def _complete(self, move: MoveRequest, due: float) -> None:
        """The last synchronisation: locked, and every session on it ended."""
        move.status = COMPLETING
        self._on_lock(move.sam)
        end = due + self._delays.move_completion_s.value
        self._timers.at(end, lambda: self._done(move))

    def _done(self, move: MoveRequest) -> None:
        due = self._timers.due
        if not self._stands(move, COMPLETING):
            return
        if move.fails_at is not None:
            self._fail(move, due)
            return
        box = self._mailboxes[move.sam]
        box.database = move.target
        if box.archive is not None and box.archive.database == move.source:
            box.archive.database = move.target
        move.status, move.ended = COMPLETED, due

    def get(self, sam: str) -> MoveRequest:
        """Raises `ModelError` where there is none."""
        move = self.requests.get(sam)
        if move is None:
            raise ModelError("not-found", f"{sam} has no move request")
        return move

    def remove(self, sam: str) -> None:
        """Take a request away. Raises `ModelError` "invalid" in its last phase."""
        if self.get(sam).status == COMPLETING:
            raise ModelError("invalid", f"the move of {sam} is completing")
        del self.requests[sam]
        self._mailboxes[sam].move = None
