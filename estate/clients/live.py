# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TypeAlias

from estate.layout import Layout
from estate.people import Person


class Live(ABC):
    """A person's live session, whatever it runs over.

    Constructing it logs in. Raises `Refused` or `Ended` where that does not work.
    """

    person: Person

    @abstractmethod
    def beat(self) -> None:
        """Use the session once. Raises `Ended` or `Refused` once it is dead."""

    @abstractmethod
    def close(self) -> None: ...


Opens: TypeAlias = Callable[[Layout, Person, str], Live]
"""Logs in on this estate, as this person, from this address."""
Protocols: TypeAlias = Mapping[str, Opens]
"""Name -> how to log in."""
