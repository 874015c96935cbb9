# SPDX-License-Identifier: Apache-2.0
"""Where everything of one organisation listens, and where its files lie."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Final

from msgspec import Struct

DOMAIN: Final = "corp.example"
NETBIOS: Final = "CORP"
BASE_DN: Final = "DC=corp,DC=example"
FRONT_NAME: Final = f"mail.{DOMAIN}"
DIRECTORY_NAME: Final = f"dc01.{DOMAIN}"
SERVICE_ACCOUNT: Final = "svc-evict"

HTTPS_PORT: Final = 8443
SHELL_PORT: Final = 5986
IMAP_PORT: Final = 9993
POP3_PORT: Final = 9995
SUBMISSION_PORT: Final = 5587
LDAPS_PORT: Final = 6636
"""Ports that need no root; the real ones are 443, 5986, 993, 995, 587 and 636."""


class Layout(Struct, frozen=True, kw_only=True):
    """The addresses of one organisation, all on loopback, and its folder.

    Attributes:
        address: of the balancer in front; the others are counted from it.
        folder: of certificates, sockets, and Evict's state.
    """

    folder: Path
    address: str = "127.80.0.1"
    servers: tuple[str, ...] = ("ex01", "ex02")

    @property
    def directory(self) -> str:
        return self._plus(4)

    @property
    def hook(self) -> str:
        """Of the agent's hook and login carrier."""
        return self._plus(5)

    def server(self, name: str) -> str:
        """Address of a client access server. Raises `ValueError` where there is none."""
        return self._plus(10 + self.servers.index(name))

    def _plus(self, number: int) -> str:
        return str(ipaddress.IPv4Address(self.address) + number)

    @property
    def control(self) -> Path:
        """Where the lab is told to move its clock and to do what an administrator does."""
        return self.folder / "lab.sock"

    @property
    def runtime(self) -> Path:
        """The balancer's runtime socket."""
        return self.folder / "balancer.sock"

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def config(self) -> Path:
        return self.folder / "evict.toml"
