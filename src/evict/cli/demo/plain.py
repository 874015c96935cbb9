# SPDX-License-Identifier: Apache-2.0
"""The ordinary way: disabled in the directory, every door tried again, and time goes by."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from evict.cli.demo.clients import Clients, Track
from evict.core.endpoint import Endpoint
from evict.lab.estate import control
from evict.lab.estate.people import Person

STEP_S: Final = 600
"""Seconds of the organisation's clock between two uses: shorter than a token's life."""
WATCHED_S: Final = 8 * 3600


class Left(Struct, frozen=True, kw_only=True):
    """One door after the plain disable. Seconds are of the organisation's clock: modelled.

    Attributes:
        open: it let the leaver in after the directory had answered that the account is disabled.
        closed_by_itself_after_model_s: when it was first refused while it was used every
            `STEP_S`; None: still open when the watch ended.
        watched_model_s: how long it was watched.
    """

    door: str
    label: str
    open: bool
    closed_by_itself_after_model_s: float | None
    watched_model_s: float


async def plain_disable(
    lab: Path, person: Person, domain: str, endpoints: Sequence[Endpoint]
) -> list[Left]:
    """Disable, try every door at once, then every ten minutes for eight hours."""
    clients = Clients(person, domain)
    await clients.open(endpoints)
    try:
        await clients.use_all()
        await control.ask(lab, control.Disable(name=person.upn(domain)))
        await clients.use_all()
        still_open = [track.outcome.open for track in clients.tracks]
        closed: dict[int, float] = {}
        _note(closed, clients.tracks, 0.0)
        for step in range(1, WATCHED_S // STEP_S + 1):
            if len(closed) == len(clients.tracks):
                break
            await control.ask(lab, control.Advance(seconds=STEP_S))
            await clients.use_all(skip=frozenset(closed))
            _note(closed, clients.tracks, step * STEP_S)
    finally:
        await clients.stop()
    return [
        Left(
            door=track.door,
            label=track.label,
            open=was_open,
            closed_by_itself_after_model_s=closed.get(number),
            watched_model_s=WATCHED_S,
        )
        for number, (track, was_open) in enumerate(zip(clients.tracks, still_open, strict=True))
    ]


def _note(closed: dict[int, float], tracks: Sequence[Track], after_s: float) -> None:
    for number, track in enumerate(tracks):
        if number not in closed and track.outcome.shut:
            closed[number] = after_s


def lines(left: Sequence[Left]) -> list[str]:
    """One line a door, for the terminal."""
    made = [f"   {'door':42}  right after  in the organisation's time"]
    for each in left:
        word = "OPEN" if each.open else "shut"
        after = each.closed_by_itself_after_model_s
        if not each.open:
            until = "-"
        elif after is None:
            until = f"still open after {each.watched_model_s / 3600:.0f} h"
        else:
            until = f"shut by itself within {after / 60:.0f} min"
        made.append(f"   {each.label:42}  {word:11}  {until}")
    return made
