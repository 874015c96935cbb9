# SPDX-License-Identifier: Apache-2.0
"""One thing that waits for people: an order held back, or a reinstatement that is offered."""

from __future__ import annotations

import secrets
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct, structs

from evict.core.account import Account
from evict.core.allowance import Moment, still_good

_LETTERS: Final = "23456789bcdfghjkmnpqrstvwxz"
"""Without vowels, so that no word comes of it, and without signs that are read as others."""
_LENGTH: Final = 6


class HeldKind(StrEnum):
    CLOSURE = "closure"
    """More than the allowance."""
    NAME = "name"
    """The closure of an account that bears a name of somebody who left a short time ago."""
    PROTECTED = "protected"
    """The closure of an account that [protected] names."""
    REINSTATEMENT = "reinstatement"


class HeldState(StrEnum):
    WAITING = "waiting"
    PERMITTED = "permitted"
    """A reinstatement that may be ordered once."""


class Approval(Struct, frozen=True, kw_only=True):
    """One person's yes. `name`: as the asker is called; `person`: what counts as one human."""

    person: str
    name: str
    at: Moment


class Held(Struct, frozen=True, kw_only=True):
    """What is held, and everything that is needed to carry it out once it is approved.

    Attributes:
        id: short, to be typed.
        account: as it was when it was ordered, without its groups.
        source: by whom it came: an asker's name.
        person: the asker's person; "" a machine.
        number: rises with each thing that is held: the order of those held at one instant.
        why: why it is held; a sentence.
        also: other sources that asked for the same closing since: what the first takes back, or
            people dismiss as its doing, waits still, as theirs.
        forms: the login forms that the entry is to refuse; empty until the directory was asked
            which of them are somebody else's.
        generation: reinstatements: of the revocation that is to be undone.
        permitted: reinstatements: when the last approval came.
    """

    id: str
    kind: HeldKind
    account: Account
    source: str
    person: str
    where: str = ""
    since: datetime
    number: int
    why: str
    request: str
    reason: str = ""
    hold_queue: bool = False
    allow_bounce: bool = False
    also: tuple[str, ...] = ()
    forms: tuple[str, ...] = ()
    generation: int = 0
    approvals: tuple[Approval, ...] = ()
    state: HeldState = HeldState.WAITING
    permitted: Moment | None = None

    @property
    def closes(self) -> bool:
        return self.kind is not HeldKind.REINSTATEMENT


def account_of(held: Held) -> str:
    """For the shelf: a thing goes when its account's names are erased."""
    return held.account.id


def new_id() -> str:
    """Random, so that an id of before is never somebody else's by now."""
    number = secrets.randbelow(len(_LETTERS) ** _LENGTH)
    letters = []
    for _ in range(_LENGTH):
        number, rest = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[rest])
    return "".join(letters)


def with_approval(held: Held, yes: Approval, *, minutes: int) -> Held:
    """The approvals of other people that count still at this moment, and this one."""
    others = [
        a
        for a in held.approvals
        if a.person != yes.person and still_good(a.at, yes.at, minutes=minutes)
    ]
    return structs.replace(held, approvals=(*others, yes))


def without_source(held: Held, source: str) -> Held | None:
    """As it is once that source does not ask for it any more; None: nobody does."""
    left = tuple(name for name in (held.source, *held.also) if name != source)
    if not left:
        return None
    if left[0] == held.source:
        return structs.replace(held, also=left[1:])
    return structs.replace(held, source=left[0], also=left[1:], person="", where="")


def view(held: Held, *, needed: int) -> dict[str, Any]:
    """One row of `evict held`."""
    return {
        "id": held.id,
        "kind": held.kind,
        "account": held.account.id,
        "label": held.account.upn,
        "source": held.source,
        "since": held.since,
        "why": held.why,
        "reason": held.reason,
        "approved_by": [a.name for a in held.approvals],
        "approvals_needed": needed,
        "state": held.state,
    }
