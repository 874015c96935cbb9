# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct


class HaproxyHook(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The agent pushes who is closed into HAProxy, which refuses by itself."""

    runtime: Annotated[
        str,
        Meta(
            description="HAProxy's stats socket, level admin: its path, or host:port.",
            examples=["/run/haproxy/admin.sock"],
        ),
    ]
    map_folder: Annotated[
        Path,
        Meta(
            description="Where the map files lie that HAProxy loads at its start; the agent writes"
            " there.",
            examples=["/etc/haproxy/evict"],
        ),
    ]
    state_file: Annotated[
        Path,
        Meta(
            description="Where the agent keeps whose session cookies are (hashes alone, mode 0600),"
            " so that nobody signs in anew after a restart of HAProxy.",
            examples=["/var/lib/evict/haproxy.cookies"],
        ),
    ]
    prefix: Annotated[
        Annotated[str, Meta(pattern="^[a-z0-9_]{1,32}$")] | None,
        Meta(
            description="Beginning of the maps' names; else evict_ and the system's name.",
            examples=["evict_mail_"],
        ),
    ] = None
    backends: Annotated[
        Annotated[tuple[str, ...], Meta(min_length=1)] | None,
        Meta(
            description="HAProxy's backends that have the snippet; else the one with the system's"
            " name.",
            examples=[["sogo"]],
        ),
    ] = None
    cookie: Annotated[
        Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{1,64}$")] | None,
        Meta(
            description="Name of the cookie that signs in; else the product's own.",
            examples=["0xHIGHFLYxSOGo"],
        ),
    ] = None
    life_hours: Annotated[
        int,
        Meta(description="After so long a cookie must be signed in anew.", ge=1, le=24 * 366),
    ] = 24
    lease_s: Annotated[
        int,
        Meta(
            description="An agent that was not heard of for so long lets nobody in any more.",
            ge=5,
            le=24 * 3600,
        ),
    ] = 60
    unidentified: Annotated[
        str,
        Meta(
            description="pass or refuse: what becomes of NTLM and Kerberos, which sign in a"
            " connection that HAProxy cannot see into.",
            pattern="^(pass|refuse)$",
        ),
    ] = "refuse"
