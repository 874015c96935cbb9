# SPDX-License-Identifier: Apache-2.0
"""Ends the leavers' sessions at one Dovecot: flush, kick, look, and repeat until nothing is left.

The gate comes first: whoever calls `cut` has the hook refuse already. A login that was past the
hook by then shows in a later look. Kicking before flushing would leave a survivor almost each time
that clients log in without pause; flush first and look again leaves none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from evict.core.errors import SystemFault
from evict.systems import cutting
from evict.systems.cutting import Owners, Report, Target, rest
from evict.systems.dovecot.doveadm import (
    NOBODY,
    Answer,
    Command,
    Doveadm,
    Session,
    flush,
    kick,
    kickable,
)

MANY_FORMS: Final = 256
"""From here on everybody's cache entries are flushed, and only who is there is kicked."""
KICKS_A_REQUEST: Final = 200
STRIKES_AT_ONCE: Final = 4
"""Each costs Dovecot a process; whoever comes meanwhile shares the next one."""


class Pace(cutting.Pace, frozen=True, kw_only=True):
    """Looks begin soon."""

    first_look: float = 0.02
    first_retry: float = 0.1


class _Target(Target):
    """Attributes: `told`: it was said that a session of the leaver's cannot be kicked."""

    __slots__ = ("told",)

    def __init__(self, account: str, seq: int, forms: tuple[str, ...]) -> None:
        super().__init__(account, seq, forms)
        self.told = False


class Cutter:
    """One loop for all leavers: one look sees everybody, whoever is new is struck at once.

    Args:
        spell: session's login name -> every canonical form it stands for.
    """

    def __init__(
        self,
        doveadm: Doveadm,
        *,
        spell: Callable[[str], Iterable[str]],
        report: Report,
        pace: Pace | None = None,
    ) -> None:
        self._doveadm = doveadm
        self._spell = spell
        self._report = report
        self._pace = pace or Pace()
        self._fresh: list[_Target] = []
        self._wanted: dict[str, _Target] = {}
        self._looking: dict[str, _Target] = {}
        self._owners: Owners[_Target] | None = None
        self._missed: list[_Target] = []
        self._misses = asyncio.Event()
        self._news = asyncio.Event()
        self._hurry = asyncio.Event()

    def cut(self, account: str, seq: int, forms: tuple[str, ...]) -> None:
        """Begin, or begin again; a newer entry of the account takes the place of an older one."""
        self._stop_looking(account)
        target = self._wanted[account] = _Target(account, seq, forms)
        self._fresh.append(target)
        self._news.set()

    def spare(self, account: str) -> None:
        """Stop: the account was reinstated."""
        self._wanted.pop(account, None)
        self._stop_looking(account)

    async def run(self) -> None:
        """Work until cancelled. A server that is down or hangs is tried again for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._look_for_ever())
            tasks.create_task(self._strike_again_for_ever())
            free = asyncio.Semaphore(STRIKES_AT_ONCE)
            while True:
                await self._news.wait()
                await free.acquire()
                self._news.clear()
                fresh, self._fresh = self._fresh, []
                strike = tasks.create_task(self._strike(fresh))
                strike.add_done_callback(lambda _: free.release())

    def _still(self, targets: Iterable[_Target]) -> list[_Target]:
        return [t for t in targets if self._wanted.get(t.account) is t]

    def _look_at(self, target: _Target) -> None:
        self._looking[target.account] = target
        self._owners = None
        self._hurry.set()

    def _stop_looking(self, account: str) -> None:
        if self._looking.pop(account, None) is not None:
            self._owners = None

    async def _strike(self, targets: Sequence[_Target]) -> bool:
        """Try once; whoever it failed for is struck again with all the others it failed for."""
        targets = self._still(targets)
        try:
            await self._flush_and_kick(targets)
        except SystemFault as fault:
            self._fail(targets, str(fault))
            self._missed += targets
            self._misses.set()
            return False
        for target in self._still(targets):
            self._look_at(target)
        return True

    async def _strike_again_for_ever(self) -> None:
        pause = self._pace.first_retry
        while True:
            await self._misses.wait()
            await asyncio.sleep(pause)
            self._misses.clear()
            missed, self._missed = self._missed, []
            struck = await self._strike(missed)
            pause = self._pace.first_retry if struck else min(pause * 2, self._pace.longest_retry)

    async def _flush_and_kick(self, targets: Sequence[_Target]) -> None:
        """All of it in one request: a second one would cost the process that serves it."""
        if not targets:
            return
        if sum(len(t.forms) for t in targets) > MANY_FORMS:
            await self._flush_everybody(targets)
            return
        commands = []
        for target in targets:
            commands += [flush(target.forms or ("",)), *_kicks(target.forms)]
        answers = iter(await self._doveadm.run(commands))
        for target in targets:
            self._report(target.seq, "flush", count=self._flushed(next(answers)))
            kicked = sum(self._kicked(next(answers)) for _ in _kicks(target.forms))
            self._report(target.seq, "kick", count=kicked)

    async def _flush_everybody(self, targets: Sequence[_Target]) -> None:
        (answer,) = await self._doveadm.run([flush(())])
        count = self._flushed(answer)
        for target in targets:
            self._report(target.seq, "flush", count=count, detail="everybody's entries")

    def _flushed(self, answer: Answer) -> int:
        return sum(int(row.get("entries", "0")) for row in self._doveadm.rows(answer))

    def _kicked(self, answer: Answer) -> int:
        return 0 if answer.exit_code == NOBODY else len(self._doveadm.rows(answer))

    async def _look_for_ever(self) -> None:
        pause = self._pace.first_look
        failing = ""
        while True:
            if not self._looking:
                await self._hurry.wait()
            if await self._is_hurried(pause):
                pause = self._pace.first_look
                await asyncio.sleep(pause)
            try:
                stubborn = await self._look()
                failing = ""
            except SystemFault as fault:
                if str(fault) != failing:
                    failing = str(fault)
                    self._fail(self._looking.values(), failing)
                stubborn = True
            slowest = self._pace.longest_retry if stubborn else self._pace.longest_look
            pause = min(pause * 2, slowest)

    async def _is_hurried(self, pause: float) -> bool:
        """Rest; somebody new cuts the rest short."""
        hurried = await rest(self._hurry, pause)
        if hurried:
            self._hurry.clear()
        return hurried

    async def _look(self) -> bool:
        """One look at everybody's sessions; True where a leaver's was among them."""
        started = asyncio.get_running_loop().time()
        targets = list(self._looking.values())
        found = self._find(await self._doveadm.who())
        for number, target in enumerate(self._still(targets)):
            if target in found:
                target.clear_since = None
                self._report_left(target, found[target])
            elif target.unseen(started, self._pace.quiet):
                self._report(target.seq, "quiet")
                self._stop_looking(target.account)
            if number % 500 == 499:
                await asyncio.sleep(0)
        await self._kick_found(found)
        return bool(found)

    def _find(self, sessions: Iterable[Session]) -> dict[_Target, list[Session]]:
        if self._owners is None:
            self._owners = Owners(self._looking.values())
        return self._owners.find(sessions, lambda session: self._spell(session.username))

    def _report_left(self, target: _Target, sessions: Sequence[Session]) -> None:
        left: dict[str, int] = {}
        for session in sessions:
            left[session.protocol] = left.get(session.protocol, 0) + 1
        self._report(target.seq, "look", count=len(sessions), left=left)

    async def _kick_found(self, found: Mapping[_Target, Sequence[Session]]) -> None:
        """Kick by the exact spelling on the list, its cache entry first."""
        wanted: list[tuple[_Target, str]] = []
        for target in self._still(found):
            for name in {session.username for session in found[target]}:
                if kickable(name):
                    wanted.append((target, name))
                elif not target.told:
                    target.told = True
                    self._fail([target], "doveadm would read a session's name as somebody else's")
        for start in range(0, len(wanted), KICKS_A_REQUEST):
            part = wanted[start : start + KICKS_A_REQUEST]
            answers = await self._doveadm.run(
                [flush(n for _, n in part), *(kick(n) for _, n in part)]
            )
            self._flushed(answers[0])
            for (target, _), answer in zip(part, answers[1:], strict=True):
                self._report(target.seq, "kick", count=self._kicked(answer))

    def _fail(self, targets: Iterable[_Target], detail: str) -> None:
        for target in targets:
            self._report(target.seq, "failed", detail=detail)


def _kicks(forms: Iterable[str]) -> list[Command]:
    return [kick(form) for form in forms if kickable(form)]
