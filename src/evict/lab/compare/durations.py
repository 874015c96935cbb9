# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec
from msgspec import Struct


class Duration(Struct, frozen=True, forbid_unknown_fields=True):
    """Seconds, and where the number is from."""

    value: float
    source: str
    mark: Literal["documented", "reported", "assumed"]


class Durations(Struct, frozen=True, forbid_unknown_fields=True):
    """By what a step is done with; see the file."""

    console: Duration
    cmdlet: Duration
    script: Duration
    restart: Duration
    evict: Duration

    def of(self, tool: str) -> float:
        """Raises `AttributeError` for a tool that nobody has."""
        found: Duration = getattr(self, tool)
        return found.value


@cache
def durations() -> Durations:
    text = files("evict.lab.compare").joinpath("durations.toml").read_text()
    return msgspec.convert(tomllib.loads(text), Durations)
