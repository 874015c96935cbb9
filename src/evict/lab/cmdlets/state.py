# SPDX-License-Identifier: Apache-2.0
"""What cmdlets keep that the model has no rule for: shown again, and of no effect there."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

from evict.lab.model.servers import LogLine

if TYPE_CHECKING:
    from evict.lab.model.organisation import Organisation


@dataclass
class Wipe:
    """An order to a phone. `whole`: the phone itself, not the account alone."""

    asked: float
    by: str
    whole: bool


@dataclass
class Extras:
    """Of one mailbox.

    Attributes:
        cas: properties of Set-CASMailbox beside the model's features.
        settings: properties of Set-Mailbox that act on nothing here.
        wipes: by device id.
    """

    cas: dict[str, object] = field(default_factory=dict)
    settings: dict[str, object] = field(default_factory=dict)
    wipes: dict[str, Wipe] = field(default_factory=dict)
    pin_locked: bool = False


@dataclass
class Planned:
    """A migration batch that was made and not started."""

    name: str
    members: tuple[str, ...]
    target: str
    made: float
    completes: bool


class Spelled(NamedTuple):
    """A line of a log as its file has it, and the same in small letters; "" where it is in none."""

    line: LogLine
    text: str
    low: str


@dataclass
class State:
    """Of one organisation.

    Attributes:
        ttl_written: servers whose registry has a UserTokenTTL.
        impersonators: accounts that hold ApplicationImpersonation.
        scopes: role group -> end of the distinguished names that it may write to.
        role_entries: role group and cmdlet -> the parameters that are left of it.
        logs: by server, and whether it is HttpProxy's.
    """

    boxes: dict[str, Extras] = field(default_factory=dict)
    planned: dict[str, Planned] = field(default_factory=dict)
    ttl_written: set[str] = field(default_factory=set)
    impersonators: list[str] = field(default_factory=list)
    scopes: dict[str, str] = field(default_factory=dict)
    role_entries: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    logs: dict[tuple[str, bool], deque[Spelled]] = field(default_factory=dict)

    def of(self, sam: str) -> Extras:
        return self.boxes.setdefault(sam, Extras())


_STATES: WeakKeyDictionary[Organisation, State] = WeakKeyDictionary()


def state_of(organisation: Organisation) -> State:
    """One for all shells of an organisation."""
    return _STATES.setdefault(organisation, State())
