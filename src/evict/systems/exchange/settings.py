# SPDX-License-Identifier: Apache-2.0
"""Settings of the servers themselves, read over each server's own shell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from evict.core.errors import SystemFault
from evict.systems.exchange.objects import text
from evict.systems.exchange.port import Shell
from evict.systems.exchange.results import found

TOKEN_TTL: Final = "UserTokenTTL"  # noqa: S105 - a setting's name
DEFAULT_TTL_S: Final = 900
"""KB 267568: 15 minutes where the value is not set; it counts for tokens made after a restart."""
_KEY: Final = "HKLM:\\SYSTEM\\CurrentControlSet\\Services\\InetInfo\\Parameters"


async def token_life(shell: Shell) -> int | None:
    """Seconds, as set on one server; None where it is not set. Raises a `SystemFault`."""
    result = await shell.run("Get-ItemProperty", Path=_KEY, Name=TOKEN_TTL)
    if any("does not exist" in error.text for error in result.errors):
        return None
    values = [text(o, TOKEN_TTL) for o in found(result, shell.system)]
    return next((int(value) for value in values if value.isdigit()), None)


async def token_lives(
    servers: Mapping[str, Shell],
) -> tuple[dict[str, int | None], dict[str, SystemFault]]:
    """Of every server, and what kept one from being read."""
    lives: dict[str, int | None] = {}
    faults: dict[str, SystemFault] = {}
    for name, shell in servers.items():
        try:
            lives[name] = await token_life(shell)
        except SystemFault as fault:
            faults[name] = fault
    return lives, faults
