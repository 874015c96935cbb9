# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

from msgspec import Meta, Struct

from evict.config.kinds import CREDENTIAL, CaFile, ServerName

SYSLOG_PORT: Final = 6514
"""Spec: RFC 5425 section 4.1 (the port that is assigned)."""


class SyslogSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A syslog server that takes RFC 5424 over TLS (RFC 5425)."""

    server: Annotated[str, Meta(description="host:port.", examples=["log.corp.example:6514"])]
    server_name: ServerName = None
    ca_file: CaFile = None
    certificate_file: Annotated[
        Path | None,
        Meta(description="Our certificate, where it asks.", examples=["/etc/evict/syslog.pem"]),
    ] = None
    key_file: Annotated[
        Path | None,
        Meta(description="Its key.", examples=["/etc/evict/syslog.key"], extra=CREDENTIAL),
    ] = None
    facility: Annotated[int, Meta(description="4 auth, 10 authpriv, 13 audit.", ge=0, le=23)] = 13


class AuditSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who did what, on whom, why, from where and with what result."""

    file: Annotated[
        Path | None,
        Meta(
            description="Append-only JSON lines, chained to the ledger; else audit.jsonl beside the"
            " ledger.",
            examples=["/var/log/evict/audit.jsonl"],
        ),
    ] = None
    syslog: Annotated[
        SyslogSection | None, Meta(description="The same to a syslog server as well.")
    ] = None


def audit_file(section: AuditSection, ledger: Path) -> Path:
    """Where the audit log is, by its own setting or beside the ledger."""
    return section.file or ledger.with_name("audit.jsonl")
