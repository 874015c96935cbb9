# SPDX-License-Identifier: Apache-2.0
"""From records to acts: each is judged, handed to the intake, and then remembered as dealt with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec import structs

from evict.core.account import Account
from evict.core.presence import Presence
from evict.sources.watch.intake import Intake, Left
from evict.sources.watch.judge import Judgement, Memory, Rules, judge
from evict.sources.watch.names import LivingNames
from evict.sources.watch.shelves import Position, WatchMemory
from evict.sources.watch.state import Seen, WatchState

_READERS: Final = 8
_PUT_OFF: Final = timedelta(seconds=1)
_EXPIRY_AGAIN: Final = timedelta(minutes=10)
"""Somebody not to be found when his expiry passes, and not deleted, is looked for again then."""


class Dealing:
    """Everything raised by the intake passes through: the position is not moved on then."""

    def __init__(
        self,
        intake: Intake,
        memory: WatchMemory,
        rules: Callable[[], Rules],
        state: WatchState,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._intake = intake
        self._memory = memory
        self._rules = rules
        self._state = state
        self._now = now
        self._names = LivingNames()
        self._put_off: dict[str, tuple[datetime, Presence]] = {}

    async def deal(
        self,
        presences: Iterable[Presence],
        *,
        position: Position | None = None,
        confirm: bool = False,
        remember: bool = False,
    ) -> None:
        """Judge and act, then remember, then move on.

        Args:
            confirm: they are of a comparison: whoever seems to have left is read again first, and
                what looks like a change need not be one.
            remember: signs are only remembered: nobody is closed for what was so before.
        """
        memories: dict[str, Memory] = {}
        left: list[tuple[Presence, Judgement]] = []
        for presence in map(self._names.saw, presences):
            account = presence.account
            judged = judge(presence, self._memory.of(account.id), self._rules(), self._now())
            refused = self._intake.refused_forms(account.id)
            if refused is not None:
                await self._revoked(presence, judged, refused, changed=not confirm)
            elif judged.signs and not remember:
                left.append((presence, judged))
                continue
            elif judged.returned:
                self._say(account, "returned")
                await self._intake.returned(account)
            memories[account.id] = judged.memory
        memories |= await self._left(left, confirm=confirm)
        self._state.accounts = len(self._names)
        await self._memory.keep(memories, position)

    async def expired(self, accounts: Sequence[str]) -> None:
        """Their expiry passed: each is read again, and judged as if it had changed."""
        presences: list[Presence] = []
        hidden: dict[str, Memory] = {}
        later = self._now() + _EXPIRY_AGAIN
        for account, found in zip(accounts, await self._confirmed(accounts), strict=True):
            memory = self._memory.of(account)
            if found is None:
                hidden[account] = structs.replace(memory, expires_at=later)
            else:
                presences.append(
                    Presence(
                        account=found,
                        expires_at=memory.expires_at,
                        password_set=memory.password_set,
                    )
                )
        await self._memory.keep(hidden)
        await self.deal(presences)

    async def again(self) -> None:
        """Read and judge once more what could not be judged at its time."""
        until = self._now() - _PUT_OFF
        waiting = {a: p for a, (at, p) in self._put_off.items() if not until < at <= self._now()}
        found = await self._confirmed(list(waiting))
        kept = {account: self._put_off.pop(account) for account in waiting}
        fresh = [a for a in found if a is not None]
        try:
            await self.deal([structs.replace(waiting[a.id], account=a) for a in fresh])
        except BaseException:
            self._put_off = kept | self._put_off
            raise

    async def _revoked(
        self, presence: Presence, judged: Judgement, refused: frozenset[str], *, changed: bool
    ) -> None:
        account = presence.account
        missing = set(self._intake.login_forms(account)) - refused
        if missing and not presence.deleted:
            self._say(account, "renamed")
            await self._intake.renamed(account)
        if judged.alive:
            if await self._intake.opened(presence):
                self._say(account, "opened")
            else:
                self._put_off[account.id] = (self._now(), presence)
        elif changed:
            await self._intake.touched(account)

    async def _left(
        self, left: Sequence[tuple[Presence, Judgement]], *, confirm: bool
    ) -> dict[str, Memory]:
        """Hand over whoever has left, all at once; what is to be remembered of them."""
        if confirm:
            left = await self._still(left)
        if left:
            who = [Left(account=p.account, signs=j.signs) for p, j in left]
            for one in who:
                self._say(one.account, "left", one.signs)
            await self._intake.left(who)
        return {presence.account.id: judged.memory for presence, judged in left}

    async def _still(
        self, left: Sequence[tuple[Presence, Judgement]]
    ) -> list[tuple[Presence, Judgement]]:
        """Those that a second reading shows as gone too, with their groups; tombstones as such."""
        found = await self._confirmed([p.account.id for p, _ in left if not p.deleted])
        fresh = {account.id: account for account in found if account is not None}
        still = []
        for presence, judged in left:
            account = fresh.get(presence.account.id)
            if presence.deleted:
                still.append((presence, judged))
            elif account is not None:
                again = structs.replace(presence, account=account)
                memory = self._memory.of(account.id)
                judged_again = judge(again, memory, self._rules(), self._now())
                if judged_again.signs:
                    still.append((again, judged_again))
        return still

    async def _confirmed(self, accounts: Sequence[str]) -> list[Account | None]:
        gate = asyncio.Semaphore(_READERS)

        async def one(account: str) -> Account | None:
            async with gate:
                return await self._intake.confirm(account)

        return list(await asyncio.gather(*map(one, accounts)))

    def _say(self, account: Account, what: str, signs: Iterable[str] = ()) -> None:
        self._state.saw(
            Seen(
                at=self._now(),
                account=account.id,
                label=account.upn,
                what=what,
                signs=tuple(str(sign) for sign in signs),
            )
        )
