# SPDX-License-Identifier: Apache-2.0
"""What was seen when somebody looked at a door. The only food of verdicts."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from evict.core.door import Door


class Method(StrEnum):
    """How it was looked at."""

    WITNESS = "witness"
    """A session opened as the leaver before the commit, used after it."""
    NEGATIVE_LOGIN = "negative-login"
    """A login with the password that Evict itself has set."""
    LIST = "list"
    """The server's own list of live sessions, grants or queued mail."""
    HOOK = "hook"
    """The agent's acknowledgement that the hooks refuse."""
    READ_BACK = "read-back"
    """What was written, read again over another connection."""


class Outcome(StrEnum):
    """What came of it."""

    LET_IN = "let-in"
    REFUSED = "refused"
    CUT = "cut"
    """The server ended the connection."""
    EMPTY = "empty"
    """A list that holds nothing of the leaver's."""
    PRESENT = "present"
    """A list that holds something of the leaver's."""
    UNREACHABLE = "unreachable"
    UNCLEAR = "unclear"
    """An answer that is neither a yes nor a no (a temporary error, half an answer)."""

    @property
    def open(self) -> bool:
        return self in (Outcome.LET_IN, Outcome.PRESENT)

    @property
    def shut(self) -> bool:
        return self in (Outcome.REFUSED, Outcome.CUT, Outcome.EMPTY)


class Look(Protocol):
    """What came of looking once, and when; aware UTC."""

    @property
    def outcome(self) -> Outcome: ...
    @property
    def started_at(self) -> datetime: ...
    @property
    def ended_at(self) -> datetime: ...


def speaks_after(look: Look, commit_at: datetime) -> bool:
    """Whether a refusal says something of the time after the commit.

    A look counts if it began after the commit; a session that was cut since stays cut.
    """
    return (look.ended_at if look.outcome is Outcome.CUT else look.started_at) >= commit_at


class Sighting(Struct, frozen=True, kw_only=True):
    """One look at one door.

    Attributes:
        started_at, ended_at: aware UTC, of the control plane's clock; microseconds are kept.
        where: host:port that was looked at, since one door may stand on several servers; a look
            at one of them says nothing of the others.
        detail: one sentence for people, no secrets.
        transcript: lines sent ("C: ") and received ("S: "), secrets replaced by "***";
            at most 40 lines of at most 200 characters.
        tries: how many looks this sighting stands for (a witness beats many times; its first and
            last of a kind are kept).
        widest_gap_ms: the widest gap between two of those looks: how finely it was probed.
    """

    door: Door
    method: Method
    outcome: Outcome
    started_at: datetime
    ended_at: datetime
    where: str = ""
    detail: str = ""
    transcript: tuple[str, ...] = ()
    tries: int = 1
    widest_gap_ms: float | None = None
