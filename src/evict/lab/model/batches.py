# SPDX-License-Identifier: Apache-2.0
"""Migration batches: several moves under one name (New-MigrationBatch, 2013 and later)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from evict.lab.model.moves import (
    AUTO_SUSPENDED,
    COMPLETED,
    COMPLETING,
    ENDED,
    FAILED,
    MoveRequest,
    Moves,
)
from evict.lab.model.words import ModelError


@dataclass(eq=False)
class MigrationBatch:
    """`auto_complete` is False: every move waits before its end (status "Synced")."""

    name: str
    target: str
    created: float
    auto_complete: bool
    moves: list[MoveRequest] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """The batch's own word for what its moves are in."""
        states = {move.status for move in self.moves}
        if not states or states == {FAILED}:
            return "Failed"
        if states <= set(ENDED):
            return (
                "Completed" if states == {COMPLETED} and not self.refused else "CompletedWithErrors"
            )
        if COMPLETING in states:
            return "Completing"
        return "Synced" if states <= {AUTO_SUSPENDED, *ENDED} else "Syncing"


class Batches:
    def __init__(self, moves: Moves, now: Callable[[], float]) -> None:
        self._moves = moves
        self._now = now
        self.batches: dict[str, MigrationBatch] = {}

    def start(
        self, name: str, sams: Sequence[str], target: str, *, auto_complete: bool = False
    ) -> MigrationBatch:
        """One person's refusal stops none of the others; it stands in `refused`."""
        if name.lower() in self.batches:
            raise ModelError("exists", f"there is a migration batch {name!r} already")
        batch = MigrationBatch(name, target, self._now(), auto_complete)
        for sam in sams:
            try:
                move = self._moves.start(sam, target, suspend=not auto_complete, batch=name)
            except ModelError as refusal:
                batch.refused[sam] = refusal.text
            else:
                batch.moves.append(move)
        self.batches[name.lower()] = batch
        return batch

    def get(self, name: str) -> MigrationBatch:
        """Raises `ModelError` where there is none."""
        batch = self.batches.get(name.lower())
        if batch is None:
            raise ModelError("not-found", f"there is no migration batch {name!r}")
        return batch

    def complete(self, name: str) -> MigrationBatch:
        """Raises `ModelError` "invalid" where nothing of it waits or is copied any more."""
        batch = self.get(name)
        left = [move for move in batch.moves if move.status not in (COMPLETING, *ENDED)]
        if not left:
            raise ModelError("invalid", f"the migration batch {name!r} is {batch.status}")
        batch.auto_complete = True
        for move in left:
            self._moves.complete(move)
        return batch

    def remove(self, name: str) -> None:
        """With its moves. Raises `ModelError` "invalid" while one is in its last phase."""
        batch = self.get(name)
        if batch.status == "Completing":
            raise ModelError("invalid", f"the migration batch {name!r} is completing")
        for move in batch.moves:
            if self._moves.requests.get(move.sam) is move:
                self._moves.remove(move.sam)
        del self.batches[name.lower()]
