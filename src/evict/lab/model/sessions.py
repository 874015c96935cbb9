# SPDX-License-Identifier: Apache-2.0
"""Everything that is live: long polls, MAPI contexts, mail connections."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from evict.lab.model.delays import Delays
from evict.lab.model.store import Access, Store
from evict.lab.model.timers import Timers
from evict.lab.model.words import Denial, Denied, Pool, Protocol

MOVED: Final = "moved"
QUARANTINED: Final = "quarantine"
RECYCLED: Final = "recycled"
_SAID: Final = {MOVED: Denial.WRONG_SERVER, QUARANTINED: Denial.QUARANTINED}
"""Why a request on an ended session is refused, where it says more than that it ended."""


@dataclass(eq=False)
class Session:
    """One live connection, context or held request.

    Attributes:
        mailbox: account whose mailbox it has open; "" for a submission, which opens none.
        checked_at: when somebody looked last whether it may go on.
        on_end: called with the reason when the server's side ends it; never when the client does.
        holds_request: a request of it is held open now.
        idle_s: it ends after resting that long; None: never.
        ends_at: it ends then, in use or not; None: never.
        ended: why, after it did; "closed" where the client left.
    """

    id: int
    access: Access
    sam: str
    mailbox: str
    server: str
    protocol: Protocol
    pool: Pool | None
    opened_at: float
    used_at: float
    checked_at: float
    on_end: Callable[[str], None] = field(repr=False)
    holds_request: bool = False
    idle_s: float | None = None
    ends_at: float | None = None
    ended: str = ""


class Sessions:
    """All of them, found by account and by mailbox without a look at the others."""

    def __init__(
        self, delays: Delays, store: Store, timers: Timers, now: Callable[[], float]
    ) -> None:
        self._delays = delays
        self._store = store
        self._timers = timers
        self._now = now
        self._next = 1
        self.live: dict[int, Session] = {}
        self._of: dict[str, set[int]] = {}
        self._on: dict[str, set[int]] = {}

    def open(
        self,
        access: Access,
        *,
        pool: Pool | None,
        on_end: Callable[[str], None],
        holds_request: bool = False,
        lasts_s: float | None = None,
    ) -> Session:
        """Something that stays; `lasts_s` of a Ping is its heartbeat."""
        now = self._now()
        idle, bound = self._life(access.protocol)
        lasts = bound if lasts_s is None else lasts_s
        session = Session(
            id=self._next,
            access=access,
            sam=access.principal.sam,
            mailbox="" if access.protocol is Protocol.SMTP else access.mailbox.sam,
            server=access.server,
            protocol=access.protocol,
            pool=pool,
            opened_at=now,
            used_at=now,
            checked_at=now,
            on_end=on_end,
            holds_request=holds_request,
            idle_s=None if holds_request else idle,
            ends_at=None if lasts is None else now + lasts,
        )
        self._next += 1
        self.live[session.id] = session
        self._of.setdefault(session.sam, set()).add(session.id)
        self._on.setdefault(session.mailbox, set()).add(session.id)
        self._arm(session)
        return session

    def _life(self, protocol: Protocol) -> tuple[float | None, float | None]:
        """How long it may rest, and how long it lasts at most."""
        if protocol in (Protocol.IMAP, Protocol.POP3):
            return self._delays.imap_idle_s.value, None
        if protocol is Protocol.SMTP:
            return self._delays.smtp_idle_s.value, self._delays.smtp_connection_s.value
        if protocol is Protocol.MAPI:
            return self._delays.mapi_idle_s.value, None
        return None, None

    def use(self, session: Session) -> Denied | None:
        """One request on it: what the product looks at in a session that is live.

        A connection of a mail protocol and a held request are not looked at again (assumed). Only
        2007 and 2010 look at an Outlook's logon again, at most every two hours.
        """
        if session.id not in self.live:
            return Denied(_SAID.get(session.ended, Denial.SESSION_ENDED), session.ended)
        now = self._now()
        if self._fell_due(session, now):
            return Denied(Denial.SESSION_ENDED, session.ended)
        if now >= session.checked_at + self._store.recheck_s(session.protocol):
            denied = self._store.still(session.access)
            if denied is not None:
                self.end(session, "checked again")
                return denied
            session.checked_at = now
        session.used_at = now
        return None

    def of(self, sam: str) -> list[Session]:
        """Those that this account opened, oldest first."""
        return [self.live[i] for i in sorted(self._of.get(sam, ()))]

    def on(self, mailbox: str) -> list[Session]:
        """Those that have this mailbox open, whoever opened them; a submission has none open."""
        return [self.live[i] for i in sorted(self._on.get(mailbox, ()))]

    def at(self, server: str, pool: Pool | None = None) -> list[Session]:
        """Those at one server, or at one pool of it."""
        return [
            s for s in self.live.values() if s.server == server and (pool is None or s.pool is pool)
        ]

    def close(self, session: Session) -> None:
        """The client left."""
        if self._forget(session):
            session.ended = "closed"

    def end(self, session: Session, reason: str) -> None:
        """The server ends it, and its wire is told."""
        if self._forget(session):
            session.ended = reason
            session.on_end(reason)

    def _forget(self, session: Session) -> bool:
        if self.live.pop(session.id, None) is None:
            return False
        for index, key in ((self._of, session.sam), (self._on, session.mailbox)):
            index[key].discard(session.id)
            if not index[key]:
                del index[key]
        return True

    def _arm(self, session: Session) -> None:
        """One timer a session, set again when it fires too early: a use moves no timer."""
        due = [session.ends_at] if session.ends_at is not None else []
        if session.idle_s is not None:
            due.append(session.used_at + session.idle_s)
        if due:
            self._timers.at(min(due), lambda: self._timer(session))

    def _timer(self, session: Session) -> None:
        if session.id in self.live and not self._fell_due(session, self._timers.due):
            self._arm(session)

    def _fell_due(self, session: Session, now: float) -> bool:
        if session.ends_at is not None and now >= session.ends_at:
            self.end(session, "time-out")
        elif session.idle_s is not None and now >= session.used_at + session.idle_s:
            self.end(session, "idle")
        return bool(session.ended)
