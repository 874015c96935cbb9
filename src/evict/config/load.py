# SPDX-License-Identifier: Apache-2.0
"""Reads evict.toml and the files in conf.d beside it into `Config`.

Files of conf.d are read in the order of their names, and the later one wins: a table is merged key
by key, an array of tables by the `name` of its elements (a new name is appended), every other
value is replaced.
"""

from __future__ import annotations

import copy
import tomllib
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from evict.config import crosscheck, problems
from evict.config.fields import Setting, settings
from evict.config.model import Config
from evict.config.problems import Key, Problem, spell
from evict.core.errors import ConfigError

DEFAULT_PATH: Final = Path("/etc/evict/evict.toml")
MAX_BYTES: Final = 4 * 1024 * 1024


def load(path: Path | None = None) -> Config:
    """Read, merge, check.

    Args:
        path: the main file; None: `DEFAULT_PATH`.

    Raises:
        ConfigError: names every wrong key with its file and what was expected.
    """
    path = path or DEFAULT_PATH
    try:
        return _load(path)
    except RecursionError:
        raise ConfigError(f"{path}: nested too deeply") from None


def _load(path: Path) -> Config:
    merged = _Merged()
    for file in (path, *sorted((path.parent / "conf.d").glob("*.toml"))):
        merged.add(Config, merged.table, _read(file), (), file)
    _refuse(list(problems.find(Config, merged.table)), merged, path)
    table = _without_off(Config, merged.table)
    config = msgspec.convert(table, Config, dec_hook=problems.to_path)
    _refuse(list(crosscheck.find(config)), merged, path)
    return config


class _Merged:
    """All files laid over each other, and which file each key came from last."""

    def __init__(self) -> None:
        self.table: dict[str, Any] = {}
        self.origin: dict[Key, Path] = {}

    def add(
        self, section: type[Struct], into: dict[str, Any], new: dict[str, Any], key: Key, file: Path
    ) -> None:
        self.origin.setdefault(key, file)
        known = {s.name: s for s in settings(section)}
        for name, value in new.items():
            here = (*key, name)
            setting = known.get(name)
            if setting and setting.many and isinstance(value, list):
                self._add_many(setting, into.setdefault(name, []), value, here, file)
            elif setting and setting.section and isinstance(value, dict):
                old = into.get(name)
                into[name] = old if isinstance(old, dict) else {}
                self.add(setting.section, into[name], value, here, file)
            else:
                into[name] = copy.deepcopy(value)
                self.origin[here] = file

    def _add_many(self, setting: Setting, into: Any, new: list[Any], key: Key, file: Path) -> None:
        if not isinstance(into, list) or setting.section is None:
            raise _error(file, key, "an earlier file has something else than tables here")
        default = next(s.default for s in settings(setting.section) if s.name == "name")
        mine: list[object] = []
        for table in new:
            if not isinstance(table, dict):
                raise _error(file, key, "expected tables")
            name = table.get("name", default)
            if name in mine:
                raise _error(file, key, f"two tables have the name {name!r} in one file")
            mine.append(name)
            numbers = [n for n, old in enumerate(into) if old.get("name", default) == name]
            number = numbers[0] if numbers else len(into)
            if not numbers:
                into.append({})
            self.add(setting.section, into[number], table, (*key, number), file)

    def file_of(self, key: Key, main: Path) -> Path:
        """The file that a key, or the nearest table around it, came from."""
        for length in range(len(key), 0, -1):
            if key[:length] in self.origin:
                return self.origin[key[:length]]
        return main


def _read(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        hint = f"evict config example > {file}"
        raise ConfigError(f"{file}: there is no such file; write one with: {hint}") from None
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    if len(raw) > MAX_BYTES:
        raise ConfigError(f"{file}: larger than {MAX_BYTES} bytes")
    try:
        return tomllib.loads(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: not UTF-8 at byte {error.start}") from None
    except ValueError as error:  # also of a number with more digits than Python reads
        raise ConfigError(f"{file}: not TOML: {error}") from None
    except RecursionError:
        raise ConfigError(f"{file}: nested too deeply") from None


def _without_off(section: type[Struct], table: dict[str, Any]) -> dict[str, Any]:
    """The same table with None where `false` turns an optional setting off."""
    out: dict[str, Any] = {}
    for setting in settings(section):
        if setting.name not in table:
            continue
        value = table[setting.name]
        if problems.is_off(setting, value):
            out[setting.name] = None
        elif setting.section is None:
            out[setting.name] = value
        elif setting.many:
            out[setting.name] = [_without_off(setting.section, t) for t in value]
        else:
            out[setting.name] = _without_off(setting.section, value)
    return out


def _refuse(found: list[Problem], merged: _Merged, main: Path) -> None:
    if found:
        texts = [f"{merged.file_of(p.key, main)}: {spell(p.key)}: {p.text}" for p in found]
        raise ConfigError("; ".join(texts))


def _error(file: Path, key: Key, text: str) -> ConfigError:
    return ConfigError(f"{file}: {spell(key)}: {text}")
