# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from evict.config.kinds import CREDENTIAL, CaFile, ServerName

NewsKind = Literal["done", "held", "overdue", "reopened", "alarm"]

_ABOUT = (
    "What it is told: done, held, overdue (open past its promise), reopened, alarm. Of what it was"
    " told it is also told the end."
)


class MailNotice(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Notices by mail, through any SMTP server."""

    server: Annotated[
        str,
        Meta(
            description="host or host:port; without one 587, 465 or 25, as security says.",
            examples=["mail.corp.example:587"],
        ),
    ]
    security: Annotated[
        Literal["starttls", "implicit", "none"],
        Meta(description="starttls, implicit or none. Without it nobody signs in."),
    ] = "starttls"
    sender: Annotated[
        str,
        Meta(
            description="From: an address, with a name before it if you like.",
            examples=["Evict <evict@corp.example>"],
        ),
    ]
    recipients: Annotated[
        tuple[str, ...],
        Meta(description="To.", min_length=1, examples=[["security@corp.example"]]),
    ]
    user: Annotated[
        str | None, Meta(description="SMTP AUTH user.", examples=["evict@corp.example"])
    ] = None
    password_file: Annotated[
        Path | None,
        Meta(description="Its password.", examples=["/etc/evict/smtp.password"], extra=CREDENTIAL),
    ] = None
    server_name: ServerName = None
    ca_file: CaFile = None
    about: Annotated[tuple[NewsKind, ...], Meta(description=_ABOUT)] = (
        "held",
        "overdue",
        "reopened",
        "alarm",
    )


class WebhookNotice(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Notices to a web server, signed as Standard Webhooks has it."""

    url: Annotated[
        str, Meta(description="https://...", examples=["https://soc.corp.example/evict"])
    ]
    secret_file: Annotated[
        Path,
        Meta(
            description="The shared secret (whsec_...).",
            examples=["/etc/evict/webhook.secret"],
            extra=CREDENTIAL,
        ),
    ]
    ca_file: CaFile = None
    about: Annotated[tuple[NewsKind, ...], Meta(description=_ABOUT)] = (
        "done",
        "held",
        "overdue",
        "reopened",
        "alarm",
    )


class NotifySection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is told of what happened. Syslog is told by [audit]."""

    mail: Annotated[MailNotice | None, Meta(description="By mail.")] = None
    webhook: Annotated[WebhookNotice | None, Meta(description="By a signed webhook.")] = None
