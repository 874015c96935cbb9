# SPDX-License-Identifier: Apache-2.0
"""Prints a complete, commented evict.toml from the types, so that it cannot lie."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from evict.config import toml
from evict.config.fields import Setting, settings
from evict.config.model import Config

_WIDTH: Final = 98
_HEAD: Final = (
    "Settings of Evict. A line that is commented out shows the default, or an example where"
    " the default is nothing. Files in conf.d beside this one are read after it, in the order of"
    " their names, and win; tables are merged key by key, arrays of tables by name. The file of a"
    " secret may be the bare name of a systemd credential. `false` turns an optional setting off."
)


def example() -> str:
    """The whole file; it loads as it stands."""
    return "\n".join(_comment(_HEAD)) + "\n" + "\n".join(_section(Config, "")) + "\n"


def _section(section: type[Struct], prefix: str) -> Iterator[str]:
    """Values first, then tables: in TOML what follows a table's header belongs to it."""
    fields = settings(section)
    for setting in fields:
        if setting.section is None:
            yield from _comment(setting.description)
            yield _line(setting)
    for setting in fields:
        if setting.section is not None:
            name = prefix + setting.name
            yield ""
            yield from _comment(setting.section.__doc__ or "")
            yield f"[[{name}]]" if setting.many else f"[{name}]"
            yield from _section(setting.section, f"{name}.")


def _line(setting: Setting) -> str:
    has_default = not setting.required and setting.default not in (None, ())
    value = setting.default if has_default else setting.example
    mark = "" if setting.required or setting.shown else "#"
    return f"{mark}{setting.name} = {toml.value(value)}"


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(" ".join(text.split()), _WIDTH)]
