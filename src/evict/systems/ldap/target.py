# SPDX-License-Identifier: Apache-2.0
"""How the servers of a directory are reached, and as whom."""

from __future__ import annotations

import ssl

from msgspec import Struct

from evict.config.model import DirectorySection
from evict.core.errors import ConfigError
from evict.core.secret import Secret


class Timeouts(Struct, frozen=True, kw_only=True):
    """Seconds. `answer_s` is for one request with all its answers, or between two of a stream."""

    connect_s: float = 3.0
    answer_s: float = 6.0


class Target(Struct, frozen=True, kw_only=True):
    """How a server is reached.

    Attributes:
        starttls: TLS is begun on the plain port (RFC 4511 section 4.14); without it at once.
        server_name: what the certificate must carry.
    """

    system: str
    host: str
    port: int
    tls: ssl.SSLContext
    server_name: str
    starttls: bool = False
    timeouts: Timeouts = Timeouts()

    @property
    def peer(self) -> str:
        return f"{self.host}:{self.port}"


class Service(Struct, frozen=True, kw_only=True):
    """Whom Evict binds as."""

    dn: str
    password: Secret


def targets(
    section: DirectorySection, *, default_port: int, starttls: bool, timeouts: Timeouts | None
) -> tuple[Target, ...]:
    """Every server of the section. Raises `ConfigError` for one that is no host or host:port."""
    tls = tls_context(str(section.ca_file) if section.ca_file else None)
    return tuple(
        Target(
            system=section.name,
            host=host,
            port=port,
            tls=tls,
            server_name=section.server_name or host,
            starttls=starttls,
            timeouts=timeouts or Timeouts(),
        )
        for host, port in (host_and_port(server, default_port) for server in section.servers)
    )


def host_and_port(server: str, default_port: int) -> tuple[str, int]:
    """`host`, `host:port` or `[v6]:port`; raises `ConfigError`."""
    host, _, port = (
        server.rpartition(":")
        if server.count(":") == 1 or "]:" in server
        else (server, "", str(default_port))
    )
    host = host.strip("[]")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ConfigError(f"directory.servers: {server!r} is no host or host:port")
    return host, int(port)


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Verified TLS 1.2 or newer. Raises `ConfigError` where the trust anchors cannot be read."""
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise ConfigError(f"directory.ca_file {ca_file} cannot be used: {error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
