# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from evict.core.door import Door


class Source(StrEnum):
    """Where a duration comes from."""

    READ = "read"
    """From the running system's own settings."""
    DECLARED = "declared"
    """From evict.toml, where no interface tells."""
    ASSUMED = "assumed"
    """The product's documented default."""


class Exposure(Struct, frozen=True, kw_only=True):
    """How long one door would stay open after a plain disable in the directory.

    Attributes:
        closes_after_s: seconds; 0 where it closes at once; None: never by itself.
        setting: the setting that decides, as the product spells it.
        value: its value as read, declared or assumed.
    """

    door: Door
    closes_after_s: float | None
    source: Source
    setting: str
    value: str
    reason: str
    remedy: str


class Severity(StrEnum):
    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


class Finding(Struct, frozen=True, kw_only=True):
    """One thing `evict doctor` looked at.

    Attributes:
        code: stable dash slug.
        system: whose; "" for Evict itself.
    """

    code: str
    severity: Severity
    system: str
    text: str
    remedy: str = ""
