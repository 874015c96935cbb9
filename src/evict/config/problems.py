# SPDX-License-Identifier: Apache-2.0
"""Finds everything that is wrong with a configuration at once, each with its key.

msgspec stops at the first error and knows neither the file nor the key that was meant.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from evict.config import toml
from evict.config.fields import Setting, settings

Key = tuple[str | int, ...]
"""The way to a value: names of tables and numbers in arrays of tables, counted from 0."""


class Problem(Struct, frozen=True, kw_only=True):
    key: Key
    text: str


def spell(key: Key) -> str:
    """`dovecot[0].hook.listen`."""
    out = ""
    for part in key:
        out += f"[{part}]" if isinstance(part, int) else f".{part}"
    return out.removeprefix(".")


def to_path(wanted: type, found: object) -> Path:
    """Hook of msgspec for the one type it does not know."""
    if wanted is not Path or not isinstance(found, str) or not found:
        raise ValueError("Expected the name of a file")
    return Path(found)


def find(section: type[Struct], table: dict[str, Any], key: Key = ()) -> Iterator[Problem]:
    """Every unknown, missing or wrong key of a table and of the tables in it.

    A `false` that turns an optional setting off is taken as it is.
    """
    known = {s.name: s for s in settings(section)}
    for name in table:
        if name not in known:
            yield Problem(key=(*key, name), text=_unknown(name, list(known)))
    for setting in known.values():
        here = (*key, setting.name)
        if setting.name in table:
            yield from _find_in(setting, table[setting.name], here)
        elif setting.required:
            yield Problem(key=here, text=_missing(setting))


def _find_in(setting: Setting, found: Any, key: Key) -> Iterator[Problem]:
    if is_off(setting, found):
        return
    if setting.section is None:
        yield from _wrong_value(setting, found, key)
        return
    tables = found if setting.many and isinstance(found, list) else [found]
    if setting.many and not isinstance(found, list):
        yield Problem(key=key, text=f"expected an array of tables: [[{spell(key)}]]")
        return
    for number, table in enumerate(tables):
        here = (*key, number) if setting.many else key
        if isinstance(table, dict):
            yield from find(setting.section, table, here)
        else:
            yield Problem(key=here, text="expected a table")


def is_off(setting: Setting, found: object) -> bool:
    """TOML has no null: `false` turns an optional setting off."""
    return found is False and setting.optional


def _wrong_value(setting: Setting, found: object, key: Key) -> Iterator[Problem]:
    try:
        msgspec.convert(found, setting.type, dec_hook=to_path)
    except msgspec.ValidationError as error:
        text = str(error).partition(" - at ")[0].replace("`", "")
        yield Problem(key=key, text=text[0].lower() + text[1:])


def _unknown(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
    return f"unknown key; the nearest valid one is {near[0]}" if near else "unknown key"


def _missing(setting: Setting) -> str:
    if setting.section is not None:
        return f"missing table, as [{setting.name}]"
    return f"missing; for example {setting.name} = {toml.value(setting.example)}"
