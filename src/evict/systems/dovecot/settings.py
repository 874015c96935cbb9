# SPDX-License-Identifier: Apache-2.0
"""Dovecot's settings as doveconf tells them.

Read with `doveconf -a`, which needs no right to the secrets: it hides them, and it passes over a
file that `!include_try` names and this user may not read.

Spec: doveconf(1) of Dovecot 2.3.19.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from msgspec import Struct

from evict.core.errors import RemoteProtocolError
from evict.systems.command import Tool

_HIDDEN: Final = "# hidden, use -P to show it"
_LINE: Final = re.compile(r"(?P<name>[A-Za-z0-9_./-]+) =(?: (?P<value>.*))?")
_BLOCK: Final = re.compile(r"(?P<kind>[A-Za-z0-9_]+)(?: (?P<name>.*?))? ?\{")
_VERSION: Final = re.compile(r"# (\d+\.\d+\.\d+\S*) \(")
_QUANTITY: Final = re.compile(r"(\d+) ?([A-Za-z]*)")
_SECONDS: Final = {
    "": 1.0,
    "msec": 0.001,
    "sec": 1.0,
    "min": 60.0,
    "hour": 3600.0,
    "day": 86400.0,
    "week": 604800.0,
}
_BYTES: Final = {"": 1, "B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class Block(Struct, frozen=True, kw_only=True):
    """A `kind name { ... }` of the configuration, one level deep.

    Attributes:
        values: its own settings; those of blocks inside it are left out.
    """

    kind: str
    name: str
    values: dict[str, str]


class Settings(Struct, frozen=True, kw_only=True):
    """What a Dovecot is set to.

    Attributes:
        version: "2.3.19.1"; "" where doveconf does not say.
        values: top-level settings, as doveconf spells them.
        blocks: outermost blocks, in order.
    """

    version: str
    values: dict[str, str]
    blocks: tuple[Block, ...]

    def get(self, name: str) -> str:
        """A setting's value without quotes; "" where it is not set or not known."""
        return self.values.get(name, "").strip('"')

    def is_hidden(self, name: str) -> bool:
        """Whether it is a secret that is set and not shown."""
        return self.values.get(name) == _HIDDEN

    def on(self, name: str) -> bool:
        return self.get(name) == "yes"

    def seconds(self, name: str) -> float | None:
        """A duration (`1 hours`); None where it is no finite one."""
        return seconds(self.get(name))

    def size(self, name: str) -> int | None:
        """Bytes (`10 M`)."""
        found = _QUANTITY.fullmatch(self.get(name))
        if found is None or found[2].upper() not in _BYTES:
            return None
        return int(found[1]) * _BYTES[found[2].upper()]


def seconds(value: str) -> float | None:
    """Read one of Dovecot's durations: a number and a unit, in the singular or plural."""
    found = _QUANTITY.fullmatch(value)
    if found is None:
        return None
    unit = found[2].lower()
    scale = _SECONDS.get(unit, _SECONDS.get(unit.removesuffix("s")))
    return None if scale is None else int(found[1]) * scale


def parse(text: str) -> Settings:
    """Read what `doveconf -a` prints; a line that is neither setting nor block is passed over."""
    version = _VERSION.search(text)
    values: dict[str, str] = {}
    blocks: list[Block] = []
    depth = 0
    for raw in text.splitlines():
        line = raw.strip()
        if line == "}":
            depth = max(depth - 1, 0)
        elif block := _BLOCK.fullmatch(line):
            if depth == 0:
                blocks.append(Block(kind=block["kind"], name=block["name"] or "", values={}))
            depth += 1
        elif setting := _LINE.fullmatch(line):
            if depth == 0:
                values[setting["name"]] = setting["value"] or ""
            elif depth == 1:
                blocks[-1].values[setting["name"]] = setting["value"] or ""
    return Settings(version=version[1] if version else "", values=values, blocks=tuple(blocks))


async def read(tool: Tool, config_file: Path) -> Settings:
    """Ask doveconf. Raises a `SystemFault` where it cannot be run or says nothing of use."""
    text, _ = await tool.run(["doveconf", "-a", "-c", str(config_file)])
    settings = parse(text)
    if "protocols" not in settings.values:
        raise RemoteProtocolError("doveconf's answer cannot be read", system=tool.system)
    return settings
