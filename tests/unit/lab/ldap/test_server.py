# SPDX-License-Identifier: Apache-2.0
"""The connection: what is malformed, too long, too slow, too many; and Evict's own probe."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from anyldap.protocols import pureldap

from evict.core.endpoint import Endpoint, Tls
from evict.core.secret import Secret
from evict.core.sighting import Outcome
from evict.lab.certificates import Authority
from evict.lab.ldap.codec import MAX_MESSAGE
from evict.lab.ldap.server import LdapLimits, LdapServer
from evict.lab.model.organisation import Organisation
from evict.probes.base import Login
from evict.probes.ldap import BindCode, LdapProber, bind_code
from evict.systems.ldap import messages
from tests.unit.lab.ldap.places import HOST, loopback
from tests.unit.lab.ldap.talking import ALICE, ALICE_PASSWORD, office

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Controller:
    organisation: Organisation
    host: str
    port: int
    ca_file: Path
    tls: ssl.SSLContext

    async def connect(self) -> Streams:
        return await asyncio.open_connection(self.host, self.port, ssl=self.tls)

    def endpoint(self) -> Endpoint:
        return Endpoint(
            system="directory",
            protocol="ldap",
            host=self.host,
            port=self.port,
            tls=Tls.IMPLICIT,
            server_name=self.host,
            ca_file=self.ca_file,
        )


@asynccontextmanager
async def running(folder: Path, limits: LdapLimits | None = None) -> AsyncIterator[Controller]:
    made, authority, host = office(), Authority(), loopback()
    server = LdapServer(made.organisation, HOST, limits=limits)
    port = await server.start(host, 0, authority.server_context(host))
    authority.write_ca(folder / "ca.pem")
    yield Controller(made.organisation, host, port, folder / "ca.pem", authority.client_context())
    await server.stop()


def message(request: pureldap.LDAPProtocolRequest) -> bytes:
    return pureldap.LDAPMessage(request, id=1).toWire()


async def ended(streams: Streams) -> bytes:
    """What came before the end of the connection, which must come."""
    reader, writer = streams
    async with asyncio.timeout(5):
        try:
            rest = await reader.read()
        except ConnectionError:
            rest = b""
    writer.transport.abort()
    return rest


NOTICE = pureldap.LDAPExtendedResponse.tag


@pytest.mark.parametrize(
    "noise",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x30\x80\x02\x01\x01",
        b"\x30\x85\x01\x00\x00\x00\x00",
        b"\x30\x84" + (MAX_MESSAGE + 1).to_bytes(4, "big"),
        b"\x30\x03\x02\x01\x01",
        b"\x30\x05\x02\x01\x01\x61\x00",
        b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x7f",
    ],
)
async def test_what_is_no_request_ends_with_a_notice(tmp_path: Path, noise: bytes) -> None:
    async with running(tmp_path) as controller:
        streams = await controller.connect()
        streams[1].write(noise)
        notice = messages.decode(await ended(streams))
        assert notice.id == 0
        assert isinstance(notice.value, pureldap.LDAPExtendedResponse)


async def test_a_slow_client_is_left(tmp_path: Path) -> None:
    async with running(tmp_path, LdapLimits(first_s=0.05, message_s=0.05)) as controller:
        silent, halfway = await controller.connect(), await controller.connect()
        halfway[1].write(b"\x30\x20\x02")
        assert await ended(silent) == b""
        assert await ended(halfway) == b""


async def test_there_are_only_so_many_connections(tmp_path: Path) -> None:
    async with running(tmp_path, LdapLimits(connections=1)) as controller:
        first = await controller.connect()
        first[1].write(message(pureldap.LDAPBindRequest(dn=ALICE, auth=ALICE_PASSWORD)))
        assert await first[0].read(5)
        assert await ended(await controller.connect()) == b""
        first[1].transport.abort()


async def test_requests_may_come_at_once_and_octet_by_octet(tmp_path: Path) -> None:
    async with running(tmp_path) as controller:
        reader, writer = await controller.connect()
        bind = message(pureldap.LDAPBindRequest(dn=ALICE, auth=ALICE_PASSWORD))
        for octet in bind + bind + bind:
            writer.write(bytes([octet]))
            await writer.drain()
        writer.write(message(pureldap.LDAPUnbindRequest()))
        answers = await ended((reader, writer))
        assert answers.count(b"\x61") >= 3


async def test_the_probe_sees_each_code(tmp_path: Path) -> None:
    async with running(tmp_path) as controller:
        endpoint, directory = controller.endpoint(), controller.organisation.directory

        def login(password: str = ALICE_PASSWORD) -> Login:
            return Login(
                name="alice@corp.test", password=Secret(password), source=None, timeout_s=5
            )

        prober = LdapProber()
        assert (await prober.negative_login(endpoint, login())).outcome is Outcome.LET_IN
        assert (await bind_code(endpoint, login("wrong"))).code is BindCode.WRONG_PASSWORD
        directory.disable("alice")
        assert (await bind_code(endpoint, login())).code is BindCode.DISABLED
        assert (await prober.negative_login(endpoint, login())).outcome is Outcome.REFUSED
        directory.enable("alice")
        directory.set_password("alice", "Other-Pass-1", must_change=True)
        assert (await bind_code(endpoint, login("Other-Pass-1"))).code is BindCode.MUST_CHANGE
