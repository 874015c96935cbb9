# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from enum import IntEnum, StrEnum

from msgspec import Struct

from evict.core.door import Door


class Stage(IntEnum):
    """The order within a plan; measures of one stage may run side by side."""

    REFUSE = 1
    FLUSH = 2
    KICK = 3
    LOOK = 4
    CREDENTIALS = 5
    GRANTS = 6
    MAIL_FLOW = 7
    STORAGE = 8
    """Where the mailbox itself is shut: its permissions, quarantine, a move."""
    RESTART = 9
    """What others notice; the last resort."""


class Actor(StrEnum):
    """Who carries a measure out."""

    AGENT = "agent"
    CONTROL = "control"


class BeforeImage(Struct, frozen=True, kw_only=True):
    """What stood before a measure, and what the measure set: exact undo, and drift that is seen.

    Attributes:
        before, after: attribute or object name -> value as text; a missing key: it was not there.
    """

    measure: str
    system: str
    target: str
    before: dict[str, str]
    after: dict[str, str]


class Measure(Struct, frozen=True, kw_only=True):
    """One act on one or more doors of one system.

    Attributes:
        id: `system:verb`, or `system:verb:target` where several of a kind may stand in a plan.
        doors: the doors that it shuts.
        target: what exactly is touched (a script's name), for measures that come in several.
        why: one sentence: why it is in the plan.
        disturbs: whom it disturbs besides the leaver; "nobody else" where that is so.
        undo: how a reinstatement takes it back; "" where there is nothing to take back.
        image: what stands before and what the measure will set, taken from the same observation.
            It is stored before the measure is applied, and only the first one of a case is kept,
            so that a crash in between loses nothing.
    """

    id: str
    system: str
    stage: Stage
    actor: Actor
    doors: tuple[Door, ...]
    why: str
    target: str = ""
    disturbs: str = "nobody else"
    undo: str = ""
    image: BeforeImage | None = None


class EffectKind(StrEnum):
    DONE = "done"
    UNCHANGED = "unchanged"
    """Looked first: it was so already; nothing was written."""
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    """Sent and not answered: only a look settles it."""
    SKIPPED = "skipped"
    """Not wished for; never counted as done."""
    DRIFTED = "drifted"
    """An undo that found another value than Evict had set, and left it."""


class Effect(Struct, frozen=True, kw_only=True):
    """What came of one measure or of its undo.

    Attributes:
        detail: one sentence for people, no secrets.
    """

    measure: str
    kind: EffectKind
    detail: str = ""
