# SPDX-License-Identifier: Apache-2.0
"""Prints the effective configuration. Secrets are in files of their own: only paths are here."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from evict.config import toml
from evict.config.fields import Setting, settings
from evict.config.model import Config


def show(config: Config) -> str:
    """All settings as TOML, defaults included; it loads as the same configuration."""
    return "\n".join(_table(config, "")).strip("\n") + "\n"


def _table(section: Struct, prefix: str) -> Iterator[str]:
    fields = settings(type(section))
    for setting in fields:
        if setting.section is None:
            yield from _line(setting, getattr(section, setting.name))
    for setting in fields:
        value = getattr(section, setting.name)
        if setting.section is None or value is None:
            continue
        name = prefix + setting.name
        for table in value if setting.many else (value,):
            yield ""
            yield f"[[{name}]]" if setting.many else f"[{name}]"
            yield from _table(table, f"{name}.")


def _line(setting: Setting, value: object) -> Iterator[str]:
    if value is not None:
        yield f"{setting.name} = {toml.value(value)}"
    elif setting.default is not None:
        yield f"{setting.name} = false"
