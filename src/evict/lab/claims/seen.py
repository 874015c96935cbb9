# SPDX-License-Identifier: Apache-2.0
"""What a demonstration saw on one version."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Final

from msgspec import Struct

from evict.lab.model.profile import Version

MINUTE_S: Final = 60
QUARTER_S: Final = 15 * MINUTE_S
HOUR_S: Final = 60 * MINUTE_S
DAY_S: Final = 24 * HOUR_S


class Found(StrEnum):
    AS_CLAIMED = "as claimed"
    OTHERWISE = "otherwise"
    """As a later source says, or as another version does it."""
    INAPPLICABLE = "inapplicable"
    """This version has nothing that the claim could be tried on."""
    NEITHER = "neither"


class Seen(Struct, frozen=True):
    """`text` is one sentence, with the numbers that were observed."""

    found: Found
    text: str


class NotSeenError(Exception):
    """Neither what is claimed nor what a later source says; the text is what was seen instead."""


Demonstration = Callable[[Version], Seen]


def expect(seen: bool, text: str) -> None:  # noqa: FBT001 - reads as an assertion
    """Raises `NotSeenError` where something was not seen."""
    if not seen:
        raise NotSeenError(text)


def look(demonstration: Demonstration, version: Version) -> Seen:
    """Run it on a fresh organisation."""
    try:
        return demonstration(version)
    except NotSeenError as error:
        return Seen(Found.NEITHER, str(error))


def span(seconds: float | None) -> str:
    """As people say it: "14 min 59 s", "2 h"; None: never."""
    if seconds is None:
        return "never"
    hours, rest = divmod(round(seconds), HOUR_S)
    minutes, left = divmod(rest, MINUTE_S)
    parts = ((hours, "h"), (minutes, "min"), (left, "s"))
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "0 s"


def every(seconds: float) -> str:
    """How often: "minute", "10 min"."""
    return "minute" if seconds == MINUTE_S else span(seconds)
