# SPDX-License-Identifier: Apache-2.0
"""What an inventory is worth: a sighting for each door that the organisation's own lists show."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from evict.core.door import Door
from evict.core.errors import SystemFault, Uncertain, Unreachable
from evict.core.sighting import Method, Outcome, Sighting
from evict.systems.exchange.doors import Doors
from evict.systems.exchange.inventory import Inventory


class Look:
    """Makes the sightings of one look. `where`: the shell's address."""

    def __init__(self, doors: Doors, started: datetime, where: str) -> None:
        self._doors = doors
        self._started = started
        self._where = where

    def blind(self, door: Door, fault: SystemFault) -> Sighting:
        """Nobody could look."""
        unreachable = isinstance(fault, Unreachable | Uncertain)
        return self._sighting(
            door, Outcome.UNREACHABLE if unreachable else Outcome.UNCLEAR, fault.text
        )

    def all(self, seen: Inventory) -> tuple[Sighting, ...]:
        """One a door that lists show."""
        return (
            self._elsewhere(seen),
            self._forward(seen),
            self._listed("rule", seen, self._rules(seen)),
            self._devices(seen),
            self._listed("calendar", seen, self._calendar(seen)),
            *self._pin(seen),
            *self._quarantined(seen),
        )

    def _elsewhere(self, seen: Inventory) -> Sighting:
        door, found = self._doors.grant("elsewhere"), seen.elsewhere
        if found is None:
            text = "other people's mailboxes are being looked through"
            return self._sighting(door, Outcome.UNCLEAR, text)
        if found.fault is not None:
            return self.blind(door, found.fault)
        if found.elsewhere:
            text = "; ".join(grant.sentence for grant in found.elsewhere)
            return self._sighting(door, Outcome.PRESENT, text)
        text = f"no right in another mailbox; looked at: {found.searched}"
        return self._sighting(door, Outcome.EMPTY, text)

    def _forward(self, seen: Inventory) -> Sighting:
        mine, door = seen.mailbox, self._doors.grant("forward")
        to = (
            [a for a in (mine.forwarding_address, mine.forwarding_smtp_address) if a]
            if mine
            else []
        )
        if to:
            return self._sighting(door, Outcome.PRESENT, f"forwarded to {' and '.join(to)}")
        return self._sighting(door, Outcome.EMPTY, "nothing is forwarded")

    def _rules(self, seen: Inventory) -> str:
        rules = [r for r in seen.rules if r.enabled and r.targets]
        return "; ".join(f"the rule {r.name!r} sends on to {', '.join(r.targets)}" for r in rules)

    def _calendar(self, seen: Inventory) -> str:
        published = seen.calendar is not None and seen.calendar.published
        return "the calendar is published to anybody who has its address" if published else ""

    def _listed(self, name: str, seen: Inventory, text: str) -> Sighting:
        door = self._doors.grant(name)
        if name in seen.faults:
            return self.blind(door, seen.faults[name])
        outcome = Outcome.PRESENT if text else Outcome.EMPTY
        return self._sighting(door, outcome, text or f"no {name} that leads out")

    def _devices(self, seen: Inventory) -> Sighting:
        door = self._doors.grant("device")
        for part in ("device", "features"):
            if part in seen.faults:
                return self.blind(door, seen.faults[part])
        blocked = seen.features.blocked if seen.features else ()
        free = [d for d in seen.devices if d.device_id not in blocked]
        if free:
            text = f"partnerships that are not blocked: {len(free)} of {len(seen.devices)}"
            return self._sighting(door, Outcome.PRESENT, text)
        text = f"partnerships: {len(seen.devices)}, all blocked" if seen.devices else "none"
        return self._sighting(door, Outcome.EMPTY, text)

    def _pin(self, seen: Inventory) -> Iterator[Sighting]:
        if seen.mailbox is None or not seen.mailbox.um_enabled:
            return
        door = self._doors.grant("um")
        if "um" in seen.faults:
            yield self.blind(door, seen.faults["um"])
        elif seen.pin_locked:
            yield self._sighting(door, Outcome.EMPTY, "the phone PIN is locked")
        else:
            yield self._sighting(door, Outcome.PRESENT, "a phone PIN opens the mailbox")

    def _quarantined(self, seen: Inventory) -> Iterator[Sighting]:
        """The store refuses everybody but administrators, and so every session on the mailbox."""
        if seen.mailbox is None or not seen.mailbox.quarantined:
            return
        text = "the mailbox is quarantined (that this ends open sessions at once is assumed)"
        for door in self._doors.store_sessions:
            yield self._sighting(door, Outcome.REFUSED, text, Method.READ_BACK)

    def _sighting(
        self, door: Door, outcome: Outcome, detail: str, method: Method = Method.LIST
    ) -> Sighting:
        return Sighting(
            door=door,
            method=method,
            outcome=outcome,
            started_at=self._started,
            ended_at=datetime.now(UTC),
            where=self._where,
            detail=detail,
        )


def facts(seen: Inventory, version: str) -> tuple[str, ...]:
    """For people: one sentence each."""
    told: list[str] = []
    if seen.features is not None:
        told.append(f"switched on: {', '.join(seen.features.open) or 'nothing'}")
    if "permissions" not in seen.faults:
        users = [entry.user for entry in seen.doors_into(version)]
        told.append(f"rights that let the owner in: {', '.join(users) or 'none'}")
    mine = seen.mailbox
    if mine is not None:
        if mine.quarantined:
            told.append("quarantined: incoming mail bounces")
        if mine.archive:
            told.append("an archive mailbox exists: the same doors lead to it")
    told += [f"a phone: {_phone(d.model, d.wipe_taken)}" for d in seen.devices]
    if seen.move is not None:
        told.append(f"move: {seen.move.status}, {seen.move.percent} %")
    if seen.elsewhere is not None:
        told += [
            f"others here: {grant.holder}: {grant.sentence}" for grant in seen.elsewhere.delegates
        ]
        told += [f"elsewhere: {grant.sentence}" for grant in seen.elsewhere.elsewhere]
    told += [f"{s.pool} on {s.server} answered since: {s.count} requests" for s in seen.served]
    told += [f"not read: {name}: {fault.text}" for name, fault in sorted(seen.faults.items())]
    return tuple(told)


def _phone(model: str, wiped: str) -> str:
    return f"{model or 'unknown'}{f', wiped its account at {wiped}' if wiped else ''}"
