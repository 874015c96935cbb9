# SPDX-License-Identifier: Apache-2.0
"""Beats witness sessions from before the commit until they are dead."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from evict.core.door import Credential
from evict.core.endpoint import door_of
from evict.core.sighting import Method, Outcome, Sighting, speaks_after
from evict.probes.base import Witness, utc_now, where

_SHUT_BEATS_KEPT: Final = 256
"""Refusals in a row of one witness; a watch ends soon after the first that counts."""


class Beat(Struct, frozen=True):
    """One use of a witness."""

    outcome: Outcome
    started_at: datetime
    ended_at: datetime
    transcript: tuple[str, ...]


class Pulse:
    """What the beats of one witness came to, in little memory.

    A refusal counts only while no success came after it, and only if it speaks of the time after
    the commit. The widest gap is counted between the starts of two beats in a row, from the last
    one before the commit on.
    """

    def __init__(self) -> None:
        self.last_let_in: Beat | None = None
        self._shut: deque[Beat] = deque(maxlen=_SHUT_BEATS_KEPT)
        self.last: Beat | None = None
        self.tries = {"let-in": 0, "shut": 0, "unclear": 0}
        self._gaps: list[tuple[datetime, float]] = []

    def add(self, beat: Beat) -> None:
        if self.last is not None:
            gap = (beat.started_at - self.last.started_at).total_seconds() * 1000
            self._note_gap(beat.started_at, gap)
        self.last = beat
        if beat.outcome.open:
            self.tries["let-in"] += 1
            self.last_let_in = beat
            self._shut.clear()
        elif beat.outcome.shut:
            self.tries["shut"] += 1
            self._shut.append(beat)
        else:
            self.tries["unclear"] += 1

    def first_shut(self, commit_at: datetime) -> Beat | None:
        """The first refusal since the last success that speaks of the time after the commit."""
        return next((beat for beat in self._shut if speaks_after(beat, commit_at)), None)

    @property
    def ended(self) -> bool:
        """The server ended the session, whenever that was: no beat comes any more."""
        return self.last is not None and self.last.outcome is Outcome.CUT

    def _note_gap(self, at: datetime, gap_ms: float) -> None:
        """Keep only gaps that none after them is as wide as: the rest can never be the answer."""
        while self._gaps and self._gaps[-1][1] <= gap_ms:
            self._gaps.pop()
        self._gaps.append((at, gap_ms))

    def widest_gap_since(self, instant: datetime) -> float | None:
        """Milliseconds; of the gaps that end at `instant` or later."""
        return next((round(gap, 3) for at, gap in self._gaps if at >= instant), None)


class WitnessWatch:
    """Beats each witness in a task of its own; beats of one never overlap.

    Args:
        beat_ms: pause between the end of a beat and the next one's start.
        clock: aware, UTC.
    """

    def __init__(
        self,
        witnesses: Sequence[Witness],
        *,
        beat_ms: float,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._witnesses = tuple(witnesses)
        self._pulses = tuple(Pulse() for _ in self._witnesses)
        self._shut = tuple(asyncio.Event() for _ in self._witnesses)
        self._first = tuple(asyncio.Event() for _ in self._witnesses)
        self._pause_s = beat_ms / 1000
        self._clock = clock
        self._commit_at: datetime | None = None
        self._stopping = asyncio.Event()
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    async def start(self, wait_s: float = 0.3) -> None:
        """Begin; call it before the commit.

        Returns once each witness has beaten once, or after `wait_s`: a witness that hangs must
        not stand between an order and its commit.
        """
        self._tasks = tuple(
            asyncio.create_task(self._run(number)) for number in range(len(self._witnesses))
        )
        await _all_set(self._first, wait_s)

    async def wait_shut(self, commit_at: datetime, timeout_s: float) -> bool:
        """Wait until every witness is shut; False where time ran out before.

        Shut: it was cut, or refused in a beat that began after the commit. A beat that was on its
        way at the commit may be refused too and says nothing, so the next one is waited for.
        """
        self._commit_at = commit_at
        for number in range(len(self._witnesses)):
            self._note_shut(number)
        return await _all_set(self._shut, timeout_s)

    async def stop(self, grace_s: float = 0.5) -> None:
        """End the beating; a beat that hangs for longer than the grace counts as unclear."""
        self._stopping.set()
        if self._tasks:
            _, hanging = await asyncio.wait(self._tasks, timeout=grace_s)
            for task in hanging:
                task.cancel()
            await asyncio.gather(*hanging, return_exceptions=True)
        await asyncio.gather(*(witness.close() for witness in self._witnesses))

    def sightings(self, commit_at: datetime) -> tuple[Sighting, ...]:
        """Of each witness: the last success, the first refusal after it, and an unclear end.

        `tries` says how many beats came to the same.
        """
        return tuple(
            sighting
            for witness, pulse in zip(self._witnesses, self._pulses, strict=True)
            for sighting in _condense(witness, pulse, commit_at)
        )

    def silent(self, commit_at: datetime) -> tuple[str, ...]:
        """Protocols of the witnesses that were cut before the commit and so prove nothing."""
        return tuple(
            witness.endpoint.protocol
            for witness, pulse in zip(self._witnesses, self._pulses, strict=True)
            if pulse.ended and pulse.first_shut(commit_at) is None
        )

    async def _run(self, number: int) -> None:
        witness, pulse = self._witnesses[number], self._pulses[number]
        while not self._stopping.is_set():
            beat = await self._beat(witness, pulse)
            self._note_shut(number)
            self._first[number].set()
            if beat.outcome is Outcome.CUT:
                return
            await self._pause()

    def _note_shut(self, number: int) -> None:
        pulse = self._pulses[number]
        commit_at = self._commit_at
        refused = commit_at is not None and pulse.first_shut(commit_at) is not None
        if pulse.ended or refused:
            self._shut[number].set()
        else:
            self._shut[number].clear()

    async def _beat(self, witness: Witness, pulse: Pulse) -> Beat:
        started_at = self._clock()
        outcome = Outcome.UNCLEAR
        try:
            outcome = await witness.beat()
        finally:
            beat = Beat(outcome, started_at, self._clock(), witness.transcript())
            pulse.add(beat)
        return beat

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._pause_s):
                await self._stopping.wait()
        except TimeoutError:
            return


async def _all_set(events: Sequence[asyncio.Event], timeout_s: float) -> bool:
    try:
        async with asyncio.timeout(timeout_s):
            await asyncio.gather(*(event.wait() for event in events))
    except TimeoutError:
        return False
    return True


def _condense(witness: Witness, pulse: Pulse, commit_at: datetime) -> list[Sighting]:
    unclear = pulse.last
    if unclear is not None and (unclear.outcome.open or unclear.outcome.shut):
        unclear = None
    kept = (
        (pulse.last_let_in, pulse.tries["let-in"], "the session answers"),
        (pulse.first_shut(commit_at), pulse.tries["shut"], ""),
        (unclear, pulse.tries["unclear"], "the session gives no clear answer"),
    )
    return [
        Sighting(
            door=door_of(witness.endpoint, Credential.SESSION),
            method=Method.WITNESS,
            where=where(witness.endpoint),
            outcome=beat.outcome,
            started_at=beat.started_at,
            ended_at=beat.ended_at,
            detail=detail or f"the session was {beat.outcome}",
            transcript=beat.transcript,
            tries=tries,
            widest_gap_ms=pulse.widest_gap_since(commit_at),
        )
        for beat, tries, detail in kept
        if beat is not None
    ]
