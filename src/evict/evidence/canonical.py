# SPDX-License-Identifier: Apache-2.0
"""One form of bytes for one statement, so that whoever holds it can compare and hash it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import rfc8785

from evict.core.errors import Bug


def encode(value: object) -> bytes:
    """Canonical JSON of structs, containers and scalars.

    Milliseconds and seconds keep three decimals, instants microseconds in UTC. Text that is not
    Unicode (a lone surrogate out of a server's answer) is escaped.

    Raises:
        Bug: something that JSON cannot say (a number that is none, an instant without a zone).

    Spec: RFC 8785 section 3.2 (key order, numbers, strings); RFC 3339 section 5.6 (date-time).
    """
    try:
        return rfc8785.dumps(_plain(msgspec.to_builtins(value, builtin_types=(datetime,))))
    except (rfc8785.CanonicalizationError, TypeError) as error:
        raise Bug(f"a statement cannot be written: {error}") from error


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {_text(str(k)): _plain(v) for k, v in value.items()}
        case list() | tuple():
            return [_plain(v) for v in value]
        case datetime():
            return _instant(value)
        case float():
            return round(value, 3)
        case str():
            return _text(value)
        case _:
            return value


def _instant(at: datetime) -> str:
    if at.tzinfo is None:
        raise Bug("an instant without a zone in a statement")
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _text(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
