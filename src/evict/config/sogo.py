# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from evict.config.forward_auth import ForwardAuthHook
from evict.config.haproxy import HaproxyHook
from evict.config.kinds import CREDENTIAL, CaFile, ServerName

TableName = Annotated[str, Meta(pattern="^[a-z_][a-z0-9_]{0,62}$")]


class SogoSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One SOGo: web mail, ActiveSync, CalDAV, CardDAV. May stand more than once."""

    name: Annotated[str, Meta(description="Name in doors and reports.")] = "sogo"
    url: Annotated[
        str,
        Meta(
            description="Where clients come in: the front, where there is one.",
            examples=["https://mail.corp.example"],
            pattern="^https?://[^/@]+$",
        ),
    ]
    ca_file: CaFile = None
    server_name: ServerName = None
    uid_from: Annotated[
        str,
        Meta(
            description="What UIDFieldName names: sam (sAMAccountName), upn or mail.",
            pattern="^(sam|upn|mail)$",
        ),
    ] = "sam"
    username_format: Annotated[
        str,
        Meta(
            description="SOGo's uid, made of that: %u, %n, %d, each plain or with L;"
            " %u@corp.example with SOGoEnableDomainBasedUID."
        ),
    ] = "%u"
    memcached: Annotated[
        tuple[str, ...],
        Meta(
            description="Every server of SOGoMemcachedHost, host:port or socket: a leaver's cached"
            " password is deleted there.",
            examples=[["127.0.0.1:11211"]],
        ),
    ] = ()
    database_file: Annotated[
        Path | None,
        Meta(
            description="File with the PostgreSQL connection string (user and password included).",
            examples=["/etc/evict/sogo.dsn"],
            extra=CREDENTIAL,
        ),
    ] = None
    profile_table: Annotated[TableName, Meta(description="Last part of SOGoProfileURL.")] = (
        "sogo_user_profile"
    )
    folder_table: Annotated[TableName, Meta(description="Last part of OCSFolderInfoURL.")] = (
        "sogo_folder_info"
    )
    sessions_table: Annotated[TableName, Meta(description="Last part of OCSSessionsFolderURL.")] = (
        "sogo_sessions_folder"
    )
    acl_table: Annotated[
        TableName, Meta(description="Last part of OCSAclURL; unused where each folder has its own.")
    ] = "sogo_acl"
    cache_table: Annotated[
        TableName,
        Meta(description="Last part of OCSCacheFolderURL; else the beginning of each user's own."),
    ] = "sogo_cache_folder"
    take_shares: Annotated[
        bool,
        Meta(
            description="Take away too what others were given in the leaver's calendars and address"
            " books, and their right to write in the leaver's name."
        ),
    ] = False
    config_file: Annotated[
        Path, Meta(description="SOGo's settings, read for `evict exposure` and `evict doctor`.")
    ] = Path("/etc/sogo/sogo.conf")
    command_prefix: Annotated[
        tuple[str, ...],
        Meta(
            description="Put before `cat`, to read them on SOGo's host (ssh, sudo).",
            examples=[["ssh", "mail.corp.example"]],
        ),
    ] = ()
    hook: Annotated[
        ForwardAuthHook | None, Meta(description="The front asks the agent at each request.")
    ] = None
    haproxy: Annotated[
        HaproxyHook | None, Meta(description="HAProxy in front refuses by the agent's maps.")
    ] = None
