# SPDX-License-Identifier: Apache-2.0
"""What one refresh tells, gathered; and how far a cookie reaches. No I/O."""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from evict.systems.ldap.messages import Entry
from evict.systems.openldap import sync

_CSN: Final = re.compile(r"\d{14}\.\d{6}Z#[0-9a-f]{6}#([0-9a-f]{3})#[0-9a-f]{6}")


class Gone(Struct, frozen=True, kw_only=True):
    """A deletion with the DN that it was told with."""

    entry: str
    dn: str


Item = Entry | Gone | sync.Info | sync.Done


class Refresh:
    """What one refresh told, as it came.

    Attributes:
        deleted: id -> DN, or "".
        guessing: it named who is there, and left deletions to be guessed.
    """

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.deleted: dict[str, str] = {}
        self.cookie = b""
        self.guessing = False

    def add(self, item: Item) -> None:
        if isinstance(item, Entry):
            self.entries.append(item)
        elif isinstance(item, Gone):
            self.deleted[item.entry] = item.dn
        elif isinstance(item, sync.Info):
            self.deleted |= {entry: self.deleted.get(entry, "") for entry in item.deleted}
            self.guessing = self.guessing or item.present_phase
        else:
            self.cookie = item.cookie


def csns(text: str) -> dict[str, str]:
    """Server id -> its newest change in a cookie, or in contextCSN values; they sort as text."""
    newest: dict[str, str] = {}
    for found in _CSN.finditer(text):
        newest[found[1]] = max(found[0], newest.get(found[1], ""))
    return newest
