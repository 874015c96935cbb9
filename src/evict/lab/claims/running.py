# SPDX-License-Identifier: Apache-2.0
"""Shows claims: runs each one's demonstration, and says from what was seen what it is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

from msgspec import Struct

from evict.lab.claims import (
    features,
    moves,
    passwords,
    permissions,
    programs,
    restarts,
    sessions,
    standing,
    tokens,
)
from evict.lab.claims.catalogue import Claim
from evict.lab.claims.seen import Demonstration, Found, Seen, look
from evict.lab.model.profile import Version

DEMONSTRATIONS: Final[Mapping[str, Demonstration]] = {
    **tokens.DEMONSTRATIONS,
    **programs.DEMONSTRATIONS,
    **passwords.DEMONSTRATIONS,
    **sessions.DEMONSTRATIONS,
    **features.DEMONSTRATIONS,
    **permissions.DEMONSTRATIONS,
    **moves.DEMONSTRATIONS,
    **restarts.DEMONSTRATIONS,
    **standing.DEMONSTRATIONS,
}


class Status(StrEnum):
    SHOWN = "shown"
    BOUND = "bound to a version"
    CORRECTED = "corrected by a later source"
    NOT_SHOWN = "not shown"


class Sight(Struct, frozen=True):
    """What these versions, next to each other, all showed."""

    versions: tuple[Version, ...]
    found: Found
    text: str


class Shown(Struct, frozen=True):
    """One claim, and what became of it."""

    claim: Claim
    status: Status
    seen: tuple[Sight, ...]


def show(claim: Claim, versions: Sequence[Version]) -> Shown:
    """Run it on these; also on those that it does not hold for, to see that it does not."""
    demonstration = DEMONSTRATIONS[claim.demonstration]
    seen = {version: look(demonstration, version) for version in versions}
    return Shown(claim, _status(claim, seen), _together(seen))


def _status(claim: Claim, seen: Mapping[Version, Seen]) -> Status:
    """Never better than the worst of what was seen."""
    if not all(_as_listed(claim, version, sight.found) for version, sight in seen.items()):
        return Status.NOT_SHOWN
    found = {sight.found for version, sight in seen.items() if version in claim.versions}
    if Found.OTHERWISE in found:
        return Status.CORRECTED
    every = found and set(claim.versions) == set(Version)
    return Status.SHOWN if every else Status.BOUND


def _as_listed(claim: Claim, version: Version, found: Found) -> bool:
    """Whether the catalogue foresees it."""
    later = claim.corrected_by
    if version not in claim.versions:
        return found in (Found.OTHERWISE, Found.INAPPLICABLE)
    if later is not None and version in later.versions:
        return found is Found.OTHERWISE
    return found is Found.AS_CLAIMED


def _together(seen: Mapping[Version, Seen]) -> tuple[Sight, ...]:
    sights: list[Sight] = []
    for version, one in seen.items():
        last = sights[-1] if sights else None
        if last is not None and (last.found, last.text) == (one.found, one.text):
            sights[-1] = Sight((*last.versions, version), last.found, last.text)
        else:
            sights.append(Sight((version,), one.found, one.text))
    return tuple(sights)
