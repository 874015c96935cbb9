# SPDX-License-Identifier: Apache-2.0
"""Values of cmdlets as the text of a before-image, and back."""

from __future__ import annotations

from collections.abc import Iterable


def as_text(value: bool | None) -> str:  # noqa: FBT001 - a value, not an option
    """Empty where the organisation's setting counts."""
    return "" if value is None else str(value).lower()


def as_flag(value: str) -> bool | None:
    return {"true": True, "false": False}.get(value)


def rights_text(rights: Iterable[str]) -> str:
    return ",".join(rights)


def rights_of(value: str) -> tuple[str, ...]:
    return tuple(part for part in value.split(",") if part)
