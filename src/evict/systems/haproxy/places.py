# SPDX-License-Identifier: Apache-2.0
"""What one hook calls its maps and tables in HAProxy."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from msgspec import Struct

from evict.config.haproxy import HaproxyHook

UNTIL: Final = "until"
"""Key of the gate: its value is the POSIX second until which HAProxy lets anybody in."""
STATE: Final = "*state"
"""Key in the map of closed names that says what the map holds; no name has a `*`."""


class Places(Struct, frozen=True, kw_only=True):
    """Names of one hook.

    Attributes:
        backends: of HAProxy that have the rules; each has a stick table of live requests.
    """

    folder: Path
    prefix: str
    backends: tuple[str, ...]

    @property
    def closed(self) -> Path:
        """Canonical form -> 1: who is refused."""
        return self.folder / f"{self.prefix}closed.map"

    @property
    def gate(self) -> Path:
        """`until` -> when HAProxy stops letting anybody in. The file stays empty."""
        return self.folder / f"{self.prefix}gate.map"

    @property
    def cookies(self) -> Path:
        """SHA-256 of a session cookie -> whose. The file stays empty: the agent fills the map."""
        return self.folder / f"{self.prefix}cookies.map"

    @property
    def news(self) -> Path:
        """The same of those that HAProxy bound since the agent looked last; it moves them on.

        To bind one, HAProxy walks through the map, so this one is kept small.
        """
        return self.folder / f"{self.prefix}news.map"

    @property
    def strangers(self) -> str:
        """Stick table of the cookies that were issued before any sign-in."""
        return f"{self.prefix}strangers"

    @property
    def maps(self) -> tuple[Path, ...]:
        return (self.closed, self.gate, self.cookies, self.news)


def places(name: str, hook: HaproxyHook) -> Places:
    """Of the system `name`."""
    return Places(
        folder=hook.map_folder,
        prefix=hook.prefix or f"evict_{name}_".replace("-", "_").replace(".", "_"),
        backends=hook.backends or (name,),
    )
