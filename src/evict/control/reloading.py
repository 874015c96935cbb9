# SPDX-License-Identifier: Apache-2.0
"""The configuration in force, and how another one takes its place without a restart.

A new file is read, checked, and prepared for by every part that keeps something made of it, before
anything changes: where one of them cannot, the old configuration stays in force as a whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog
from msgspec import Struct, structs

from evict.config.load import load
from evict.config.model import Config
from evict.core.errors import ConfigError

log = structlog.get_logger()

AT_ONCE: Final = ("protected", "guard", "access", "notify", "watch", "staying")
"""Sections whose readers ask `Settings.current` each time, or are told by `prepared_by`."""

AT_A_START: Final = (
    ("watch", "enabled"),
    ("watch", "leavers_units"),
    ("watch", "leavers_groups"),
)
"""Settings within those that are nevertheless read at the start only."""

Commit = Callable[[], None]
Prepare = Callable[[Config], Commit]
"""Makes whatever a new configuration needs, changes nothing, and returns what puts it into force.

Raises `ConfigError` where it cannot be had."""


class Reloaded(Struct, frozen=True, kw_only=True):
    """What a reload came to: keys such as `guard.an_hour`, never a value."""

    changed: tuple[str, ...] = ()
    restart_needed: tuple[str, ...] = ()

    def told(self) -> str:
        """One sentence without names."""
        changed = f"{len(self.changed)} settings changed" if self.changed else "nothing changed"
        if not self.restart_needed:
            return changed
        return f"{changed}; wait for a restart: {', '.join(self.restart_needed)}"


class Settings:
    """Holds the configuration in force.

    Args:
        path: where it came from; None: it was made by the caller and cannot be reloaded.

    Attributes:
        current: what is in force. A reader asks for it each time, and keeps nothing of it.
        since: when it came into force.
        refused: why the file as it was last read is not in force; "" where it is.
        restart_needed: keys of the file that wait for a restart.
    """

    def __init__(self, config: Config, path: Path | None = None) -> None:
        self.current = config
        self.path = path
        self.since = datetime.now(UTC)
        self.refused = ""
        self.restart_needed: tuple[str, ...] = ()
        self._preparing: list[Prepare] = []
        self._one = asyncio.Lock()

    def prepared_by(self, prepare: Prepare) -> None:
        """Ask this part, too, before a new configuration comes into force."""
        self._preparing.append(prepare)

    async def reload(self) -> Reloaded:
        """Read the file again and put into force what can be without a restart.

        Raises:
            ConfigError: nothing changed; `refused` says why until a file is sound.
        """
        if self.path is None:
            raise ConfigError("only `evict serve` keeps a configuration that can be read again")
        async with self._one:
            try:
                new = await asyncio.to_thread(load, self.path)
                reloaded = self._take(new)
            except ConfigError as error:
                self.refused = error.text
                log.error("config.refused", text=error.text)  # noqa: TRY400 - it says where
                raise
        log.info(
            "config.reloaded", changed=reloaded.changed, restart_needed=reloaded.restart_needed
        )
        return reloaded

    def _take(self, new: Config) -> Reloaded:
        old = self.current
        merged = structs.replace(old, **{name: _at_once(name, old, new) for name in AT_ONCE})
        commits = [prepare(merged) for prepare in self._preparing]
        for commit in commits:
            commit()
        self.current = merged
        self.since = datetime.now(UTC)
        self.refused = ""
        self.restart_needed = tuple(differences(merged, new))
        changed = tuple(differences(old, merged))
        return Reloaded(changed=changed, restart_needed=self.restart_needed)


def _at_once(name: str, old: Config, new: Config) -> Struct:
    section: Struct = getattr(new, name)
    kept = {key: getattr(getattr(old, name), key) for where, key in AT_A_START if where == name}
    return structs.replace(section, **kept)


def differences(old: Struct, new: Struct, before: str = "") -> list[str]:
    """Keys whose values differ; an array of tables is one key."""
    found: list[str] = []
    for field in structs.fields(type(old)):
        here, there = getattr(old, field.name), getattr(new, field.name)
        if isinstance(here, Struct) and isinstance(there, Struct) and type(here) is type(there):
            found += differences(here, there, f"{before}{field.name}.")
        elif here != there:
            found.append(before + field.name)
    return found
