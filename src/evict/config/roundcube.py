# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from evict.config.forward_auth import ForwardAuthHook
from evict.config.haproxy import HaproxyHook
from evict.config.kinds import CREDENTIAL, CaFile, ServerName


class RoundcubeSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One Roundcube web mail. May stand more than once."""

    name: Annotated[str, Meta(description="Name in doors and reports.")] = "roundcube"
    url: Annotated[
        str,
        Meta(
            description="Where browsers come in, with its path: the front, where there is one.",
            examples=["https://mail.corp.example/roundcube/"],
            pattern="^https?://[^/@?#]+(/[^?#]*)?$",
        ),
    ]
    ca_file: CaFile = None
    server_name: ServerName = None
    database_file: Annotated[
        Path | None,
        Meta(
            description="File with the PostgreSQL connection string (user and password included).",
            examples=["/etc/evict/roundcube.dsn"],
            extra=CREDENTIAL,
        ),
    ] = None
    table_prefix: Annotated[
        Annotated[str, Meta(pattern="^([a-z_][a-z0-9_]{0,40})?$")],
        Meta(description="db_prefix."),
    ] = ""
    session_cookie: Annotated[
        Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{1,64}$")], Meta(description="session_name.")
    ] = "roundcube_sessid"
    hook: Annotated[
        ForwardAuthHook | None, Meta(description="The front asks the agent at each request.")
    ] = None
    haproxy: Annotated[
        HaproxyHook | None, Meta(description="HAProxy in front refuses by the agent's maps.")
    ] = None
