# SPDX-License-Identifier: Apache-2.0
"""What one client may ask of the server."""

from __future__ import annotations

from msgspec import Struct


class Limits(Struct, frozen=True, kw_only=True):
    """Bounds of a connection.

    Attributes:
        max_head: bytes of request line and headers.
        max_body: bytes of a body.
        max_waiting: whole requests sent ahead of answers; the server stops reading there.
        header_timeout_s: from the first byte of a request to the end of its head.
        body_timeout_s: between two pieces of a body.
        idle_timeout_s: between two requests. 120 s is the default of IIS
            (https://learn.microsoft.com/iis/configuration/system.applicationhost/sites/site/limits).
        write_timeout_s: for a client that does not read.
    """

    max_head: int = 64 * 1024
    max_body: int = 32 * 1024 * 1024
    max_waiting: int = 16
    header_timeout_s: float = 20.0
    body_timeout_s: float = 20.0
    idle_timeout_s: float = 120.0
    write_timeout_s: float = 60.0
