# SPDX-License-Identifier: Apache-2.0
"""What is scheduled: kept in the ledger's file, and on the lists of the agents beforehand."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import structlog
from msgspec import Struct

from evict.core.account import Account
from evict.core.errors import UsageError
from evict.core.names import try_canonical
from evict.ledger.feed import Announcement
from evict.ledger.publisher import Publisher
from evict.ledger.service import Ledger
from evict.sources.instant import BadInstant, parse, spoken

MOST: Final = 20_000
"""Each is about 600 bytes on every list that is sent to an agent."""

log = structlog.get_logger()


class Schedule(Struct, frozen=True, kw_only=True):
    """One account that is to be revoked at an instant.

    Attributes:
        id: short, to be typed.
        order: the request id of the order; an account is closed once by it.
        account: as it was when it was ordered; with its groups only where it was protected.
        forms: its login forms then; they are refused if the directory has forgotten it by then.
        at: aware UTC, to the second. `written`: as it was given, with its time zone.
        by, person, where: who ordered it. `number`: of the line, where it was ordered with others.
        counted: its allowance was asked and granted when it was ordered. False: it was more than
            the allowance: it is asked at the instant, and no agent has it before.
        single: it was an order of one account.
    """

    id: str
    order: str
    account: Account
    forms: tuple[str, ...]
    at: datetime
    written: str
    by: str
    person: str = ""
    where: str = ""
    ordered_at: datetime
    number: int = 0
    reason: str = ""
    hold_queue: bool = False
    allow_bounce: bool = False
    counted: bool = True
    single: bool = False


def new_id() -> str:
    return f"s-{secrets.token_hex(4)}"


def view(schedule: Schedule, *, agents: Sequence[str]) -> dict[str, Any]:
    """One row of `evict schedule`.

    Args:
        agents: who has the newest list.
    """
    return {
        "id": schedule.id,
        "account": schedule.account.id,
        "label": schedule.account.upn,
        "at": spoken(schedule.at),
        "written": schedule.written,
        "by": schedule.by,
        "ordered_at": schedule.ordered_at,
        "reason": schedule.reason,
        "state": "waiting" if schedule.counted else "over the allowance: asked at the instant",
        "agents": list(agents) if schedule.counted else [],
    }


def _in_order(schedule: Schedule) -> tuple[datetime, datetime, int]:
    return (schedule.at, schedule.ordered_at, schedule.number)


def means_now(schedule: Schedule) -> datetime:
    """What was written, by the time zone rules of this version; `at` where they have no answer."""
    try:
        return parse(schedule.written).at
    except BadInstant:
        return schedule.at


class Schedules:
    """Use after `load`. At most one of an account."""

    def __init__(self, ledger: Ledger, publisher: Publisher) -> None:
        self._shelf = ledger.shelf("schedules", Schedule, account_of=lambda s: s.account.id)
        self._publisher = publisher
        self._by_id: dict[str, Schedule] = {}
        self._of: dict[str, str] = {}
        self.list_number = 0

    async def load(self) -> None:
        """Raises `LedgerDamaged`."""
        self._by_id = await self._shelf.all()
        self._changed()

    @property
    def all(self) -> tuple[Schedule, ...]:
        """The next one first."""
        return tuple(sorted(self._by_id.values(), key=_in_order))

    def due(self, now: datetime) -> list[Schedule]:
        """Whose instant has come; whoever was ordered first comes first."""
        found = [schedule for schedule in self._by_id.values() if schedule.at <= now]
        return sorted(found, key=_in_order)

    @property
    def next_at(self) -> datetime | None:
        return min((schedule.at for schedule in self._by_id.values()), default=None)

    def of(self, account: str) -> Schedule | None:
        name = self._of.get(account)
        return None if name is None else self._by_id[name]

    def find(self, name: str) -> Schedule:
        """By its id, or by a name of the account as it was when it was ordered.

        Raises:
            UsageError: there is none, or more than one.
        """
        if name in self._by_id:
            return self._by_id[name]
        form = try_canonical(name)
        found = [s for s in self._by_id.values() if form in s.forms or name.lower() == s.account.id]
        if len(found) > 1:
            raise UsageError(f"{name!a} is a name of {len(found)} accounts: give the schedule's id")
        if not found:
            raise UsageError(f"nothing is scheduled as {name!a}: see `evict schedule`")
        return found[0]

    async def change(self, put: Iterable[Schedule] = (), remove: Iterable[Schedule] = ()) -> None:
        """Keep and remove, all or nothing, and tell the agents. Raises `LedgerFull`."""
        gone = [schedule.id for schedule in remove]
        new = {schedule.id: schedule for schedule in put}
        more = len(new.keys() - self._by_id.keys())
        if more and len(self._by_id) + more > MOST:
            raise UsageError(f"more than {MOST} accounts cannot be scheduled at a time")
        await self._shelf.change(new, gone)
        for name in gone:
            self._by_id.pop(name, None)
        self._by_id.update(new)
        self._changed()

    async def still_kept(self, schedules: Sequence[Schedule]) -> list[Schedule]:
        """Without those whose account's names were erased from the ledger meanwhile."""
        kept = await self._shelf.all()
        lost = [schedule for schedule in schedules if schedule.id not in kept]
        for schedule in lost:
            self._by_id.pop(schedule.id, None)
        if lost:
            log.warning("schedule.erased", number=len(lost))
            self._changed()
        return [schedule for schedule in schedules if schedule.id in kept]

    def _changed(self) -> None:
        self._of = {schedule.account.id: schedule.id for schedule in self._by_id.values()}
        self.list_number = self._publisher.announce(
            [
                Announcement(id=s.id, account=s.account.id, forms=s.forms, at=s.at)
                for s in self._by_id.values()
                if s.counted
            ]
        )

    def agents(self) -> list[str]:
        """Who has the newest list."""
        return sorted(agent.name for agent in self._publisher.agents() if agent.listed)

    async def listed(self, timeout_s: float) -> list[str]:
        """Wait until every connected agent that takes lists has the newest one."""
        return sorted(await self._publisher.wait_listed(self.list_number, timeout_s))
