# SPDX-License-Identifier: Apache-2.0
"""Reinstatements that are offered, and the leave to carry one out once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from msgspec import Struct, structs

from evict.config.guard import GuardSection
from evict.control.audit.record import Record, Result
from evict.control.guard.alarms import Alarms
from evict.control.guard.held import Held, HeldKind, HeldState
from evict.control.guard.spending import Clock
from evict.control.guard.waiting import Waiting
from evict.core.access import Asker
from evict.core.account import Account
from evict.core.allowance import still_good
from evict.core.revocation import Standing


class Permit(Struct, frozen=True, kw_only=True):
    """`waits`: not yet, it is held. `used`: to be given back where nothing came of it."""

    waits: Held | None = None
    used: Held | None = None


class Permits:
    """At most one of an account, for the revocation that is in force.

    Args:
        limits: gives [guard] as it is in force.
        noted: notes what was done already.
    """

    def __init__(
        self,
        waiting: Waiting,
        alarms: Alarms,
        clock: Clock,
        limits: Callable[[], GuardSection],
        noted: Callable[[Record], Awaitable[None]],
    ) -> None:
        self._waiting = waiting
        self._alarms = alarms
        self._clock = clock
        self._limits = limits
        self._noted = noted

    async def offer(self, account: Account, standing: Standing, source: Asker, why: str) -> Held:
        """Hold a reinstatement for people; the same one again changes nothing."""
        known = self._waiting.of(account.id, closes=False)
        if known is not None and known.generation == standing.generation:
            return known
        held = self._waiting.numbered(
            Held(
                id="",
                number=0,
                kind=HeldKind.REINSTATEMENT,
                account=structs.replace(account, groups=()),
                source=source.name,
                person=source.person,
                where=source.where,
                since=self._clock().at,
                why=why,
                request="",
                generation=standing.generation,
            )
        )
        await self._waiting.put([held])
        if known is not None:
            await self._waiting.remove([known])
        self._alarms.held([held], self._clock())
        await self._noted(record_of(source, "reinstate", held, why, result=Result.HELD))
        return held

    async def permit(self, account: Account, standing: Standing, asker: Asker) -> Permit:
        """Take what is needed to reinstate an account; it is used up by that."""
        if self._limits().approvers < 2:
            return Permit()
        why = "two people must approve a reinstatement"
        held = await self.offer(account, standing, asker, why)
        if held.state is not HeldState.PERMITTED or held.permitted is None:
            return Permit(waits=held)
        if still_good(held.permitted, self._clock(), minutes=self._limits().approval_minutes):
            await self._waiting.remove([held])
            return Permit(used=held)
        again = structs.replace(held, state=HeldState.WAITING, approvals=(), permitted=None)
        await self._waiting.put([again])
        return Permit(waits=again)

    async def give_back(self, permit: Permit) -> None:
        """Nothing came of it, and the approvals hold as long as they would have."""
        if permit.used is not None:
            await self._waiting.put([permit.used])

    async def reinstated(self, account: str) -> None:
        """Nothing is to be offered of it any more."""
        held = self._waiting.of(account, closes=False)
        if held is not None:
            await self._waiting.remove([held])


def record_of(
    source: Asker, what: str, held: Held, detail: str, *, result: Result = Result.DONE
) -> Record:
    """What a source did to a thing that is held."""
    return Record(
        who=source.name,
        what=what,
        result=result,
        on=(held.account.id,),
        why=held.reason,
        where=source.where,
        detail=detail,
        case=held.generation,
    )
