# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
import trustme

from evict.core.endpoint import Endpoint
from evict.lab.http.server import HttpServer
from evict.wire.activesync import PATH
from tests.unit.probes.activesync_estate import Handler, Serve, address, endpoint
from tests.unit.probes.fakes import NAME


class Authority(NamedTuple):
    """A CA of the tests: its certificate, and contexts of servers that it vouches for."""

    ca_file: Path
    good: ssl.SSLContext
    expired: ssl.SSLContext
    other_name: ssl.SSLContext


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    ca = trustme.CA()
    ca_file = tmp_path_factory.mktemp("ca") / "ca.pem"
    ca.cert_pem.write_to_path(str(ca_file))
    yesterday = datetime.now(UTC) - timedelta(days=1)
    long_ago = yesterday - timedelta(days=30)
    return Authority(
        ca_file=ca_file,
        good=_context(ca.issue_cert(NAME)),
        expired=_context(ca.issue_cert(NAME, not_before=long_ago, not_after=yesterday)),
        other_name=_context(ca.issue_cert("other.corp.test")),
    )


def _context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


@pytest.fixture
async def serve_phones(authority: Authority) -> AsyncIterator[Serve]:
    """Starts servers that answer ActiveSync's path as they are told."""
    servers: list[HttpServer] = []

    async def start(handler: Handler) -> Endpoint:
        server = HttpServer()
        server.route(PATH, handler)
        servers.append(server)
        host = address()
        return endpoint(host, await server.start(host, 0, authority.good), authority.ca_file)

    yield start
    for server in servers:
        await server.stop(grace_s=0.2)
