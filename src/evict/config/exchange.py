# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

from msgspec import Meta, Struct

from evict.config.forward_auth import ForwardAuthHook
from evict.config.haproxy import HaproxyHook
from evict.config.kinds import CREDENTIAL, CaFile, Port

_SHELL: Final = "^https?://[^/]+(/.*)?$"


class ExchangeServer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One client access server: its own doors, and its own shell (logs, application pools)."""

    name: Annotated[str, Meta(description="Short name, as Exchange spells it.", examples=["ex01"])]
    host: Annotated[
        str, Meta(description="Where its doors are tried.", examples=["ex01.corp.example"])
    ]
    shell_url: Annotated[
        Annotated[str, Meta(pattern=_SHELL)] | None,
        Meta(
            description="Its own PowerShell remoting (WinRM), for its logs and application pools.",
            examples=["https://ex01.corp.example:5986/wsman"],
        ),
    ] = None
    https_port: Annotated[Port, Meta(description="OWA, ActiveSync, EWS, MAPI over HTTP.")] = 443
    imap_port: Annotated[
        Port | None, Meta(description="IMAP with implicit TLS, where it is on.", examples=[993])
    ] = None
    pop3_port: Annotated[
        Port | None, Meta(description="POP3 with implicit TLS, where it is on.", examples=[995])
    ] = None
    submission_port: Annotated[
        Port | None, Meta(description="Submission (STARTTLS), where it is on.", examples=[587])
    ] = None


class ExchangeFront(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The balancer or reverse proxy through which people come to the web doors."""

    host: Annotated[
        str, Meta(description="Where the web doors are tried.", examples=["mail.corp.example"])
    ]
    port: Annotated[Port, Meta(description="HTTPS port.")] = 443


class ExchangeSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One Exchange organisation on own servers. May stand more than once."""

    name: Annotated[str, Meta(description="Name in doors and reports.")] = "exchange"
    version: Annotated[
        str,
        Meta(
            description="2010, 2013, 2016, 2019 or SE: the oldest of its servers.",
            examples=["2019"],
            pattern="^(2010|2013|2016|2019|SE)$",
        ),
    ]
    shell_url: Annotated[
        str,
        Meta(
            description="The Exchange Management Shell's endpoint. Over http:// every message is"
            " encrypted by the authentication.",
            examples=["http://ex01.corp.example/PowerShell"],
            pattern=_SHELL,
        ),
    ]
    bind_user: Annotated[
        str, Meta(description="Service account (UPN).", examples=["svc-evict@CORP.EXAMPLE"])
    ]
    password_file: Annotated[
        Path,
        Meta(
            description="Its password.",
            examples=["/etc/evict/exchange.password"],
            extra=CREDENTIAL,
        ),
    ]
    authentication: Annotated[
        str,
        Meta(
            description="negotiate, ntlm, kerberos or basic (over TLS only).",
            pattern="^(negotiate|ntlm|kerberos|basic)$",
        ),
    ] = "negotiate"
    ca_file: CaFile = None
    server_name: Annotated[
        str | None,
        Meta(
            description="Name that the doors' certificates must carry, where not the host's.",
            examples=["mail.corp.example"],
        ),
    ] = None
    target_database: Annotated[
        str | None,
        Meta(
            description="Where a mailbox is moved to; else any other database.",
            examples=["DB02"],
        ),
    ] = None
    may_recycle: Annotated[
        bool,
        Meta(description="An application pool that is seen still serving may be recycled."),
    ] = True
    may_move: Annotated[bool, Meta(description="The mailbox may be moved to another database.")] = (
        False
    )
    may_restart: Annotated[
        bool,
        Meta(description="IIS may be restarted, one server after another, as the last resort."),
    ] = False
    wipe_account: Annotated[
        bool,
        Meta(
            description="Take the account and its mail off the leaver's phones (2016 and later);"
            " the rest of the phone is left alone."
        ),
    ] = False
    servers: Annotated[
        tuple[ExchangeServer, ...],
        Meta(description="Every client access server.", min_length=1),
    ]
    front: Annotated[
        ExchangeFront | None,
        Meta(description="Where people come in, if not at the servers themselves."),
    ] = None
    hook: Annotated[
        ForwardAuthHook | None, Meta(description="The front asks the agent at each request.")
    ] = None
    haproxy: Annotated[
        HaproxyHook | None, Meta(description="HAProxy in front refuses by the agent's maps.")
    ] = None
