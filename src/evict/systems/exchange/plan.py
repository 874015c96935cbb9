# SPDX-License-Identifier: Apache-2.0
"""The measures of one mailbox, in rising disturbance. Pure: from what was seen, nothing else.

Level-triggered: what is done already is not planned again, and what disturbs others is planned
only once a look has shown that nothing narrower does it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Unpack

from evict.config.exchange import ExchangeSection
from evict.config.fronts import ends_requests
from evict.core.door import Door
from evict.core.making import More, measure
from evict.core.measure import Actor, Measure, Stage
from evict.systems.base import Order
from evict.systems.exchange import grants
from evict.systems.exchange.access import POOLS, Served
from evict.systems.exchange.doors import Doors
from evict.systems.exchange.inventory import Inventory
from evict.systems.exchange.naming import NOT_NAMED, is_hooked, passes_unnamed
from evict.systems.exchange.objects import Ace, Features, is_self
from evict.systems.exchange.values import as_text, rights_text
from evict.systems.exchange.versions import FLAGS, has

BLOCKED, ALLOWED = "blocked", "allowed"


class Planner:
    """Plans for one configured organisation."""

    def __init__(self, section: ExchangeSection, doors: Doors) -> None:
        self._section = section
        self._doors = doors
        self._version = section.version

    def plan(self, seen: Inventory, order: Order | None) -> tuple[Measure, ...]:
        """The measures that are still needed."""
        if seen.mailbox is None:
            return ()
        return (
            *self._front(),
            *self._wipes(seen),
            *self._features(seen.features),
            *self._blocks(seen),
            *grants.measures(self._section.name, self._doors, seen),
            *self._partnerships(seen),
            *self._permissions(seen),
            *self._quarantine(seen, order),
            *self._still_served(seen),
        )

    def _front(self) -> Iterator[Measure]:
        if not is_hooked(self._section):
            return
        unnamed = f" But {NOT_NAMED}." if passes_unnamed(self._section) else ""
        yield self._measure(
            "refuse",
            Stage.REFUSE,
            (*self._doors.web_passwords, *self._doors.web_sessions),
            why="The front refuses each request of the leaver's, so none reaches a server any more,"
            f" whatever tokens and cookies there are.{unnamed}",
            actor=Actor.AGENT,
            undo="A reinstatement in the ledger lets the hook say yes again.",
        )
        if ends_requests(self._section.hook, self._section.haproxy):
            yield self._measure(
                "kick",
                Stage.KICK,
                self._doors.web_sessions,
                why="A request that the front holds open, as a phone's long poll, is cut there,"
                " where its name is known.",
                actor=Actor.AGENT,
            )

    @property
    def _wipes_accounts(self) -> bool:
        can = has(self._version, "Clear-MobileDevice", "AccountOnly")
        return self._section.wipe_account and can

    def _wipes(self, seen: Inventory) -> Iterator[Measure]:
        """Before ActiveSync is shut: a phone takes the order at its next contact only."""
        if not self._wipes_accounts:
            return
        for device in seen.devices:
            if not (device.wipe_sent or device.wipe_taken):
                yield self._measure(
                    "wipe",
                    Stage.REFUSE,
                    (self._doors.copy,),
                    why="The account and its mail are to go from this phone. It takes the order at"
                    " its next contact: ActiveSync is shut right after, so one that is not in"
                    " contact in between keeps what it has.",
                    target=device.device_id,
                    undo="Cancelled while the phone has not taken it.",
                    image=({"wipe": "none"}, {"wipe": "ordered"}),
                )

    def _features(self, features: Features | None) -> Iterator[Measure]:
        if features is None or not features.open:
            return
        before = {name: as_text(value) for name, value in features.flags.items()}
        after = {name: as_text(FLAGS[name]) for name in features.flags}
        yield self._measure(
            "features",
            Stage.REFUSE,
            self._doors.all_in,
            why=f"Open for this mailbox: {', '.join(features.open)}. The servers read the switches"
            " late.",
            undo="Each switch is put back to what it was.",
            image=(before, after),
        )

    def _blocks(self, seen: Inventory) -> Iterator[Measure]:
        if seen.features is None:
            return
        for device in seen.devices:
            if device.device_id in seen.features.blocked:
                continue
            allowed = device.device_id in seen.features.allowed
            yield self._measure(
                "block-device",
                Stage.REFUSE,
                (self._doors.grant("device"), self._doors.session("activesync")),
                why=f"The partnership of {device.model or 'a phone'} would go on; a removed one is"
                " made again at the phone's next contact, unless its id is blocked first.",
                target=device.device_id,
                undo="The id is taken off the blocked ones again.",
                image=(
                    {BLOCKED: "no", ALLOWED: "yes" if allowed else "no"},
                    {BLOCKED: "yes", ALLOWED: "no"},
                ),
            )

    def _partnerships(self, seen: Inventory) -> Iterator[Measure]:
        """Not where the blocked ids cannot be read: a phone that is let in makes a new one.

        Nor before a wipe was taken: the order goes with the partnership.
        """
        if seen.features is None:
            return
        for device in seen.devices:
            if device.wipe_taken or not (self._wipes_accounts or device.wipe_sent):
                yield self._measure(
                    "remove-partnership",
                    Stage.GRANTS,
                    (self._doors.grant("device"),),
                    why=f"The partnership of {device.model or 'a phone'} is of no use any more.",
                    target=device.device_id,
                    undo="",
                )

    def _permissions(self, seen: Inventory) -> Iterator[Measure]:
        for entry in seen.doors_into(self._version):
            yield self._measure(
                "take-permission",
                Stage.STORAGE,
                self._doors.all_in,
                why=_why(entry),
                target=entry.user,
                undo="Put back with Add-MailboxPermission: the management console cannot.",
                image=({"rights": rights_text(entry.rights)}, {"rights": ""}),
            )

    def _quarantine(self, seen: Inventory, order: Order | None) -> Iterator[Measure]:
        if order is None or not order.allow_bounce or seen.mailbox is None:
            return
        if not has(self._version, "Enable-MailboxQuarantine") or seen.mailbox.quarantined:
            return
        yield self._measure(
            "quarantine",
            Stage.STORAGE,
            self._doors.all_in,
            why="The store refuses everybody but administrators at once. It opens by itself after"
            " the time that was set.",
            disturbs="whoever writes to the leaver: incoming mail bounces; and delegates, who are"
            " shut out too",
            undo="The quarantine is lifted.",
            image=({"quarantined": "no"}, {"quarantined": "yes"}),
        )

    def _still_served(self, seen: Inventory) -> Iterator[Measure]:
        """One rung of the ladder at a time: the next one only where this one did not do."""
        if seen.move is not None and seen.move.running:
            yield self._move(f"It is under way: {seen.move.status}, {seen.move.percent} %.")
            return
        quarantined = seen.mailbox is not None and seen.mailbox.quarantined
        if not seen.served or quarantined:  # there a token opens nothing: the narrower one does it
            return
        fresh = [pool for pool in seen.served if not pool.recycled]
        moved = seen.move is not None and seen.move.status.startswith("Completed")
        if self._section.may_recycle and fresh:
            yield from map(self._recycle, fresh)
        elif self._section.may_move and not moved:
            yield self._move(_pools(seen.served) + " went on all the same.")
        elif self._section.may_restart:
            yield from self._restarts(seen.served)

    def _recycle(self, served: Served) -> Measure:
        return self._measure(
            "recycle",
            Stage.RESTART,
            (self._doors.session(served.protocol), *self._password(served.protocol)),
            why=f"{served.pool} on {served.server} answered the leaver after all was shut"
            f" ({served.count} requests): it holds a token still.",
            target=f"{served.server}:{served.pool}",
            disturbs=f"{served.others} seen in this pool in the last 15 minutes:"
            " open requests are cut, and they sign in again without noticing, as a rule",
        )

    def _move(self, because: str) -> Measure:
        return self._measure(
            "move",
            Stage.STORAGE,
            self._doors.all_in,
            why=f"{because} A move to another database ends every logon at the mailbox.",
            disturbs="delegates, for a moment at its end",
            undo="",
        )

    def _restarts(self, served: Iterable[Served]) -> Iterator[Measure]:
        servers: dict[str, list[Served]] = {}
        for pool in served:
            servers.setdefault(pool.server, []).append(pool)
        for server, pools in sorted(servers.items()):
            busiest = max(pools, key=lambda pool: pool.people)
            protocols = [pool.protocol for pool in pools]
            yield self._measure(
                "iisreset",
                Stage.RESTART,
                tuple(
                    door for p in protocols for door in (self._doors.session(p), *self._password(p))
                ),
                why=f"{_pools(pools)} on {server} went on after everything narrower.",
                target=server,
                disturbs=f"everybody on {server}, of one pool alone {busiest.others} in the last 15"
                " minutes: all web doors are down for some seconds",
            )

    def _password(self, protocol: str) -> tuple[Door, ...]:
        return tuple(d for d in self._doors.web_passwords if d.protocol == protocol)

    def _measure(
        self, verb: str, stage: Stage, doors: tuple[Door, ...], **more: Unpack[More]
    ) -> Measure:
        return measure(self._section.name, verb, stage, doors, **more)


def _why(entry: Ace) -> str:
    if is_self(entry.user):
        return f"{entry.user} lets the owner in, whatever token or ticket the owner comes with."
    return f"Since 2013 the servers open the mailbox for its owner by the right of {entry.user}."


def _pools(served: Iterable[Served]) -> str:
    return ", ".join(sorted({POOLS[pool.protocol] for pool in served}))
