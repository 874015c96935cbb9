# SPDX-License-Identifier: Apache-2.0
"""Whom the lines of a batch mean, and which of them make no sense or are so already."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct, structs

from evict.control.guard.gate import Gate
from evict.control.parts import Parts
from evict.control.schedule.fates import Fate, LineFate
from evict.control.schedule.schedules import Schedules
from evict.core.account import Account
from evict.core.errors import (
    AccountAmbiguous,
    AccountUnknown,
    EvictError,
    ExitCode,
    NameRefused,
    UsageError,
)
from evict.sources import instant
from evict.sources.batch import Line
from evict.sources.instant import BadInstant, Instant, spoken

_RESOLVERS: Final = 16


class Meant(Struct, frozen=True, kw_only=True):
    """A line that was understood: whom it means, and when. `at` None: now."""

    line: Line
    account: Account
    at: Instant | None


class BatchReading:
    """Looks everybody up, closes nobody.

    Args:
        now: aware; what is before it has passed.
    """

    def __init__(self, parts: Parts, gate: Gate, schedules: Schedules, now: datetime) -> None:
        self._parts = parts
        self._gate = gate
        self._schedules = schedules
        self._now = now
        self.fates: dict[int, LineFate] = {}
        """Of the lines that need no guard to be told, by number."""

    async def read(self, given: Sequence[Line]) -> list[Meant]:
        """The lines that have no fate yet.

        Raises:
            UsageError: two lines have one number.
        """
        lines = [
            line if line.number else structs.replace(line, number=number)
            for number, line in enumerate(given, 1)
        ]
        numbers = Counter(line.number for line in lines)
        if len(numbers) != len(lines):
            raise UsageError(f"two lines have the number {numbers.most_common(1)[0][0]}")
        accounts = await self._resolve(line.account for line in lines if not line.bad)
        first: dict[str, Meant] = {}
        for line in lines:
            outcome = bad_line(line) if line.bad else accounts[line.account]
            if isinstance(outcome, Account):
                self._take(_meant(line, outcome), first)
            else:
                self.fates[line.number] = structs.replace(outcome, number=line.number)
        meant = [one for one in first.values() if one.line.number not in self.fates]
        return [one for one in meant if not self._settled(one)]

    def _take(self, found: Meant | LineFate, first: dict[str, Meant]) -> None:
        """Tell lines apart that mean the same account."""
        if isinstance(found, LineFate):
            self.fates[found.number] = found
            return
        known = first.setdefault(found.account.id, found)
        if known is found:
            return
        number = known.line.number
        if (known.at and known.at.at) == (found.at and found.at.at):
            self.fates[found.line.number] = fate_of(
                found, Fate.DUPLICATE, f"the same as line {number}"
            )
            return
        text = f"line {number} gives another instant for the same account"
        self.fates[found.line.number] = fate_of(found, Fate.CONTRADICTION, text)
        text = f"line {found.line.number} gives another instant for the same account"
        self.fates.setdefault(number, fate_of(known, Fate.CONTRADICTION, text))

    async def _resolve(self, names: Iterable[str]) -> dict[str, Account | LineFate]:
        gate = asyncio.Semaphore(_RESOLVERS)

        async def one(name: str) -> Account | LineFate:
            async with gate:
                try:
                    return await self._parts.systems.directory.resolve(name)
                except EvictError as error:
                    return LineFate(
                        number=0,
                        name=name,
                        fate=_unresolved(error),
                        text=error.text,
                        exit_code=error.exit_code,
                    )

        unique = list(dict.fromkeys(names))
        return dict(zip(unique, await asyncio.gather(*map(one, unique)), strict=True))

    def _settled(self, one: Meant) -> bool:
        """Whether nothing has to be asked any more: it is refused, or so already."""
        number = one.line.number
        standing = self._parts.ledger.standing(one.account.id)
        known = self._schedules.of(one.account.id)
        if one.at is not None:
            try:
                instant.refuse_past(one.at, self._now)
            except BadInstant as error:
                self.fates[number] = fate_of(one, Fate.BAD_INSTANT, error.text)
                return True
        if standing is not None and standing.revoked:
            text = f"since {spoken(standing.since)}"
            self.fates[number] = fate_of(one, Fate.REVOKED, text)
        elif one.at is not None and known is not None:
            same = known.at == one.at.at
            text = f"for {spoken(known.at)} as {known.id}"
            if not same:
                text += ": `evict schedule move` gives it another instant"
            fate = Fate.SCHEDULED_ALREADY if same else Fate.SCHEDULED_OTHERWISE
            self.fates[number] = structs.replace(fate_of(one, fate, text), schedule=known.id)
        elif refusal := self._gate.refusal(one.account, by_two=self._two_approve()):
            self.fates[number] = fate_of(one, Fate.PROTECTED, refusal)
        return number in self.fates

    def _two_approve(self) -> bool:
        """Then a protected account is held for them, and not refused."""
        return self._parts.config.guard.approvers > 1


def _meant(line: Line, account: Account) -> Meant | LineFate:
    if not line.at:
        return Meant(line=line, account=account, at=None)
    try:
        return Meant(line=line, account=account, at=instant.parse(line.at))
    except BadInstant as error:
        found = Meant(line=line, account=account, at=None)
        return fate_of(found, Fate.BAD_INSTANT, error.text)


def bad_line(line: Line) -> LineFate:
    return LineFate(
        number=line.number,
        name=line.account,
        fate=Fate.BAD_LINE,
        text=line.bad,
        exit_code=ExitCode.USAGE,
    )


def _unresolved(error: EvictError) -> Fate:
    match error:
        case AccountUnknown():
            return Fate.UNKNOWN
        case AccountAmbiguous():
            return Fate.AMBIGUOUS
        case NameRefused():
            return Fate.BAD_NAME
        case _:
            return Fate.NOT_LOOKED_UP


def fate_of(one: Meant, fate: Fate, text: str = "") -> LineFate:
    return LineFate(
        number=one.line.number,
        name=one.line.account,
        fate=fate,
        text=text,
        account=one.account.id,
        label=one.account.upn,
        at=None if one.at is None else one.at.at,
        exit_code=fate.exit_code,
    )
