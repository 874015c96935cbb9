# SPDX-License-Identifier: Apache-2.0
"""What the loops share that end leavers' live sessions, whichever server's they are."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Generic, Protocol, TypeVar

from msgspec import Struct

from evict.core.errors import SystemFault

NO_SESSIONS: Final[Mapping[str, int]] = {}


class Pace(Struct, frozen=True, kw_only=True):
    """Seconds. Looks grow rarer from a first pause of the server's own.

    Attributes:
        quiet: how long nothing may be seen before "quiet" is said. It must cover whatever was past
            the hook when the gate shut and is not yet on the server's list.
    """

    longest_look: float = 0.35
    quiet: float = 1.0
    longest_retry: float = 5.0


class Report(Protocol):
    """Takes one step of one entry: "flush", "kick", "look", "quiet" or "failed"."""

    def __call__(
        self,
        seq: int,
        step: str,
        *,
        count: int = 0,
        left: Mapping[str, int] = NO_SESSIONS,
        detail: str = "",
    ) -> None: ...


class Target:
    """One leaver.

    Attributes:
        clear_since: the loop's time of the first of the looks that saw nothing.
    """

    __slots__ = ("account", "clear_since", "forms", "seq")

    def __init__(self, account: str, seq: int, forms: tuple[str, ...]) -> None:
        self.account = account
        self.seq = seq
        self.forms = forms
        self.clear_since: float | None = None

    def unseen(self, started: float, quiet: float) -> bool:
        """A look that began at `started` saw nothing; whether it was so for `quiet` by then."""
        if self.clear_since is None:
            self.clear_since = started
            return False
        return started - self.clear_since >= quiet


SomeTarget = TypeVar("SomeTarget", bound=Target)
Session = TypeVar("Session")


class Owners(Generic[SomeTarget]):
    """Whose session is it? By canonical form, so that no spelling hides one."""

    def __init__(self, targets: Iterable[SomeTarget]) -> None:
        self._by_form: dict[str, list[SomeTarget]] = {}
        for target in targets:
            for form in target.forms:
                self._by_form.setdefault(form, []).append(target)

    def find(
        self, sessions: Iterable[Session], forms_of: Callable[[Session], Iterable[str]]
    ) -> dict[SomeTarget, list[Session]]:
        """Those sessions that have an owner here, by owner."""
        found: dict[SomeTarget, list[Session]] = {}
        for session in sessions:
            for target in {t for form in forms_of(session) for t in self._by_form.get(form, ())}:
                found.setdefault(target, []).append(session)
        return found


async def rest(news: asyncio.Event, pause_s: float) -> bool:
    """Whether somebody new cut the rest short."""
    try:
        async with asyncio.timeout(pause_s):
            await news.wait()
    except TimeoutError:
        return False
    return True


class RequestPace(Pace, frozen=True, kw_only=True):
    """Looks at a front's live requests begin at once, and come so often while one is seen."""

    first_look: float = 0.01


class Kicked(Target):
    """Attributes: `struck`: a first kick was reported."""

    __slots__ = ("struck",)

    def __init__(self, account: str, seq: int, forms: tuple[str, ...]) -> None:
        super().__init__(account, seq, forms)
        self.struck = False


class RequestCutter(ABC, Generic[Session]):
    """One loop for all leavers that ends their live requests at one front.

    The refusal comes first: whoever calls `cut` has the front refuse already. A request that was
    past it by then shows in a later look.

    Args:
        spell: a request's login name -> every canonical form it stands for.
    """

    def __init__(
        self,
        *,
        spell: Callable[[str], Iterable[str]],
        report: Report,
        pace: RequestPace | None = None,
    ) -> None:
        self._spell = spell
        self._report = report
        self._pace = pace or RequestPace()
        self._targets: dict[str, Kicked] = {}
        self._owners: Owners[Kicked] | None = None
        self._news = asyncio.Event()

    def cut(self, account: str, seq: int, forms: tuple[str, ...]) -> None:
        """Begin, or begin again; a newer entry of the account takes the place of an older one."""
        self._targets[account] = Kicked(account, seq, forms)
        self._owners = None
        self._news.set()

    def spare(self, account: str) -> None:
        """Stop: the account was reinstated."""
        self._targets.pop(account, None)
        self._owners = None

    async def run(self) -> None:
        """Work until cancelled. A front that is down or hangs is tried again for ever."""
        pause = self._pace.first_look
        failing = ""
        while True:
            if not self._targets:
                await self._news.wait()
            if self._news.is_set():
                self._news.clear()
                pause = self._pace.first_look
            slowest = self._pace.longest_look
            try:
                if await self._look():
                    pause = self._pace.first_look
                failing = ""
            except SystemFault as fault:
                if str(fault) != failing:
                    failing = str(fault)
                    self._fail(failing)
                slowest = self._pace.longest_retry
            await rest(self._news, pause)
            pause = min(pause * 2, slowest)

    @abstractmethod
    async def _look(self) -> bool:
        """Look once, and end what is seen; whether the next look should come at once.

        Raises a `SystemFault`.
        """

    @abstractmethod
    def _names(self, request: Session) -> Iterable[str]:
        """Every login name that a request may stand for."""

    def _find(self, requests: Iterable[Session]) -> dict[Kicked, list[Session]]:
        """Leavers' requests, by whose they are."""
        if self._owners is None:
            self._owners = Owners(self._targets.values())
        return self._owners.find(requests, self._forms)

    def _forms(self, request: Session) -> set[str]:
        return {form for name in self._names(request) for form in self._spell(name)}

    def _still(self, targets: Iterable[Kicked]) -> list[Kicked]:
        """Without whom a newer entry replaced, or a reinstatement took out, since."""
        return [t for t in targets if self._targets.get(t.account) is t]

    def _saw(self, target: Kicked, left: int) -> None:
        """So many requests; the first time, the kick that follows says it."""
        target.clear_since = None
        if target.struck:
            self._report(target.seq, "look", count=left, left={"http": left})

    def _kicked(self, target: Kicked, count: int) -> None:
        target.struck = True
        self._report(target.seq, "kick", count=count)

    def _saw_none(self, target: Kicked, started: float) -> None:
        """In the look that began then."""
        if not target.struck:
            self._kicked(target, 0)
        if target.unseen(started, self._pace.quiet):
            self._report(target.seq, "quiet")
            self.spare(target.account)

    def _fail(self, detail: str) -> None:
        for target in self._targets.values():
            self._report(target.seq, "failed", detail=detail)
