# SPDX-License-Identifier: Apache-2.0
"""Everything that is live: long polls, MAPI contexts, mail connections."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from evict.lab.model.timers import Timers
from evict.lab.model.words import Denial, Denied, Pool, Protocol

ENDED: Final = Denied(Denial.SESSION_ENDED, "the server ended it")


@dataclass(eq=False)
class Session:
    """One live connection or context.

    Attributes:
        on_end: called with the reason when the server's side ends it; never when the client does.
        holds_request: a request of it is held open now.
        idle_s: it ends after resting that long; None: never.
        ends_at: it ends then, in use or not; None: never.
    """

    id: int
    sam: str
    mailbox: str
    server: str
    protocol: Protocol
    pool: Pool | None
    opened_at: float
    used_at: float
    on_end: Callable[[str], None]
    holds_request: bool = False
    idle_s: float | None = None
    ends_at: float | None = None
    ended: str = field(default="")


class Sessions:
    """All of them; a check of what a session may still do is the organisation's."""

    def __init__(self, now: Callable[[], float], timers: Timers) -> None:
        self._now = now
        self._timers = timers
        self._next = 1
        self.live: dict[int, Session] = {}
        self._of: dict[str, set[int]] = {}

    def add(  # noqa: PLR0913 - a session has these parts
        self,
        *,
        sam: str,
        mailbox: str,
        server: str,
        protocol: Protocol,
        pool: Pool | None,
        on_end: Callable[[str], None],
        holds_request: bool,
        idle_s: float | None,
        lasts_s: float | None,
    ) -> Session:
        now = self._now()
        session = Session(
            id=self._next,
            sam=sam,
            mailbox=mailbox,
            server=server,
            protocol=protocol,
            pool=pool,
            opened_at=now,
            used_at=now,
            on_end=on_end,
            holds_request=holds_request,
            idle_s=idle_s,
            ends_at=None if lasts_s is None else now + lasts_s,
        )
        self._next += 1
        self.live[session.id] = session
        self._of.setdefault(sam, set()).add(session.id)
        self._arm(session)
        return session

    def _arm(self, session: Session) -> None:
        """One timer a session, set again when it fires too early: a use moves no timer."""
        due = [session.ends_at] if session.ends_at is not None else []
        if session.idle_s is not None:
            due.append(session.used_at + session.idle_s)
        if due:
            self._timers.at(min(due), lambda: self._fell_due(session))

    def _fell_due(self, session: Session) -> None:
        if session.id not in self.live:
            return
        now = self._now()
        if session.ends_at is not None and now >= session.ends_at:
            self.end(session, "time-out")
        elif session.idle_s is not None and now >= session.used_at + session.idle_s:
            self.end(session, "idle")
        else:
            self._arm(session)

    def touch(self, session: Session) -> Denied | None:
        """A use keeps it from resting too long."""
        if session.id not in self.live:
            return ENDED
        session.used_at = self._now()
        return None

    def of(self, sam: str) -> list[Session]:
        """Those that this account opened."""
        return [self.live[i] for i in sorted(self._of.get(sam, ()))]

    def on(self, mailbox: str) -> list[Session]:
        """Those that are open on this mailbox, whoever opened them."""
        return [s for s in self.live.values() if s.mailbox == mailbox]

    def close(self, session: Session) -> None:
        """The client left."""
        if self.live.pop(session.id, None) is not None:
            self._of[session.sam].discard(session.id)

    def end(self, session: Session, reason: str) -> None:
        """The server ends it, and its wire is told."""
        if session.id in self.live:
            self.close(session)
            session.ended = reason
            session.on_end(reason)
