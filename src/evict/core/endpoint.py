# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from msgspec import Struct

from evict.core.door import Credential, Door


class Tls(StrEnum):
    NONE = "none"
    STARTTLS = "starttls"
    IMPLICIT = "implicit"


class Endpoint(Struct, frozen=True, kw_only=True):
    """Where a door is tried.

    Attributes:
        protocol: "imap", "pop3", "managesieve", "submission", "ldap", "kerberos".
        host: address to connect to.
        server_name: name that the certificate must carry; Kerberos: the service's host name.
        ca_file: trust anchors; None: the system's.
        realm: Kerberos realm, for "kerberos" only.
    """

    system: str
    protocol: str
    host: str
    port: int
    tls: Tls = Tls.NONE
    server_name: str = ""
    ca_file: Path | None = None
    realm: str = ""


def door_of(endpoint: Endpoint, credential: Credential) -> Door:
    """The door that a try at this endpoint is a try at."""
    return Door(system=endpoint.system, protocol=endpoint.protocol, credential=credential)
