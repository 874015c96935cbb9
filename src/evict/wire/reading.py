# SPDX-License-Identifier: Apache-2.0
"""What an answer over HTTP means for the door, whatever its status code says."""

from __future__ import annotations

from enum import StrEnum
from typing import Any
from urllib.parse import SplitResult, urlsplit

import msgspec
from msgspec import Struct


class Says(StrEnum):
    IN = "in"
    REFUSED = "refused"
    GONE = "gone"
    """The server no longer has the session."""
    GO_ON = "go-on"
    """Nothing yet: the next page tells."""
    UNCLEAR = "unclear"
    """Neither: a server's trouble, or something unknown."""


class Reading(Struct, frozen=True, kw_only=True):
    """What one answer means.

    Attributes:
        words: for people, without secrets.
        path: with `GO_ON`: path and query to ask next.
    """

    says: Says
    words: str
    path: str = ""


def of_status(status: int) -> Reading | None:
    """What the status alone says; None where the rest of the answer must tell.

    Spec: RFC 9110 section 15. 403 counts as a refusal, 5xx as the server's trouble.
    """
    if status in (401, 403):
        return Reading(says=Says.REFUSED, words=f"HTTP {status}")
    if status == 440:
        return Reading(says=Says.REFUSED, words="HTTP 440 (login time-out)")
    if 200 <= status < 400:
        return None
    return Reading(says=Says.UNCLEAR, words=f"HTTP {status}")


def json_object(body: bytes, longest: int) -> dict[str, Any]:
    """The object that an answer is; none where it is anything else, or longer."""
    if len(body) > longest:
        return {}
    try:
        said: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def own_address(location: str, host: str) -> SplitResult | None:
    """Where on this server a redirect leads; None: to another one, or nowhere."""
    try:
        url = urlsplit(location)
    except ValueError:
        return None
    return url if url.netloc in ("", host) else None
