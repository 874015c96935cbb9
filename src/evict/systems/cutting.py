# SPDX-License-Identifier: Apache-2.0
"""What the loops share that end leavers' live sessions, whichever server's they are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Generic, Protocol, TypeVar

from msgspec import Struct

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
