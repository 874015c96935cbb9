# SPDX-License-Identifier: Apache-2.0
"""What an inventory is worth: a sighting for each door that SOGo's own stores show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from evict.core.door import Door
from evict.core.errors import SystemFault, Uncertain, Unreachable
from evict.core.sighting import Method, Outcome, Sighting
from evict.systems.sogo.doors import Doors
from evict.systems.sogo.inventory import Inventory, Share

CACHE: Final = "the cache"
PROFILE: Final = "preferences"
IDENTITIES: Final = "others' settings"
SHARES: Final = "rights in folders"
DEVICES: Final = "phones"
SESSIONS: Final = "web sessions"


class Look:
    """Makes the sightings of one look. `cache`, `database`: where they were looked for."""

    def __init__(self, doors: Doors, started: datetime, *, cache: str, database: str) -> None:
        self._doors = doors
        self._started = started
        self._cache = cache
        self._database = database

    def all(self, seen: Inventory, *, take_shares: bool) -> Iterator[Sighting]:
        """One a door that was looked at."""
        if CACHE in seen.faults:
            yield self._blind(self._doors.cache, seen.faults[CACHE], self._cache)
        elif seen.cached is not None:
            yield self._cached(seen)
        if not self._database:
            return
        yield from self._preferences(seen)
        yield from self._rights(seen, take_shares=take_shares)
        yield self._listed(
            "device", DEVICES, seen, [f"a phone: {d.id}" for d in seen.devices or ()]
        )

    def _cached(self, seen: Inventory) -> Sighting:
        names = [key.decode("utf-8", "replace") for key in seen.cached or ()]
        if names:
            text = f"SOGo has the leaver's password cached: {', '.join(names)}"
            return self._sighting(self._doors.cache, Outcome.PRESENT, text, self._cache)
        text = "SOGo has no password of the leaver's cached"
        return self._sighting(self._doors.cache, Outcome.EMPTY, text, self._cache)

    def _preferences(self, seen: Inventory) -> Iterator[Sighting]:
        profile = seen.profile
        forward = profile.forward if profile is not None else None
        on = forward is not None and forward.enabled
        to = [f"forwarded to {', '.join(forward.addresses)}"] if forward is not None and on else []
        yield self._listed("forward", PROFILE, seen, to)
        kept = profile.externals if profile is not None else ()
        yield self._listed("external", PROFILE, seen, [one.sentence for one in kept])

    def _rights(self, seen: Inventory, *, take_shares: bool) -> Iterator[Sighting]:
        shares = seen.shares
        mine = [f"writes in the name of {one.owner}" for one in seen.identities or ()]
        mine += _sentences(shares.elsewhere if shares else ())
        yield self._listed("delegate", (SHARES, IDENTITIES), seen, mine, at=seen.searched_at)
        own = shares.own if shares else ()
        published = _sentences(share for share in own if share.published)
        yield self._listed("calendar", SHARES, seen, published, at=seen.searched_at)
        if take_shares:
            delegates = seen.profile.delegates if seen.profile is not None else ()
            others = [f"{name} writes in the leaver's name" for name in delegates]
            others += _sentences(s for s in own if not s.published)
            parts = (SHARES, PROFILE)
            name = self._doors.others.protocol
            yield self._listed(name, parts, seen, others, at=seen.searched_at)

    def _listed(
        self,
        name: str,
        parts: str | tuple[str, ...],
        seen: Inventory,
        found: list[str],
        *,
        at: datetime | None = None,
    ) -> Sighting:
        """What is there is said even where another part could not be looked at.

        Args:
            at: when a search began whose result is told again.
        """
        door = self._doors.grant(name)
        wanted = (parts,) if isinstance(parts, str) else parts
        fault = next((seen.faults[part] for part in wanted if part in seen.faults), None)
        if found:
            return self._sighting(door, Outcome.PRESENT, "; ".join(found), self._database, at)
        if fault is not None:
            return self._blind(door, fault, self._database)
        return self._sighting(door, Outcome.EMPTY, "nothing of the leaver's", self._database, at)

    def _blind(self, door: Door, fault: SystemFault, where: str) -> Sighting:
        """Nobody could look."""
        unreachable = isinstance(fault, Unreachable | Uncertain)
        outcome = Outcome.UNREACHABLE if unreachable else Outcome.UNCLEAR
        return self._sighting(door, outcome, fault.text, where)

    def _sighting(
        self,
        door: Door,
        outcome: Outcome,
        detail: str,
        where: str,
        at: datetime | None = None,
    ) -> Sighting:
        return Sighting(
            door=door,
            method=Method.LIST,
            outcome=outcome,
            started_at=at or self._started,
            ended_at=datetime.now(UTC),
            where=where,
            detail=detail,
        )


def _sentences(shares: Iterable[Share]) -> list[str]:
    return [share.sentence for share in shares]


def facts(seen: Inventory) -> tuple[str, ...]:
    """For people: one sentence each."""
    told: list[str] = []
    if seen.sessions is not None:
        told.append(
            f"web sessions of everybody at SOGo: {seen.sessions}; whose they are cannot be told,"
            " since the name is enciphered with a key that only the cookie has"
        )
    if seen.cached and not seen.listed:
        told.append("memcached lists no keys: other spellings of the login are not looked for")
    if seen.profile is not None:
        told += [
            *(["a vacation message answers incoming mail"] if seen.profile.vacation else []),
            *(f"writes in the leaver's name: {name}" for name in seen.profile.delegates),
            *(f"an account elsewhere: {one.sentence}" for one in seen.profile.externals),
        ]
        forward = seen.profile.forward
        if forward is not None and forward.enabled:
            told.append(f"forwarded by SOGo's preferences to {', '.join(forward.addresses)}")
    told += [f"writes in the name of {one.owner}" for one in seen.identities or ()]
    if seen.shares is not None:
        told += [f"elsewhere: {share.sentence}" for share in seen.shares.elsewhere]
        told += [f"others here: {_holder(s)} in {s.object}" for s in seen.shares.own]
    told += [f"a phone: {device.id}" for device in seen.devices or ()]
    told += [f"not read: {part}: {fault.text}" for part, fault in sorted(seen.faults.items())]
    return tuple(told)


def _holder(share: Share) -> str:
    who = {"<default>": "whoever signs in", "anonymous": "anybody, without a sign-in"}
    return who.get(share.holder, share.holder)
